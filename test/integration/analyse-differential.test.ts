// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Connection, createConnection } from 'mysql2/promise';
import type { Need } from '../../src/model/request.ts';
import { objectText } from '../../src/model/request.ts';
import type { LexerMode } from '../../src/policy/analyse/analysis.ts';
import { analyseMysql } from '../../src/policy/analyse/mysql/analyse.ts';
import { BYPASS, BYPASS_SETUP, MARKER } from '../corpus/bypass.ts';
import { STATEMENT_SETUP, STATEMENTS } from '../corpus/statements.ts';
import { startMariadb, type TestMariadb } from '../support/mariadb.ts';
import { StatementGenerator } from '../support/statement-generator.ts';

/**
 * The server is the judge of the analysis. An account is given exactly the needs that the analysis
 * found, and the statement is run: were anything left out that the server checks by name, it would
 * refuse for lack of a right. So whatever succeeds touches no more than the needs say.
 */

const MODE: LexerMode = {
  charset: 'utf8mb4',
  ansiQuotes: false,
  noBackslashEscapes: false,
  oracle: false,
  ignoreSpace: false,
};

/** Lack of a right on an object; 1227 and its like are about global rights, which nobody has. */
const PRIVILEGE_ERRORS = new Set([1044, 1095, 1142, 1143, 1345, 1356, 1370, 1419, 1410]);

const PRIVILEGES: Readonly<Record<string, string>> = {
  lock: 'LOCK TABLES',
  temporary: 'CREATE TEMPORARY TABLES',
  view: 'CREATE VIEW',
};

let server: TestMariadb;
let root: Connection;
let lessee: Connection;

async function attempt(connection: Connection, sql: string | Buffer): Promise<number> {
  try {
    await connection.query(sql as string);
    return 0;
  } catch (error) {
    const { errno } = error as { errno?: number };
    assert.ok(typeof errno === 'number' && errno > 0, `${String(error)} for ${sql}`);
    return errno;
  }
}

/** False when there is nothing of that name to give a right on. */
async function grant(need: Need): Promise<boolean> {
  const { action, object } = need;
  const schema = `\`${object.schema}\``;
  if (object.type === 'schema') {
    const privilege = action === 'routine' ? 'CREATE ROUTINE' : (PRIVILEGES[action] ?? action);
    await root.query(`GRANT ${privilege} ON ${schema}.* TO lessee`);
    return true;
  }
  const name = `${schema}.\`${object.name}\``;
  if (object.type === 'routine') {
    const privilege = action === 'routine' ? 'ALTER ROUTINE' : 'EXECUTE';
    const type = /^(p|q|r)$/.test(object.name) ? 'PROCEDURE' : 'FUNCTION';
    const errno = await attempt(root, `GRANT ${privilege} ON ${type} ${name} TO lessee`);
    return errno === 0;
  }
  const statement = `GRANT ${PRIVILEGES[action] ?? action} ON ${name} TO lessee`;
  const errno = await attempt(root, statement);
  if (errno === 1146) {
    // Rights on a table can only be given while it exists; they outlive it.
    if ((await attempt(root, `CREATE TABLE ${name} (id INT)`)) !== 0) return false;
    await root.query(statement);
    await root.query(`DROP TABLE ${name}`);
    return true;
  }
  return errno === 0;
}

/** The account has `needs`, and the weakest right on the schemas so that it can select them. */
async function give(needs: readonly Need[]): Promise<boolean> {
  await root.query('CREATE OR REPLACE USER lessee');
  await root.query('GRANT INSERT ON shop.anchor TO lessee');
  await root.query('GRANT INSERT ON other.anchor TO lessee');
  for (const need of needs) if (!(await grant(need))) return false;
  lessee = await createConnection({
    socketPath: server.socketPath,
    user: 'lessee',
    database: 'shop',
    multipleStatements: true,
  });
  // What a statement changes goes away with its connection.
  await lessee.query('SET autocommit = 0');
  return true;
}

const NOTHING_TO_GRANT = -1;

async function run(needs: readonly Need[], sql: string | Buffer, sqlMode = ''): Promise<number> {
  if (!(await give(needs))) return NOTHING_TO_GRANT;
  try {
    await lessee.query(`SET sql_mode = '${sqlMode}'`);
    return await attempt(lessee, sql);
  } finally {
    lessee.destroy();
  }
}

async function reset(): Promise<void> {
  for (const schema of ['shop', 'other', 'vault', 'fresh']) {
    await root.query(`DROP SCHEMA IF EXISTS ${schema}`);
  }
  for (const sql of STATEMENT_SETUP) await root.query(sql);
}

function analyse(sql: string | Buffer, mode: Partial<LexerMode> = {}) {
  const text = typeof sql === 'string' ? Buffer.from(sql) : sql;
  return analyseMysql(text, { ...MODE, ...mode }, 'shop', { caseInsensitiveNames: false });
}

function texts(needs: readonly Need[]): string {
  return needs.map((need) => `${need.action} ${objectText(need.object)}`).join(', ');
}

/** `ANALYSE_ROUNDS=20 ANALYSE_SEED=7` looks longer and elsewhere; CI repeats the same ones. */
const ROUNDS = Number(process.env.ANALYSE_ROUNDS ?? 1);
const SEED = Number(process.env.ANALYSE_SEED ?? 20_261_121);

