// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Connection } from 'mysql2/promise';
import { asWorkload } from '../support/drivers.ts';
import { World } from '../support/world.ts';

/** Lack of a right in the words of MariaDB: on a schema, table, column, routine, role, or at all. */
const PRIVILEGE_ERRORS = new Set([1044, 1045, 1142, 1143, 1227, 1345, 1370, 1419, 1959]);

const SQL = `
CREATE DATABASE vault;
CREATE TABLE vault.secrets (id INT PRIMARY KEY, note VARCHAR(100));
INSERT INTO vault.secrets VALUES (1, 'kept');
CREATE SEQUENCE vault.numbers;
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
    `EXECUTE IMMEDIATE 'SELECT * FROM ${table}'`,
    `EXECUTE IMMEDIATE 'HANDLER ${table} OPEN AS g'`,
    `BEGIN NOT ATOMIC SELECT id FROM ${table}; END`,
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

const ELSEWHERE: readonly string[] = [
  'SELECT * FROM mysql.global_priv',
  'SELECT * FROM mysql.user',
  'SELECT * FROM mysql.proc',
  'UPDATE mysql.global_priv SET Priv = 1',
  'USE vault',
  'USE mysql',
  'SHOW TABLES FROM vault',
  'CALL vault.fetch()',
  'SELECT vault.peek()',
  'SELECT NEXT VALUE FOR vault.numbers',
  'SELECT LASTVAL(vault.numbers)',
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
  'GRANT SELECT ON shop.orders TO PUBLIC',
  'SHOW GRANTS FOR root@localhost',
  'SET GLOBAL max_connections = 1',
  'SET PASSWORD FOR root@localhost = PASSWORD("x")',
  'SET ROLE postern_owner',
  'FLUSH PRIVILEGES',
  'FLUSH TABLES WITH READ LOCK',
  'BACKUP STAGE START',
  'SHUTDOWN',
  'SHOW BINARY LOGS',
  "CREATE SERVER evil FOREIGN DATA WRAPPER mysql OPTIONS (HOST '127.0.0.1')",
  "INSTALL SONAME 'ha_spider'",
  'CALL postern.lend()',
  'SELECT * FROM postern.leases',
];

describe('the database alone, with the check of the gateway taken out', () => {
  let world: World;
  let session: Connection;

  before(async () => {
    world = await World.start({ trustTargetOnly: true, extraSql: SQL });
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
        for (const sql of statements(table)) {
          const { errno, message } = await run(sql);
          equal(PRIVILEGE_ERRORS.has(errno), !declared, `${sql}: ${message}`);
        }
      });
    }
  }

  it('refuses everything elsewhere', async () => {
    for (const sql of ELSEWHERE) {
      const { errno, message } = await run(sql);
      ok(PRIVILEGE_ERRORS.has(errno), `${sql}: ${message}`);
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
    await rejects(session.query(load), /disabled the local infile capability/);
  });

  it('left everything as it was', async () => {
    const [row] = await world.mariadb.rootQuery('SELECT COUNT(*) AS n FROM vault.secrets');
    equal(row?.['n'], 1);
  });
});
