// SPDX-License-Identifier: Apache-2.0
import type { Connection } from 'mysql2/promise';
import { quoteIdentifier as q, quoteString } from '../../src/compile/sql/quote.ts';
import type { Random } from './random.ts';
import {
  type Named,
  path,
  SCHEMAS,
  TEST_ROUTINES,
  TEST_TABLES,
  type TestRoutine,
  type TestView,
} from './random-database.ts';

const PATTERNS = ['s_a', 's\\_a', 's%', 's_%', 'S%', 'sx_', 's\\%a', '%a', 'we`b', 'w_`b'];
const SCHEMA_PRIVILEGES = [
  'SELECT',
  'INSERT',
  'UPDATE',
  'DELETE',
  'CREATE',
  'DROP',
  'ALTER',
  'INDEX',
  'EVENT',
  'TRIGGER',
  'EXECUTE',
  'LOCK TABLES',
  'CREATE TEMPORARY TABLES',
  'CREATE VIEW',
  'CREATE ROUTINE',
  'ALTER ROUTINE',
  'SHOW VIEW',
  'REFERENCES',
  'DELETE HISTORY',
];
const TABLE_PRIVILEGES = [
  'SELECT',
  'INSERT',
  'UPDATE',
  'DELETE',
  'ALTER',
  'DROP',
  'INDEX',
  'TRIGGER',
];
const COLUMN_PRIVILEGES = ['SELECT', 'INSERT', 'UPDATE', 'REFERENCES'];
const GLOBAL_PRIVILEGES = ['SELECT', 'LOCK TABLES', 'PROCESS', 'EXECUTE', 'CREATE VIEW'];
/** Accounts and roles that nobody made for Postern. `app` logs in with the password `app`. */
export const CREATE_OTHERS: readonly string[] = [
  "CREATE USER app@'%' IDENTIFIED BY 'app'",
  'CREATE USER limited@localhost IDENTIFIED BY "limited" ACCOUNT LOCK',
  'CREATE ROLE extra',
  'CREATE ROLE inner_role',
  'CREATE ROLE app_role',
  "GRANT app_role TO app@'%'",
];
const GRANT_TABLES = [
  'global_priv',
  'db',
  'tables_priv',
  'columns_priv',
  'procs_priv',
  'roles_mapping',
];

/** Rights, memberships, views and routines that somebody adds by hand; all of it is taken back. */
export class PlantedAccess {
  readonly views: TestView[] = [];
  readonly routines: TestRoutine[] = [];
  readonly log: string[] = [];
  readonly #root: Connection;
  readonly #random: Random;
  /** Quoted; who may be given something. */
  readonly #grantees: readonly string[];
  /** Whose definer is there and holds all: others cannot be built upon. */
  readonly #solid: TestView[] = [];

