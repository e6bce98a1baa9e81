// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { asPerson, asWorkload } from '../support/drivers.ts';
import { recordsOf } from '../support/evidence.ts';
import { noMysql } from '../support/mysql.ts';
import { startSidecar } from '../support/sidecar.ts';
import { until, World } from '../support/world.ts';

interface ServerError {
  readonly errno: number;
  readonly sqlMessage: string;
}

const SETTINGS = 'lease: {idle: 1s}\n';
const SQL = `CREATE PROCEDURE shop.slow() SQL SECURITY DEFINER SELECT SLEEP(30);
CREATE TABLE shop.a_b (id INT); CREATE DATABASE sh_p; CREATE DATABASE shxp;
CREATE TABLE sh_p.t (id INT); CREATE TABLE shxp.t (id INT);`;
const JAVA = `import java.sql.*;
public class Query {
  public static void main(String[] urls) throws Exception {
    try (Connection c = DriverManager.getConnection(urls[0], "anybody", "")) {
      PreparedStatement s = c.prepareStatement("SELECT name FROM products WHERE id = ?");
      s.setInt(1, 2);
      try (ResultSet r = s.executeQuery()) { while (r.next()) System.out.println(r.getString(1)); }
      try { c.createStatement().executeQuery("SELECT * FROM secrets"); }
      catch (SQLException e) {
        if (e.getErrorCode() == 1142 && e.getMessage().contains("not-permitted")) System.out.println("denied");
      }
    }
  }
}
`;
const POLICY = `---
apiVersion: postern.dev/v1alpha1
kind: DataRole
metadata: {name: several-rights-with-a-long-name, namespace: data}
spec:
  privileges:
    - {tables: ["sh_p.*"], actions: [select, insert]}
    - {tables: [shop.customers], actions: [select], columns: [id]}
    - {routines: [shop.slow], actions: [execute]}
  guardrails: {multiStatement: Allow}
---
apiVersion: postern.dev/v1alpha1
kind: Grant
metadata: {name: several, namespace: data}
spec:
  subjects: [{group: {provider: people, id: analysts}}]
  targetSelector: {matchLabels: {app: orders}}
  role: several-rights-with-a-long-name
  lease: {ttl: 2s}
`;

