// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Connection } from 'mysql2/promise';
import { asWorkload } from './drivers.ts';
import { World } from './world.ts';

/** What differs between the servers in what an attacker would say. */
export interface DatabaseAlone {
  readonly server: string;
  readonly skip?: string | false;
  readonly mysql?: true;
  readonly sql: string;
  /** Ways to read a table besides those of every server. */
  readonly reads: (table: string) => readonly string[];
  readonly elsewhere: readonly string[];
  /** Lack of a right: on a schema, table, column, routine, role, or at all. */
  readonly privilegeErrors: ReadonlySet<number>;
  readonly noLocalFiles: RegExp;
}

const SQL = `
CREATE DATABASE vault;
CREATE TABLE vault.secrets (id INT PRIMARY KEY, note VARCHAR(100));
INSERT INTO vault.secrets VALUES (1, 'kept');
CREATE PROCEDURE vault.fetch() SELECT * FROM vault.secrets;
CREATE FUNCTION vault.peek() RETURNS INT RETURN (SELECT COUNT(*) FROM vault.secrets);
CREATE PROCEDURE shop.other() SELECT * FROM shop.secrets;
CREATE FUNCTION shop.other_function() RETURNS INT RETURN (SELECT COUNT(*) FROM shop.secrets);
CREATE VIEW shop.all_customers AS SELECT * FROM shop.customers;
`;

/** What each action is on a table; all have an integer `id`. */
const ACTIONS: Readonly<Record<string, (table: string) => readonly string[]>> = {
  select: (table) => [
    `SELECT * FROM ${table}`,
    `SELECT COUNT(*) FROM ${table}`,
    `SELECT 1 FROM (SELECT id FROM ${table}) d`,
    `WITH c AS (SELECT id FROM ${table}) SELECT * FROM c`,
    `DO (SELECT MAX(id) FROM ${table})`,
    `SET @x = (SELECT MAX(id) FROM ${table})`,
    `HANDLER ${table} OPEN AS h`,
    `CHECKSUM TABLE ${table}`,
    `INSERT INTO orders (product) SELECT id FROM ${table} WHERE FALSE`,
  ],
  insert: (table) => [
    `INSERT INTO ${table} (id) VALUES (999)`,
    `INSERT INTO ${table} (id) SELECT 998`,
  ],
  update: (table) => [`UPDATE ${table} SET id = id WHERE id = 999`],
  delete: (table) => [`DELETE FROM ${table} WHERE id > 900`],
  replace: (table) => [`REPLACE INTO ${table} (id) VALUES (997)`],
  drop: (table) => [`TRUNCATE ${table}`, `DROP TABLE ${table}`, `RENAME TABLE ${table} TO shop.x`],
  alter: (table) => [
    `ALTER TABLE ${table} ADD COLUMN evil INT`,
    `CREATE INDEX evil ON ${table} (id)`,
    `CREATE TRIGGER shop.evil BEFORE INSERT ON ${table} FOR EACH ROW SET @a = 1`,
    `CREATE TABLE shop.evil LIKE ${table}`,
    `CREATE VIEW shop.evil AS SELECT id FROM ${table}`,
    `CREATE TEMPORARY TABLE shop.evil SELECT id FROM ${table}`,
    `LOCK TABLES ${table} WRITE`,
    `LOAD DATA INFILE '/etc/passwd' INTO TABLE ${table}`,
    `SELECT id FROM ${table} INTO OUTFILE '/tmp/postern-database-alone'`,
  ],
};

/** Declared in World's policy: `orders-writer`. */
const DECLARED: Readonly<Record<string, readonly string[]>> = {
  'shop.orders': ['select', 'insert', 'update', 'delete', 'replace'],
  'shop.products': ['select'],
  'shop.customers_public': ['select'],
};

const TABLES = [
  ...Object.keys(DECLARED),
  ...['shop.customers', 'shop.secrets', 'shop.all_customers', 'vault.secrets'],
];

