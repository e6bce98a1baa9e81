// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Connection, createConnection } from 'mysql2/promise';
import type { Lease } from '../../src/model/lease.ts';
import type { Action } from '../../src/model/request.ts';
import { LeaseTarget, request } from '../support/lease-target.ts';

/**
 * Invariant 4 at the level of a lease: no gateway in between, every action on every object by every
 * road there is, and MariaDB alone must give exactly what is declared.
 */
const PRIVILEGES = `    - {tables: [shop.orders], actions: [select, insert]}
    - {tables: [shop.prices], actions: [select, update, delete]}
    - {tables: [shop.customers], actions: [select], columns: [id, name], as: shop.customers_public}
    - {tables: [shop.contacts], actions: [select, update], columns: [id, name], as: shop.contacts_public}
    - {tables: [shop.staff], actions: [select], columns: [id, name]}
    - {tables: ["scr_tch.*"], actions: [select, insert, update, delete, create, alter, drop, index, temporary, lock]}
    - {routines: [shop.order_count], actions: [execute]}`;

const TABLES = `(id INT PRIMARY KEY, name VARCHAR(40), secret VARCHAR(40)) ENGINE=InnoDB`;
const SQL = `CREATE DATABASE shop; CREATE DATABASE scr_tch; CREATE DATABASE scrxtch; CREATE DATABASE hidden;
${[
  'shop.orders',
  'shop.prices',
  'shop.customers',
  'shop.contacts',
  'shop.staff',
  'shop.secrets',
  'scr_tch.t',
  'scrxtch.t',
  'hidden.t',
]
  .map(
    (table) => `CREATE TABLE ${table} ${TABLES}; INSERT INTO ${table} VALUES (1, 'Ada', 'marker');`,
  )
  .join('\n')}
CREATE VIEW shop.all_secrets AS SELECT * FROM shop.secrets;
CREATE PROCEDURE shop.order_count() SELECT COUNT(*) AS n FROM shop.orders;
CREATE PROCEDURE shop.wipe() DELETE FROM shop.secrets;
CREATE FUNCTION shop.peek() RETURNS VARCHAR(40) READS SQL DATA RETURN (SELECT MIN(secret) FROM shop.secrets);`;

/** What the declaration gives on each table and view, as a whole. */
const HELD: Readonly<Record<string, readonly Action[]>> = {
  'shop.orders': ['select', 'insert'],
  'shop.prices': ['select', 'update', 'delete'],
  'shop.customers_public': ['select'],
  'shop.contacts_public': ['select', 'update'],
  'shop.customers': [],
  'shop.contacts': [],
  'shop.secrets': [],
  'shop.all_secrets': [],
  'scr_tch.t': ['select', 'insert', 'update', 'delete', 'create', 'alter', 'drop', 'index', 'lock'],
  'scrxtch.t': [],
  'hidden.t': [],
  'mysql.global_priv': [],
  'postern.lease': [],
};

