// SPDX-License-Identifier: Apache-2.0
import { Readable } from 'node:stream';
import type { Connection } from 'mysql2/promise';
import { quoteIdentifier as q } from '../../src/compile/sql/quote.ts';
import type { Action } from '../../src/model/request.ts';
import type { DatabaseModel } from '../../src/prove/database/model.ts';
import type { AccountHolder, DatabaseQuestion, Holder } from '../../src/prove/database/question.ts';
import { reachCovers } from '../../src/prove/database/reach-covers.ts';
import {
  insertMarkers,
  marker,
  path,
  SCHEMAS,
  TEST_ROUTINES,
  TEST_TABLES,
  type TestRoutine,
  type TestTable,
  type TestView,
} from './random-database.ts';

/** Lack of a right in the words of MariaDB: schema, table, column, routine, view, definer, role. */
const DENIED = new Set([1044, 1045, 1142, 1143, 1227, 1356, 1370, 1449, 1959]);
/** Nothing that is written to a view of several columns reaches what the view does not have. */
const NOT_WRITABLE = new Set([1288, 1348, 1471]);

interface Attempt {
  readonly sql: string;
  /** Run by the session afterwards when it worked; a ROLLBACK follows. */
  readonly release?: string;
  /** Run as root after that. */
  readonly undo?: string;
}

/** Any of the attempts working is the answer; the model must allow all of `needs`, or not. */
interface Probe {
  readonly needs: readonly DatabaseQuestion[];
  readonly attempts: readonly Attempt[];
}

export interface ProbeCounts {
  allowed: number;
  denied: number;
  unknown: number;
}

/** Tries with a real session what the model says about its holder, in both directions. */
export class DatabaseProbe {
  readonly counts: ProbeCounts = { allowed: 0, denied: 0, unknown: 0 };
  readonly #root: Connection;

  constructor(root: Connection) {
    this.#root = root;
  }

  /** What the model and the server disagree about; empty when they do not. */
  async mismatches(
    model: DatabaseModel,
    holder: Holder,
    session: Connection,
    views: readonly TestView[],
  ): Promise<readonly string[]> {
    const found = [...reachDifferences(model, holder, views)];
    // What is not committed is undone by a ROLLBACK, which a refused statement does not need.
    await session.query('SET autocommit = 0');
    for (const probe of probes(views)) {
      const verdicts = probe.needs.map((need) => model.allows(holder, need).verdict);
      const said = verdicts.includes('denied')
        ? 'denied'
        : verdicts.includes('unknown')
          ? 'unknown'
          : 'allowed';
      this.counts[said] += 1;
      const [worked, log] = await this.#any(session, probe.attempts);
      if (said === 'unknown' || worked === (said === 'allowed')) continue;
      found.push(`${JSON.stringify(probe.needs)}: the model says ${said}; ${log.join('; ')}`);
    }
    return [...found, ...(await this.#visibility(model, holder, session))];
  }

  /** Which roles it can activate; the last one that worked stays active. */
  async roleMismatches(
    model: DatabaseModel,
    account: AccountHolder,
    session: Connection,
    roles: readonly string[],
  ): Promise<readonly string[]> {
    const said = model.roles(account);
    const found: string[] = [];
    for (const role of roles) {
      const outcome = await this.#attempt(session, `SET ROLE ${q(role)}`);
      if ((outcome === 'ok') !== said.has(role)) found.push(`SET ROLE ${role} gave ${outcome}`);
    }
    return found;
  }

  /**
   * Everything that the session can be shown, by every view and routine there is: none of it may be
   * denied by the model, whatever it does not know.
   */
  async hiddenReads(
    model: DatabaseModel,
    holder: Holder,
    session: Connection,
    sources: readonly string[],
  ): Promise<readonly string[]> {
    const shown: string[] = [];
    for (const sql of sources) {
      const rows = await session.query(sql).catch(() => undefined);
      if (rows) shown.push(JSON.stringify(rows[0]));
    }
    await session.query('ROLLBACK');
    const text = shown.join();
    return TEST_TABLES.flatMap(({ columns, ...table }) =>
      columns.slice(1).flatMap((column) => {
        if (!text.includes(JSON.stringify(marker(table, column)).slice(1, -1))) return [];
        const object = { type: 'table' as const, ...table };
        const { verdict } = model.allows(holder, { action: 'select', object, column });
        return verdict === 'denied'
          ? [`${path(table)}.${column} was read, the model denies it`]
          : [];
      }),
    );
  }

  async #any(session: Connection, attempts: readonly Attempt[]): Promise<[boolean, string[]]> {
    const log: string[] = [];
    let worked = false;
    for (const { sql, release, undo } of attempts) {
      const outcome = await this.#attempt(session, sql);
      log.push(`${sql} gave ${outcome}`);
      if (outcome !== 'ok') continue;
      worked = true;
      if (release !== undefined) await session.query(release);
      await session.query('ROLLBACK');
      if (undo !== undefined) await this.#root.query(undo);
    }
    return [worked, log];
  }

  /** Rejects when the server refuses for another reason than a missing right. */
  async #attempt(session: Connection, sql: string): Promise<string> {
    try {
      const [rows] = await session.query({
        sql,
        infileStreamFactory: () => Readable.from([Buffer.from('x\n')]),
      });
      return /^CHECKSUM/.test(sql) && JSON.stringify(rows).includes('denied') ? 'denied' : 'ok';
    } catch (error) {
      const { errno, message } = error as { errno?: number; message: string };
      if (DENIED.has(errno ?? 0) || NOT_WRITABLE.has(errno ?? 0)) return `denied (${errno})`;
      throw new Error(`${sql} failed: ${errno} ${message}`);
    }
  }