/** On every server. */
const ELSEWHERE: readonly string[] = [
  'SELECT * FROM mysql.user',
  'USE vault',
  'USE mysql',
  'SHOW TABLES FROM vault',
  'CALL vault.fetch()',
  'SELECT vault.peek()',
  'CALL shop.other()',
  'SELECT shop.other_function()',
  'SELECT email FROM customers',
  'CREATE DATABASE evil',
  'DROP DATABASE vault',
  'CREATE PROCEDURE shop.evil() SELECT 1',
  'CREATE EVENT shop.evil ON SCHEDULE EVERY 1 DAY DO SELECT 1',
  'CREATE USER evil',
  'CREATE ROLE evil',
  'GRANT ALL ON *.* TO CURRENT_USER',
  'SHOW GRANTS FOR root@localhost',
  'SET GLOBAL max_connections = 1',
  'SET ROLE postern_owner',
  'FLUSH PRIVILEGES',
  'FLUSH TABLES WITH READ LOCK',
  'SHUTDOWN',
  'SHOW BINARY LOGS',
  "CREATE SERVER evil FOREIGN DATA WRAPPER mysql OPTIONS (HOST '127.0.0.1')",
  'CALL postern.lend()',
  'SELECT * FROM postern.leases',
];

/** Declares the suite. */
export function describeDatabaseAlone(options: DatabaseAlone): void {
  const { server, skip = false, mysql = false, reads, privilegeErrors } = options;
  describe(`${server} alone, with the check of the gateway taken out`, { skip }, () => {
    let world: World;
    let session: Connection;

    before(async () => {
      world = await World.start({ trustTargetOnly: true, mysql, extraSql: SQL + options.sql });
      session = await asWorkload(world);
    });
    after(async () => {
      await session?.end();
      await world?.stop();
    });

    /** The server's error number, 0 for success. Whatever succeeded is undone. */
    async function run(sql: string): Promise<{ errno: number; message: string }> {
      await session.query('BEGIN');
      try {
        await session.query(sql);
        return { errno: 0, message: 'it succeeded' };
      } catch (thrown) {
        const { errno, sqlMessage } = thrown as { errno: number; sqlMessage: string };
        ok(!/^Postern: /.test(sqlMessage), `the gateway answered, not the database: ${sqlMessage}`);
        return { errno, message: `${errno} ${sqlMessage}` };
      } finally {
        await session.query('ROLLBACK');
      }
    }

    for (const table of TABLES) {
      for (const [action, statements] of Object.entries(ACTIONS)) {
        const declared = DECLARED[table]?.includes(action) ?? false;
        it(`${declared ? 'allows' : 'refuses'} ${action} on ${table}`, async () => {
          const more = action === 'select' ? reads(table) : [];
          for (const sql of [...statements(table), ...more]) {
            const { errno, message } = await run(sql);
            equal(privilegeErrors.has(errno), !declared, `${sql}: ${message}`);
          }
        });
      }
    }

    it('refuses everything elsewhere', async () => {
      for (const sql of [...ELSEWHERE, ...options.elsewhere]) {
        const { errno, message } = await run(sql);
        ok(privilegeErrors.has(errno), `${sql}: ${message}`);
      }
    });

    it('shows names of what is declared only', async () => {
      // Some views of performance_schema are everybody's, of their own sessions.
      const [tables] = await session.query(
        "SELECT table_schema AS s, table_name AS n FROM information_schema.tables WHERE table_schema NOT LIKE '%\\_schema' ORDER BY n",
      );
      deepEqual(tables, [
        { s: 'shop', n: 'customers_public' },
        { s: 'shop', n: 'orders' },
        { s: 'shop', n: 'products' },
      ]);
      await rejects(session.query('SHOW CREATE PROCEDURE vault.fetch'), /does not exist/);
      await rejects(session.query('EXPLAIN SELECT * FROM customers_public'), /lacking privileges/);
      await rejects(session.query('EXPLAIN SELECT * FROM customers'), /denied/);
      await rejects(session.query('SHOW CREATE TABLE secrets'), /denied/);
      // Not even asked for: the gateway does not offer the capability upstream.
      const load = "LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE orders";
      await rejects(session.query(load), options.noLocalFiles);
    });

    it('left everything as it was', async () => {
      const [row] = await world.mariadb.rootQuery('SELECT COUNT(*) AS n FROM vault.secrets');
      equal(row?.['n'], 1);
    });
  });
}