/** Statements that need all of `needs` on the table; each is undone by ROLLBACK or by itself. */
const ROADS: readonly (readonly [needs: readonly Action[], sql: (table: string) => string])[] = [
  [['select'], (t) => `SELECT * FROM ${t}`],
  [['select'], (t) => `SELECT COUNT(*) FROM ${t}`],
  [['select'], (t) => `SELECT 1 WHERE EXISTS (SELECT * FROM ${t})`],
  [['select'], (t) => `WITH x AS (SELECT * FROM ${t}) SELECT * FROM x`],
  [['select'], (t) => `DO (SELECT MAX(id) FROM ${t})`],
  [['select'], (t) => `SET @x = (SELECT MAX(id) FROM ${t})`],
  [['select'], (t) => `EXECUTE IMMEDIATE 'SELECT * FROM ${t}'`],
  [['select'], (t) => `BEGIN NOT ATOMIC SELECT * FROM ${t}; END`],
  [['select'], (t) => `/*!50000 SELECT */ * FROM ${t}`],
  [['select'], (t) => `SELECT * FROM ${t} UNION SELECT * FROM ${t}`],
  [['select'], (t) => `VALUES ((SELECT MAX(id) FROM ${t}))`],
  [['select'], (t) => `EXPLAIN SELECT * FROM ${t}`],
  [['select'], (t) => `ANALYZE FORMAT=JSON SELECT * FROM ${t}`],
  [['select'], (t) => `CHECKSUM TABLE ${t}`],
  [['select'], (t) => `INSERT INTO scr_tch.t (id) SELECT MAX(id) + 1000 FROM ${t}`],
  [['select'], (t) => `CREATE OR REPLACE TEMPORARY TABLE scr_tch.copy AS SELECT * FROM ${t}`],
  [['select'], (t) => `UPDATE scr_tch.t SET id = id WHERE id IN (SELECT id FROM ${t})`],
  [['select'], (t) => `DELETE FROM scr_tch.t WHERE id = 99 AND id IN (SELECT id FROM ${t})`],
  [['insert'], (t) => `INSERT INTO ${t} (id) VALUES (7001)`],
  [['insert'], (t) => `EXECUTE IMMEDIATE 'INSERT INTO ${t} (id) VALUES (7002)'`],
  [['insert', 'delete'], (t) => `REPLACE INTO ${t} (id) VALUES (7003)`],
  [
    ['insert', 'update'],
    (t) => `INSERT INTO ${t} (id) VALUES (1) ON DUPLICATE KEY UPDATE name = 'x'`,
  ],
  [['update'], (t) => `UPDATE ${t} SET name = 'x'`],
  [['update', 'select'], (t) => `UPDATE ${t} a, scr_tch.t b SET a.name = b.name WHERE a.id = b.id`],
  [['delete'], (t) => `DELETE FROM ${t}`],
  [['delete', 'select'], (t) => `DELETE ${t} FROM ${t} JOIN scr_tch.t b ON b.id = ${t}.id`],
  [['alter'], (t) => `ALTER TABLE ${t} COMMENT 'x'`],
  [['index'], (t) => `CREATE INDEX i_x ON ${t} (name)`],
  [['drop'], (t) => `TRUNCATE TABLE ${t}`],
  [['lock', 'select'], (t) => `LOCK TABLES ${t} READ`],
  [['lock', 'select'], (t) => `LOCK TABLES ${t} WRITE`],
  [['select', 'insert'], (t) => `OPTIMIZE TABLE ${t}`],
];

/** Never given by this declaration, whatever the object. */
const NEVER: readonly ((table: string) => string)[] = [
  (t) => `CREATE TRIGGER ${t}_x BEFORE INSERT ON ${t} FOR EACH ROW SET @x = 1`,
  (t) => `LOAD DATA INFILE '/etc/hostname' INTO TABLE ${t}`,
  (t) => `SELECT * FROM ${t} INTO OUTFILE '/tmp/postern-matrix'`,
  (t) => `GRANT SELECT ON ${t} TO PUBLIC`,
];