  async #visibility(
    model: DatabaseModel,
    holder: Holder,
    session: Connection,
  ): Promise<readonly string[]> {
    const names = SCHEMAS.map((schema) => session.escape(schema)).join(', ');
    const [rows] = await session.query(
      `SELECT CONCAT_WS('|', TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME) AS c FROM information_schema.COLUMNS
       WHERE BINARY TABLE_SCHEMA IN (${names})`,
    );
    const seen = new Set((rows as { c: string }[]).map(({ c }) => c));
    return TEST_TABLES.flatMap((table) =>
      table.columns.flatMap((column) => {
        const shown = seen.has([table.schema, table.name, column].join('|'));
        const said = model.sees(holder, table, column);
        if (said === 'unknown' || shown === (said === 'allowed')) return [];
        return `${path(table)}.${column}: seen ${shown}, and the model says ${said}`;
      }),
    );
  }
}

/** `reach` lists what `allows` gives; on views it may list more, for it does not look behind them. */
function reachDifferences(
  model: DatabaseModel,
  holder: Holder,
  views: readonly TestView[],
): readonly string[] {
  const { entries } = model.reach(holder);
  return probes(views)
    .flatMap(({ needs }) => needs)
    .filter((need) => {
      const listed = entries.some((entry) => reachCovers(entry, need, (name) => name));
      const allowed = model.allows(holder, need).verdict !== 'denied';
      return allowed ? !listed : listed && need.object.type === 'table';
    })
    .map((need) => `${JSON.stringify(need)}: reach and allows differ`);
}

/** Statements that show what there is behind views and routines. */
export function readingStatements(
  views: readonly TestView[],
  routines: readonly TestRoutine[],
): readonly string[] {
  return [
    ...views.map((view) => `SELECT * FROM ${path(view)}`),
    ...routines.map((routine) =>
      routine.kind === 'FUNCTION' ? `SELECT ${path(routine)}()` : `CALL ${path(routine)}()`,
    ),
  ];
}

function probes(views: readonly TestView[]): readonly Probe[] {
  return [
    ...TEST_TABLES.flatMap((table) => tableProbes(table, views)),
    ...views.flatMap(viewProbes),
    ...SCHEMAS.flatMap(schemaProbes),
    ...TEST_ROUTINES.flatMap(({ kind, schema, name }) => {
      const object = { type: 'routine' as const, schema, name };
      const call = kind === 'FUNCTION' ? `SELECT ${path(object)}()` : `CALL ${path(object)}()`;
      return [
        probe([{ action: 'execute', object }], call),
        probe([{ action: 'routine', object }], `ALTER ${kind} ${path(object)} COMMENT 'x'`),
      ];
    }),
  ];
}