  constructor(root: Connection, random: Random, grantees: readonly string[]) {
    this.#root = root;
    this.#random = random;
    this.#grantees = [
      ...grantees,
      'PUBLIC',
      'extra',
      'inner_role',
      'app_role',
      "app@'%'",
      'limited@localhost',
    ];
  }

  /** Keeps what the grant tables say now. */
  static async snapshot(root: Connection): Promise<void> {
    await root.query('CREATE DATABASE kept');
    for (const table of GRANT_TABLES) {
      await root.query(`CREATE TABLE kept.${table} ENGINE=Aria AS SELECT * FROM mysql.${table}`);
    }
  }

  async plant(count: number): Promise<void> {
    for (let index = 0; index < count; index += 1) {
      for (const sql of this.#statements(index)) {
        this.log.push(sql);
        await this.#root.query(sql);
      }
    }
  }

  async takeBack(): Promise<void> {
    for (const view of this.views) await this.#root.query(`DROP VIEW ${path(view)}`);
    for (const { kind, ...routine } of this.routines) {
      await this.#root.query(`DROP ${kind} ${path(routine)}`);
    }
    for (const table of GRANT_TABLES) {
      await this.#root.query(`DELETE FROM mysql.${table}`);
      await this.#root.query(`INSERT INTO mysql.${table} SELECT * FROM kept.${table}`);
    }
    await this.#root.query('FLUSH PRIVILEGES');
  }

  #statements(index: number): readonly string[] {
    const random = this.#random;
    const to = random.pick(this.#grantees);
    switch (random.below(12)) {
      case 0:
      case 1:
      case 2:
        return [
          `GRANT ${some(random, SCHEMA_PRIVILEGES)} ON ${q(random.pick(PATTERNS))}.* TO ${to}`,
        ];
      case 3:
        return this.#anonymousRow();
      case 4:
        return [`GRANT ${some(random, TABLE_PRIVILEGES)} ON ${path(this.#tableOrView())} TO ${to}`];
      case 5: {
        const table = random.pick(TEST_TABLES);
        const columns = random.some(table.columns).map(q).join(', ');
        const privileges = random.some(COLUMN_PRIVILEGES).map((name) => `${name} (${columns})`);
        return [`GRANT ${privileges.join(', ')} ON ${path(table)} TO ${to}`];
      }
      case 6: {
        const { kind, ...routine } = random.pick([...TEST_ROUTINES, ...this.routines]);
        return [`GRANT EXECUTE ON ${kind} ${path(routine)} TO ${to}`];
      }
      case 7: {
        const role = random.pick(['extra', 'inner_role']);
        const holder = role === 'extra' && to === 'inner_role' ? 'app_role' : to;
        return holder === role ? [] : [`GRANT ${role} TO ${holder}`];
      }
      case 8:
      case 9:
        return this.#view(index);
      case 10:
        return this.#routine(index);
      default:
        return [`GRANT ${random.pick(GLOBAL_PRIVILEGES)} ON *.* TO ${to}`];
    }
  }

  #anonymousRow(): readonly string[] {
    const host = this.#random.pick(['%', '127.0.0.1', 'elsewhere']);
    const pattern = this.#random.pick(PATTERNS);
    return [
      `INSERT IGNORE INTO mysql.db (Host, Db, User, Select_priv, Update_priv, Create_priv)
       VALUES ('${host}', ${quoteString(pattern)}, '', 'Y', '${this.#random.pick(['Y', 'N'])}', 'Y')`,
      'FLUSH PRIVILEGES',
    ];
  }

  #tableOrView(): Named {
    return this.#random.pick<Named>([...TEST_TABLES, ...this.views]);
  }

  #definer(): string {
    return this.#random.pick([
      'root@localhost',
      'limited@localhost',
      'extra',
      "app@'%'",
      'gone@localhost',
    ]);
  }

  /** Some of them over another view; of half of them the text is shown to whoever proves. */
  #view(index: number): readonly string[] {
    const random = this.#random;
    const over =
      random.chance(0.4) && this.#solid.length > 0 ? random.pick(this.#solid) : undefined;
    const table = random.pick(TEST_TABLES);
    const [base, names] = over
      ? [over.base, over.columns]
      : [table, table.columns.map((name) => ({ name, of: name }))];
    const columns = random.some(names);
    const view = { schema: random.pick(SCHEMAS), name: `x_${index}` };
    const offered = columns.map(({ of }, at) => ({ name: `c${at}`, of }));
    const definer = this.#definer();
    const made = { ...view, base, columns: offered };
    this.views.push(made);
    if (definer.startsWith('root')) this.#solid.push(made);
    const list = columns.map(({ name }, at) => `${q(name)} AS c${at}`).join(', ');
    const security = random.chance(0.8) ? 'DEFINER' : 'INVOKER';
    const where = random.chance(0.3) ? ` WHERE ${q(names[0]?.name ?? '')} IS NOT NULL` : '';
    return [
      `CREATE DEFINER=${definer} SQL SECURITY ${security} VIEW ${path(view)} AS SELECT ${list} FROM ${path(over ?? table)}${where}`,
      ...(random.chance(0.6) ? [`GRANT SELECT ON ${path(view)} TO postern_owner@localhost`] : []),
    ];
  }

  #routine(index: number): readonly string[] {
    const random = this.#random;
    const kind = random.pick(['PROCEDURE', 'FUNCTION'] as const);
    const routine = { schema: random.pick(SCHEMAS), name: `y_${index}`, kind };
    this.routines.push(routine);
    const table = random.pick(TEST_TABLES);
    const read = `SELECT MAX(${q('Na_me')}) FROM ${path(table)}`;
    const security = random.chance(0.8) ? 'DEFINER' : 'INVOKER';
    const head = `CREATE DEFINER=${this.#definer()} ${kind} ${path(routine)}()`;
    return kind === 'FUNCTION'
      ? [`${head} RETURNS VARCHAR(60) READS SQL DATA SQL SECURITY ${security} RETURN (${read})`]
      : [`${head} SQL SECURITY ${security} ${read}`];
  }
}

function some(random: Random, privileges: readonly string[]): string {
  return random.some(privileges).slice(0, 4).join(', ');
}