const ANYWHERE: readonly string[] = [
  'CREATE VIEW scr_tch.v AS SELECT 1',
  'CREATE PROCEDURE scr_tch.p() SELECT 1',
  'CREATE FUNCTION scr_tch.f() RETURNS INT RETURN 1',
  'CREATE EVENT scr_tch.e ON SCHEDULE EVERY 1 DAY DO SELECT 1',
  'CREATE TABLE shop.mine (id INT)',
  'CREATE TABLE scrxtch.mine (id INT)',
  'CREATE TEMPORARY TABLE shop.mine (id INT)',
  'CREATE DATABASE mine',
  'DROP TABLE shop.orders',
  'DROP VIEW shop.customers_public',
  'RENAME TABLE scr_tch.t TO shop.t',
  'RENAME TABLE shop.secrets TO scr_tch.secrets',
  'CREATE OR REPLACE TABLE shop.secrets (id INT)',
  'CREATE TABLE scr_tch.copy LIKE shop.secrets',
  'ALTER TABLE scr_tch.t ADD FOREIGN KEY (id) REFERENCES shop.secrets (id)',
  'CALL shop.wipe()',
  'SELECT shop.peek()',
  'EXECUTE IMMEDIATE "CALL shop.wipe()"',
  'SHOW CREATE TABLE shop.secrets',
  'SHOW CREATE VIEW shop.customers_public',
  'SHOW COLUMNS FROM shop.secrets',
  'DESCRIBE shop.customers',
  'SELECT secret FROM shop.staff',
  'SELECT * FROM shop.staff',
  'SELECT name FROM shop.staff WHERE secret = 1',
  'UPDATE shop.customers_public SET name = 1',
  'HANDLER shop.secrets OPEN',
  'HANDLER shop.customers OPEN',
  'HANDLER shop.contacts OPEN',
  'HANDLER hidden.t OPEN',
  "EXECUTE IMMEDIATE 'HANDLER shop.secrets OPEN'",
  "LOAD DATA LOCAL INFILE '/etc/hostname' INTO TABLE shop.secrets",
  "SELECT LOAD_FILE('/etc/hostname') IS NOT NULL AS got HAVING got",
  "CREATE USER 'x'@'%'",
  'CREATE ROLE x',
  'SET ROLE dba',
  'SET GLOBAL general_log = 1',
  'SET GLOBAL read_only = 1',
  'FLUSH PRIVILEGES',
  'FLUSH TABLES WITH READ LOCK',
  'SHOW MASTER STATUS',
  'SHOW BINARY LOGS',
  'INSTALL SONAME "x"',
  'CREATE SERVER s FOREIGN DATA WRAPPER mysql OPTIONS (HOST "127.0.0.1")',
  'CALL postern.lend("a","b","c","d","e","f",1)',
  'SHUTDOWN',
];

/** Denials by privilege: 1044 schema, 1142 table, 1143 column, 1227 global, 1356 view, 1345/1370 other. */
const DENIED = new Set([
  1044, 1045, 1142, 1143, 1227, 1345, 1356, 1370, 1445, 1959, 1948, 4166, 1410,
]);