const CHANGES_OBJECTS = new Set(['create', 'alter', 'drop', 'rename', 'truncate']);

describe('analysis and server agree', () => {
  before(async () => {
    server = await startMariadb({
      variables: { 'max-statement-time': '5', 'character-set-server': 'utf8mb4' },
    });
    root = await createConnection({
      socketPath: server.socketPath,
      user: 'root',
      password: server.rootPassword,
    });
    await reset();
  });

  after(async () => {
    await root?.end();
    await server?.stop();
  });

  it('the corpus runs with exactly the needs, and mostly not with one less', async (context) => {
    let superfluous = 0;
    let total = 0;
    for (const [sql] of STATEMENTS) {
      const analysis = analyse(sql);
      assert.ok(analysis.ok, sql);
      const errno = await run(analysis.needs, sql);
      assert.equal(errno, 0, `${sql} with ${texts(analysis.needs)}`);
      if (CHANGES_OBJECTS.has(analysis.kind)) await reset();
      for (const need of analysis.needs) {
        total++;
        const less = await run(
          analysis.needs.filter((other) => other !== need),
          sql,
        );
        if (!PRIVILEGE_ERRORS.has(less)) {
          superfluous++;
          context.diagnostic(`not needed: ${texts([need])} for ${sql} (${less})`);
        }
        if (CHANGES_OBJECTS.has(analysis.kind)) await reset();
      }
    }
    context.diagnostic(`${total - superfluous} of ${total} needs are necessary to the server`);
  });

  it('no random statement is refused for a right the analysis left out', async (context) => {
    await reset();
    const generator = new StatementGenerator(SEED);
    const counts = { ran: 0, failed: 0, refused: 0 };
    for (let round = 0; round < 400 * ROUNDS; round++)
      await judge(generator, generator.statement(), counts);
    context.diagnostic(JSON.stringify(counts));
    assert.ok(counts.ran > 200 * ROUNDS && counts.refused < 80 * ROUNDS, JSON.stringify(counts));
  });

  it('no mutated statement either: two readings never differ in our disfavour', async (context) => {
    await reset();
    const generator = new StatementGenerator(SEED + 1);
    const counts = { ran: 0, failed: 0, refused: 0 };
    const sources = STATEMENTS.map(([sql]) => sql).filter((sql) => !/^(LOCK|USE)/.test(sql));
    for (let round = 0; round < 800 * ROUNDS; round++) {
      const base = round % 2 === 0 ? generator.statement() : generator.pick(...sources);
      let sql = base;
      for (let times = generator.next(3) + 1; times > 0; times--) sql = generator.mutate(sql);
      if (await judge(generator, sql, counts)) await reset();
    }
    context.diagnostic(JSON.stringify(counts));
  });

  it('what the analysis lets through of the bypass corpus reads nothing forbidden', async () => {
    await reset();
    await root.query('DROP SCHEMA shop');
    for (const sql of BYPASS_SETUP) await root.query(sql);
    await root.query('CREATE TABLE shop.anchor (id INT)');
    for (const { sql, mode = {}, note } of BYPASS) {
      const analysis = analyse(sql, mode);
      if (!analysis.ok || analysis.needs.some((need) => !isOrders(need))) continue;
      await give([{ action: 'select', object: { type: 'table', schema: 'shop', name: 'orders' } }]);
      const [rows] = await lessee.query(sql as string).catch(() => [[]]);
      lessee.destroy();
      assert.ok(!JSON.stringify(rows).includes(MARKER), note);
    }
  });
});

function isOrders({ object }: Need): boolean {
  return object.type === 'table' && object.schema === 'shop' && object.name === 'orders';
}

/** Runs `sql` with its needs alone; true when it may have changed the tables themselves. */
async function judge(
  generator: StatementGenerator,
  sql: string,
  counts: { ran: number; failed: number; refused: number },
): Promise<boolean> {
  const [sqlMode, mode] = generator.pick<readonly [string, Partial<LexerMode>]>(
    ['', {}],
    ['', {}],
    ['ANSI_QUOTES', { ansiQuotes: true }],
    ['NO_BACKSLASH_ESCAPES', { noBackslashEscapes: true }],
    ['IGNORE_SPACE', { ignoreSpace: true }],
  );
  const analysis = analyse(sql, mode);
  if (!analysis.ok) {
    counts.refused++;
    return false;
  }
  // Killing, and creating accounts' worth of objects by accident, is not what this is about.
  if (analysis.kind === 'kill-query') return false;
  const errno = await run(analysis.needs, sql, sqlMode);
  // SHOW ... FROM schema and USE: the server hides whole schemas from who has no right in them.
  const hidden = errno === 1044 && (analysis.kind === 'show' || /\bUSE\b/.test(sql));
  assert.ok(
    hidden || !PRIVILEGE_ERRORS.has(errno),
    `${errno}: ${sqlMode} ${sql} with ${texts(analysis.needs)}`,
  );
  if (errno === 0) counts.ran++;
  else counts.failed++;
  return CHANGES_OBJECTS.has(analysis.kind) || analysis.kind === 'other';
}