describe('gateway for MySQL', { skip: noMysql }, () => {
  let world: World;
  before(async () => {
    world = await World.start({
      mysql: true,
      generalLog: true,
      extraSql: SQL,
      extraPolicy: POLICY,
      settings: SETTINGS,
    });
  });
  after(() => world?.stop());

  const root = (sql: string) => world.mariadb.rootQuery(sql);
  const leases = async () =>
    (await root("SELECT User AS u FROM mysql.user WHERE User LIKE 'pn:%' ORDER BY 1")).map(
      ({ u }) => String(u),
    );
  async function value(connection: Connection, sql: string): Promise<unknown> {
    const [rows] = await connection.query<RowDataPacket[]>(sql);
    return Object.values(rows[0] ?? {})[0];
  }

  it('serves a workload by its certificate alone, with an account that names it', async () => {
    const connection = await asWorkload(world);
    equal(await value(connection, 'SELECT COUNT(*) FROM orders'), 3);
    const account = String(await value(connection, 'SELECT USER()'));
    match(account, /^pn:[0-9a-f]{6}:[\w./]*checkout:[0-9a-f]{10}@/);
    ok(account.length - '@localhost'.length <= 32);
    const [, version] = /^([\d.]+)/.exec(String(await value(connection, 'SELECT VERSION()'))) ?? [];
    ok(world.gateway && version && Number(version.split('.')[0]) >= 8, version);
    match(String(await value(connection, 'SELECT CURRENT_ROLE()')), /^`pr_[^,]*`@`%`$/);
    await connection.end();
  });

  it('is bound to the certificate of the gateway, and its password is in no log', async () => {
    const person = await asPerson(world);
    const account = String(await value(person, 'SELECT CURRENT_USER()')).split('@')[0] ?? '';
    const [row] = await root(
      `SELECT ssl_type, CONVERT(x509_subject USING utf8mb4) AS s, plugin, authentication_string AS h FROM mysql.user WHERE User = '${account}'`,
    );
    deepEqual([row?.['ssl_type'], row?.['plugin']], ['SPECIFIED', 'caching_sha2_password']);
    match(String(row?.['s']), /postern/);
    const log = JSON.stringify(await world.mariadb.readGeneralLog());
    ok(log.includes('postern.lend') && !log.includes(String(row?.['h'])));
    await person.end();
  });

  it('runs text and binary statements, transactions, several results and schemas', async () => {
    const connection = await asWorkload(world);
    const [rows] = await connection.execute<RowDataPacket[]>(
      'SELECT ? + 1 AS n, JSON_OBJECT(?, id) AS j FROM orders WHERE id = ?',
      [41, 'k', 1],
    );
    deepEqual([Number(rows[0]?.['n']), rows[0]?.['j']], [42, { k: 1 }]);
    await connection.beginTransaction();
    await connection.query("INSERT INTO orders (product, note) VALUES (7, 'caf\u00e9') ");
    await connection.rollback();
    equal(await value(connection, 'SELECT COUNT(*) FROM orders'), 3);
    const [results] = await connection.query('CALL order_count()');
    deepEqual((results as RowDataPacket[][])[0]?.[0]?.['n'], 3);
    const windowed = 'SELECT ROW_NUMBER() OVER (ORDER BY id DESC) AS r FROM orders LIMIT 1';
    equal(await value(connection, windowed), 1);
    equal(await value(connection, 'WITH c AS (SELECT id FROM orders) SELECT COUNT(*) FROM c'), 3);
    equal(await value(connection, 'TABLE products ORDER BY id LIMIT 1'), 1);
    await connection.changeUser({ database: 'shop' }).catch((error: ServerError) => {
      match(error.sqlMessage, /^Postern/);
    });
    await connection.end();
  });

  it('learns the lexer mode from the tracking of the server', async () => {
    const connection = await asWorkload(world);
    await connection.query("SET sql_mode = 'ANSI_QUOTES'");
    await rejects(connection.query('SELECT "note" FROM "secrets"'), /secrets \[not-permitted\]/);
    equal(await value(connection, 'SELECT "note" FROM "orders" WHERE id = 1'), 'first');
    await connection.query("SET @@sql_mode = 'NO_BACKSLASH_ESCAPES', NAMES latin1");
    equal(await value(connection, "SELECT '\\'"), '\\');
    await connection.query('SET NAMES gbk');
    await rejects(connection.query('SELECT 1'), /\[statement-charset\]/);
    await connection.end();
  });

  it('denies what no role gives and keeps the session', async () => {
    const connection = await asPerson(world);
    for (const sql of [
      'SELECT * FROM secrets',
      'TABLE secrets',
      'CREATE TABLE shop.orders2 TABLE shop.secrets',
      'DROP TABLE orders',
      'SET ROLE ALL',
      'SET PERSIST max_connections = 1',
      'CLONE LOCAL DATA DIRECTORY = "/tmp/x"',
      'SELECT * FROM mysql.user',
      'SELECT * FROM shxp.t',
    ]) {
      await rejects(connection.query(sql), (error: ServerError) => {
        match(error.sqlMessage, /^Postern: .*Decision d\w+-\w+: postern explain/, sql);
        return true;
      });
    }
    await rejects(connection.query('DELETE FROM orders'), /WHERE/);
    equal(await value(connection, 'SELECT COUNT(*) FROM sh_p.t'), 0);
    await connection.end();
  });

  it('works for the mariadb command and MariaDB Connector/J', async () => {
    const sidecar = await startSidecar(world, await world.workload('payments', 'checkout'));
    const words = ['--no-defaults', '--skip-ssl', '-h127.0.0.1', `-P${sidecar.port}`, '-N', 'shop'];
    const run = promisify(execFile);
    const { stdout } = await run('mariadb', [...words, '-e', 'SELECT name FROM products']);
    deepEqual(stdout.trim().split('\n'), ['kettle', 'teapot']);
    await rejects(run('mariadb', [...words, '-e', 'SELECT * FROM secrets']), /not-permitted/);
    world.write('Query.java', JAVA);
    const jar = [process.env['POSTERN_DEBIAN_ROOT'] ?? '', '']
      .map((folder) => `${folder}/usr/share/java/mariadb-java-client.jar`)
      .find((path) => existsSync(path));
    const java = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-cp', jar ?? ''];
    const url = `jdbc:mariadb://127.0.0.1:${sidecar.port}/shop?useServerPrepStmts=true`;
    const printed = await run('java', [...java, world.path('Query.java'), url]);
    deepEqual(printed.stdout.trim().split('\n'), ['teapot', 'denied']);
    await sidecar.close();
  });

  it('rotates the password under open sessions and drops what nobody uses', async () => {
    const person = await asPerson(world, 'rotating');
    const hash = async () =>
      (
        await root(
          "SELECT authentication_string AS h FROM mysql.user WHERE User LIKE '%rotating:%'",
        )
      )
        .map(({ h }) => String(h))
        .join();
    const first = await hash();
    ok(first);
    await until(async () => (await hash()) !== first, 20_000, 'another password');
    equal(await value(person, 'SELECT COUNT(*) FROM orders'), 3);
    const second = await asPerson(world, 'rotating');
    equal(await value(second, 'SELECT COUNT(*) FROM orders'), 3);
    await second.end();
    await person.end();
    await until(async () => (await hash()) === '', 30_000, 'the account is gone');
  });

  it('cancels a statement that runs, on the target too', async () => {
    const [person, other] = [await asPerson(world), await asPerson(world)];
    const { threadId } = person;
    const before = Date.now();
    const sleeping = person.query('SELECT SLEEP(30)').then(
      () => 'it ended',
      (error: ServerError) => String(error.errno),
    );
    const running = async () =>
      (
        await root(
          "SELECT 1 FROM performance_schema.threads WHERE PROCESSLIST_INFO LIKE '%SLEEP(30)%' AND PROCESSLIST_USER LIKE 'pn:%'",
        )
      ).length;
    await until(async () => (await running()) > 0, 5_000, 'it runs');
    await other.query(`KILL QUERY ${threadId}`);
    await sleeping;
    ok(Date.now() - before < 15_000);
    await until(async () => (await running()) === 0, 5_000, 'it runs no more');
    equal(await value(person, 'SELECT COUNT(*) FROM orders'), 3);
    await person.end();
    await other.end();
  });

  it('ends sessions of a deleted grant, also inside a routine of a definer', async () => {
    const person = await asPerson(world, 'leaver');
    const gone = person.query('CALL slow()').then(
      () => undefined,
      (error: Error) => error,
    );
    await until(
      async () =>
        (
          await root(
            "SELECT 1 FROM performance_schema.threads WHERE PROCESSLIST_USER LIKE '%leaver:%' AND PROCESSLIST_COMMAND = 'Query'",
          )
        ).length > 0,
      5_000,
      'it runs',
    );
    const text = world.policyText(POLICY);
    world.writePolicy(text.replaceAll('id: analysts', 'id: nobody'));
    ok(await gone, 'the session was ended');
    await until(
      async () => (await leases()).every((name) => !name.includes('leaver')),
      5_000,
      'the account is gone',
    );
    const left = await root(
      "SELECT 1 FROM performance_schema.threads WHERE PROCESSLIST_USER LIKE '%leaver:%'",
    );
    equal(left.length, 0);
    world.writePolicy(text);
  });

  it('is not served while every account holds more than is declared', async () => {
    await root("SET GLOBAL mandatory_roles = '`postern_extra`@`%`'");
    const problem = () => world.gateway?.readiness();
    await until(() => problem()?.ready === false, 15_000, 'it is not ready');
    await rejects(asWorkload(world), /lease-exceeds-policy/);
    const findings = recordsOf(world.path('audit'), 'gateway').filter(
      ({ what }) => what === 'finding',
    );
    match(String(findings.at(-1)?.detail), /mandatory_roles holds the role .*postern_extra/);
    await root("SET GLOBAL mandatory_roles = ''");
    await until(() => problem()?.ready === true, 15_000, 'it is ready again');
    await (await asWorkload(world)).end();
  });

  it('leaves the procedures alone when bootstrap runs again, and repairs one', async () => {
    const made = async () =>
      JSON.stringify(
        await root(
          "SELECT ROUTINE_NAME AS n, CREATED AS c FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = 'postern' ORDER BY 1",
        ),
      );
    const before = await made();
    await world.bootstrap();
    equal(await made(), before);
    await root('DROP PROCEDURE postern.lend');
    await world.bootstrap();
    const person = await asPerson(world, 'afterwards');
    equal(await value(person, 'SELECT COUNT(*) FROM orders'), 3);
    await person.end();
  });
});