describe('lease matrix', () => {
  let target: LeaseTarget;
  let session: Connection;
  let lease: Lease;

  before(async () => {
    target = await LeaseTarget.start(PRIVILEGES, SQL, { variables: { 'secure-file-priv': '' } });
    const { missing, excess } = await target.bootstrap();
    deepEqual([missing, excess], [[], []]);
    const broker = await target.broker();
    await broker.start();
    lease = await broker.lend(request());
    session = await target.login(lease);
  });
  after(async () => {
    await session.end();
    await target.stop();
  });

  /** undefined when it worked; DDL on what is ours is undone by the caller's table. */
  async function outcome(sql: string): Promise<number | undefined> {
    await session.query('START TRANSACTION');
    try {
      await session.query(sql);
      return undefined;
    } catch (error) {
      return (error as { errno?: number }).errno ?? -1;
    } finally {
      await session.query('UNLOCK TABLES');
      await session.query('ROLLBACK');
    }
  }

  async function everything(): Promise<string> {
    const tables =
      'shop.orders, shop.prices, shop.customers, shop.contacts, shop.staff, shop.secrets, scrxtch.t, hidden.t';
    const sums = await target.mariadb.rootQuery(`CHECKSUM TABLE ${tables}`);
    const objects = await target.mariadb.rootQuery(
      `SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES
       WHERE TABLE_SCHEMA IN ('shop', 'scrxtch', 'hidden') ORDER BY 1, 2`,
    );
    return JSON.stringify([sums, objects]);
  }

  for (const [table, held] of Object.entries(HELD)) {
    it(`gives exactly [${held.join(' ')}] on ${table}`, async () => {
      const before = await everything();
      for (const [needs, road] of ROADS) {
        const sql = road(table);
        const allowed = needs.every((action) => held.includes(action));
        const errno = await outcome(sql);
        // A view that cannot be altered, locked or checked as a table is not a right.
        if (allowed && table.endsWith('_public')) continue;
        if (allowed) equal(errno, undefined, `${sql} should work, but failed with ${errno}`);
        else ok(await refused(errno, sql), `${sql} should be denied, but gave ${errno ?? 'OK'}`);
      }
      for (const road of NEVER) {
        if (table.startsWith('mysql.') && road(table).includes('TRIGGER')) continue;
        const errno = await outcome(road(table));
        ok(errno !== undefined && DENIED.has(errno), `${road(table)} gave ${errno ?? 'OK'}`);
      }
      equal(await everything(), before, 'something changed');
    });
  }

  /** Table maintenance answers "denied" or a note in a row of its result instead of an error. */
  async function refused(errno: number | undefined, sql: string): Promise<boolean> {
    if (errno !== undefined) return DENIED.has(errno) || errno === 1347;
    if (!/^(CHECKSUM|OPTIMIZE)/.test(sql)) return false;
    const [rows] = await session.query(sql);
    return JSON.stringify(rows).includes('denied');
  }

  it('gives nothing anywhere else', async () => {
    const before = await everything();
    for (const sql of ANYWHERE) {
      const errno = await outcome(sql);
      if (sql.includes('LOAD_FILE')) {
        const [rows] = await session.query(sql);
        deepEqual(rows, [], sql);
      } else if (sql.includes('LOCAL')) ok(errno !== undefined, sql);
      else ok(errno !== undefined && DENIED.has(errno), `${sql} gave ${errno ?? 'OK'}`);
    }
    equal(await everything(), before);
    const [other] = await target.mariadb.rootQuery(
      "SELECT ID FROM information_schema.PROCESSLIST WHERE USER = 'postern_broker'",
    );
    await rejects(session.query(`KILL ${other?.ID}`), /not owner/);
  });

  it('gives what is declared through views, routines and schemas', async () => {
    const [rows] = await session.query('SELECT * FROM shop.customers_public');
    deepEqual(rows, [{ id: 1, name: 'Ada' }]);
    await rejects(session.query('SELECT secret FROM shop.customers_public'), /Unknown column/);
    await rejects(session.query('UPDATE shop.contacts_public SET secret = 1'), /Unknown column/);
    await session.query("UPDATE shop.contacts_public SET name = 'Grace' WHERE id = 1");
    await session.query('SELECT id, name FROM shop.staff');
    await session.query('CALL shop.order_count()');
    await session.query('CREATE TABLE scr_tch.mine (id INT)');
    await session.query('ALTER TABLE scr_tch.mine ADD COLUMN x INT');
    await session.query('CREATE INDEX i ON scr_tch.mine (x)');
    await session.query('DROP TABLE scr_tch.mine');
  });

  it('keeps the owner of a view from logging in', async () => {
    const [row] = await target.mariadb.rootQuery(
      "SELECT User, JSON_VALUE(Priv, '$.account_locked') AS locked FROM mysql.global_priv WHERE User LIKE 'postern\\_view%' LIMIT 1",
    );
    equal(row?.locked, '1');
  });

  it('lets HANDLER read all columns where column grants without a view were declared', async () => {
    // The finding that `columns` without `as` carries, measured.
    await session.query('HANDLER shop.staff OPEN');
    const [rows] = await session.query('HANDLER staff READ FIRST');
    ok(JSON.stringify(rows).includes('marker'));
    await session.query('HANDLER staff CLOSE');
  });

  it('cannot free its account from the certificate, whatever password it sets', async () => {
    // Every account may set its own password; the gateway denies it, and without the gateway:
    await session.query("SET PASSWORD = PASSWORD('known')");
    const login = { user: lease.account, password: 'known' };
    await (await createConnection({ ...target.certificateLogin(target.upstream), ...login })).end();
    await rejects(createConnection({ ...target.certificateLogin(undefined), ...login }), /denied/);
    const refused = [
      'ALTER USER CURRENT_USER() REQUIRE NONE',
      "ALTER USER CURRENT_USER() IDENTIFIED BY 'x' REQUIRE NONE",
      'GRANT USAGE ON *.* TO CURRENT_USER() REQUIRE NONE',
      'GRANT SELECT ON shop.orders TO CURRENT_USER()',
      'REVOKE ALL PRIVILEGES, GRANT OPTION FROM CURRENT_USER()',
    ];
    for (const sql of refused) await rejects(session.query(sql), /denied/, sql);
    await rejects(createConnection({ ...target.certificateLogin(undefined), ...login }), /denied/);
  });
});