function tableProbes(table: TestTable, views: readonly TestView[]): readonly Probe[] {
  const t = path(table);
  const object = { type: 'table' as const, schema: table.schema, name: table.name };
  const whole = (action: Action): DatabaseQuestion => ({ action, object });
  const over = views.filter(({ base }) => base.schema === table.schema && base.name === table.name);
  const offered = (column: string) =>
    over.flatMap((view) =>
      view.columns
        .filter(({ of }) => of === column)
        .map(({ name }) => [path(view), q(name)] as const),
    );
  return [
    ...table.columns.flatMap((column): readonly Probe[] => {
      const value = column === 'id' ? '7' : "'x'";
      const c = q(column);
      const on = (action: Action) => [{ action, object, column }];
      return [
        {
          needs: on('select'),
          attempts: [
            { sql: `SELECT ${c} FROM ${t}` },
            { sql: `HANDLER ${t} OPEN AS h`, release: 'HANDLER h CLOSE' },
            ...offered(column).map(([view, name]) => ({ sql: `SELECT ${name} FROM ${view}` })),
          ],
        },
        {
          needs: on('insert'),
          attempts: [
            { sql: `INSERT INTO ${t} (${c}) VALUES (${value})` },
            ...offered(column).map(([view, name]) => ({
              sql: `INSERT INTO ${view} (${name}) VALUES (${value})`,
            })),
          ],
        },
        {
          needs: on('update'),
          attempts: [
            { sql: `UPDATE ${t} SET ${c} = ${value}` },
            ...offered(column).map(([view, name]) => ({
              sql: `UPDATE ${view} SET ${name} = ${value}`,
            })),
          ],
        },
      ];
    }),
    {
      needs: [whole('delete')],
      attempts: [t, ...over.map(path)].map((from) => ({ sql: `DELETE FROM ${from}` })),
    },
    probe([whole('select')], `CHECKSUM TABLE ${t}`),
    {
      needs: [whole('select')],
      attempts: [{ sql: `EXECUTE IMMEDIATE 'HANDLER ${t} OPEN AS h'`, release: 'HANDLER h CLOSE' }],
    },
    probe([whole('alter')], `ALTER TABLE ${t} COMMENT 'x'`),
    undone([whole('index')], `CREATE INDEX i_x ON ${t} (${q('id')})`, `DROP INDEX i_x ON ${t}`),
    undone([whole('drop')], `TRUNCATE TABLE ${t}`, insertMarkers(table)),
    probe([whole('create')], `CREATE TABLE IF NOT EXISTS ${t} (a INT)`),
    undone(
      [whole('trigger')],
      `CREATE TRIGGER ${q(table.schema)}.g_x BEFORE INSERT ON ${t} FOR EACH ROW SET @x = 1`,
      `DROP TRIGGER ${q(table.schema)}.g_x`,
    ),
    {
      needs: [
        { action: 'lock', object: { type: 'schema', schema: table.schema } },
        whole('select'),
      ],
      attempts: [{ sql: `LOCK TABLES ${t} READ`, release: 'UNLOCK TABLES' }],
    },
    undone(
      [
        { action: 'create', object: { type: 'table', schema: table.schema, name: 'k_x' } },
        whole('references'),
      ],
      `CREATE TABLE ${q(table.schema)}.k_x (a INT, FOREIGN KEY (a) REFERENCES ${t} (${q('id')}))`,
      `DROP TABLE ${q(table.schema)}.k_x`,
    ),
    {
      needs: [{ action: 'insert', object, column: 'Na_me' }],
      attempts: [{ sql: `LOAD DATA LOCAL INFILE 'x' INTO TABLE ${t} (${q('Na_me')})` }],
    },
  ];
}

function viewProbes(view: TestView): readonly Probe[] {
  const v = path(view);
  const object = { type: 'view' as const, schema: view.schema, name: view.name };
  return [
    ...view.columns.flatMap(({ name, of }) => {
      const value = of === 'id' ? '7' : "'x'";
      const on = (action: Action) => [{ action, object, column: name }];
      return [
        probe(on('select'), `SELECT ${q(name)} FROM ${v}`),
        probe(on('update'), `UPDATE ${v} SET ${q(name)} = ${value}`),
        probe(on('insert'), `INSERT INTO ${v} (${q(name)}) VALUES (${value})`),
      ];
    }),
    probe([{ action: 'delete', object }], `DELETE FROM ${v}`),
  ];
}

function schemaProbes(schema: string): readonly Probe[] {
  const s = q(schema);
  const on = (action: Action, name: string, type: 'table' | 'routine' = 'table') => ({
    action,
    object: { type, schema, name },
  });
  const inSchema = (action: Action): DatabaseQuestion => ({
    action,
    object: { type: 'schema', schema },
  });
  return [
    undone([on('create', 'n_x')], `CREATE TABLE ${s}.n_x (a INT)`, `DROP TABLE ${s}.n_x`),
    undone([on('view', 'v_x')], `CREATE VIEW ${s}.v_x AS SELECT 1`, `DROP VIEW ${s}.v_x`),
    undone(
      [inSchema('event')],
      `CREATE EVENT ${s}.e_x ON SCHEDULE EVERY 1 DAY DISABLE DO SELECT 1`,
      `DROP EVENT ${s}.e_x`,
    ),
    undone(
      [inSchema('routine')],
      `CREATE PROCEDURE ${s}.r_x() SELECT 1`,
      `DROP PROCEDURE ${s}.r_x`,
    ),
    probe([inSchema('temporary')], `CREATE OR REPLACE TEMPORARY TABLE ${s}.m_x (a INT)`),
  ];
}

function probe(needs: readonly DatabaseQuestion[], ...sql: readonly string[]): Probe {
  return { needs, attempts: sql.map((one) => ({ sql: one })) };
}

function undone(needs: readonly DatabaseQuestion[], sql: string, undo: string): Probe {
  return { needs, attempts: [{ sql, undo }] };
}
