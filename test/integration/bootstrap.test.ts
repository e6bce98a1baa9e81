// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, match, notEqual, rejects } from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { runCli } from '../../src/cli/cli.ts';
import { LeaseTarget, request } from '../support/lease-target.ts';
import { startMariadb } from '../support/mariadb.ts';

const ORDERS = '    - {tables: [shop.orders], actions: [select]}';
const SQL = `CREATE DATABASE shop; CREATE TABLE shop.orders (id INT);
CREATE TABLE shop.customers (id INT, name VARCHAR(20), email VARCHAR(20));`;
const view = (columns: string) =>
  `${ORDERS}\n    - {tables: [shop.customers], actions: [select], columns: [${columns}], as: shop.customers_public}`;

describe('bootstrap', () => {
  let target: LeaseTarget;
  const root = (sql: string) => target.mariadb.rootQuery(sql);
  const roles = async () =>
    (await root("SELECT User FROM mysql.global_priv WHERE User LIKE 'pr\\_%' ORDER BY 1")).map(
      (row) => String(row.User),
    );
  const run = async (...argv: string[]) => {
    let out = '';
    const code = await runCli(argv, {
      cwd: target.directory,
      env: {},
      interactive: false,
      out: (text) => {
        out += `${text}\n`;
      },
      err: (text) => {
        out += `${text}\n`;
      },
    });
    return { code, out };
  };
  const asRoot = () => {
    target.write('root-password', `${target.mariadb.rootPassword}\n`);
    return ['--admin-password-file', 'root-password', '--socket', target.mariadb.socketPath];
  };

  before(async () => {
    target = await LeaseTarget.start(ORDERS, SQL);
  });
  after(() => target.stop());

  it('makes the password file, and says so', async () => {
    const { code, out } = await run('bootstrap', 'orders', ...asRoot());
    equal(code, 0, out);
    const file = join(target.directory, 'broker-password');
    match(out, /password was made and written to .*broker-password \(mode 0600\)/);
    match(out, /\+ role pr_data\.orders-role_[0-9a-f]{16}/);
    equal(statSync(file).mode & 0o777, 0o600);
    match(readFileSync(file, 'utf8'), /^[A-Za-z0-9_-]{43}\n$/);
    const admin = await target.admin();
    equal((await admin.query('SELECT 1')).rows[0]?.[0], '1');
    await admin.close();
  });

  it('changes nothing when it runs again', async () => {
    const state = async () =>
      JSON.stringify(
        await root(`SELECT User, Host, JSON_REMOVE(Priv, '$.password_last_changed') p FROM mysql.global_priv
          UNION SELECT User, Role, Admin_option FROM mysql.roles_mapping
          UNION SELECT name, broker, ready FROM postern.role
          UNION SELECT User, Routine_name, Proc_priv FROM mysql.procs_priv ORDER BY 1, 2, 3`),
      );
    const before = await state();
    const { code, out } = await run('bootstrap', 'data/orders', ...asRoot());
    deepEqual([code, out.includes('+ role'), out.includes('- role')], [0, false, false], out);
    equal(await state(), before);
  });

  it('adds the changed role before it removes the old one, which waits for its leases', async () => {
    const broker = await target.broker();
    await broker.start();
    const lease = await broker.lend(request());
    const session = await target.login(lease);
    const [old = ''] = await roles();
    target.declare('    - {tables: [shop.orders], actions: [select, insert]}');
    const first = await target.bootstrap();
    equal(first.added.length, 1);
    deepEqual([first.removed, first.stillLent], [[], [old]]);
    await session.query('SELECT * FROM shop.orders');
    await session.end();
    const { policy, target: declared } = await target.policy();
    broker.policyChanged(policy, declared);
    const next = await broker.lend(request());
    notEqual(next.account, lease.account);
    const writer = await target.login(next);
    await writer.query('INSERT INTO shop.orders VALUES (1)');
    await writer.end();
    broker.release(lease);
    await broker.revoke(lease.account);
    deepEqual((await target.bootstrap()).removed, [old]);
    deepEqual(await roles(), first.added);
    await broker.stop();
  });

  it('follows a view: other columns, then none', async () => {
    target.declare(view('id, name'));
    deepEqual((await target.bootstrap()).missing, []);
    const columns = async () =>
      (await root('SHOW COLUMNS FROM shop.customers_public')).map((row) => row.Field);
    const definers = () =>
      root("SELECT User FROM mysql.global_priv WHERE User LIKE 'postern\\_view%'");
    deepEqual(await columns(), ['id', 'name']);
    const [before] = await definers();
    target.declare(view('id, email'));
    await target.bootstrap();
    deepEqual(await columns(), ['id', 'email']);
    const after = await definers();
    equal(after.length, 1);
    notEqual(after[0]?.User, before?.User);
    target.declare(ORDERS);
    await target.bootstrap();
    deepEqual(await definers(), []);
    await rejects(columns(), /doesn't exist/);
  });

  it('does not take over a view or a role that is not its own', async () => {
    await root('CREATE VIEW shop.customers_public AS SELECT email FROM shop.customers');
    target.declare(view('id, name'));
    await rejects(
      target.bootstrap(),
      /shop\.customers_public exists and was not made by bootstrap/,
    );
    await root('DROP VIEW shop.customers_public; CREATE TABLE shop.customers_public (id INT)');
    await rejects(target.bootstrap(), /shop\.customers_public exists/);
    await root('DROP TABLE shop.customers_public');
    target.declare('    - {tables: [shop.orders], actions: [select, delete]}');
    const { code, out } = await run('bootstrap', 'orders', '--print');
    equal(code, 0);
    const name = /CREATE ROLE IF NOT EXISTS `(pr_[^`]+)`/.exec(out)?.[1] ?? '';
    await root(`CREATE ROLE \`${name}\`; GRANT ALL ON *.* TO \`${name}\``);
    await rejects(target.bootstrap(), /the role pr_.* exists and was not made by bootstrap/);
    await root(`DROP ROLE \`${name}\``);
    target.declare(ORDERS);
    await target.bootstrap();
  });

  it('reports what does not exist yet with the line that names it, and goes on', async () => {
    target.declare(`${ORDERS}
    - {tables: [shop.later], actions: [select]}
    - {routines: [shop.soon], actions: [execute]}`);
    const first = await run('bootstrap', 'orders', ...asRoot());
    equal(first.code, 1);
    match(first.out, /! Table 'shop\.later' doesn't exist \(.*orders\.yaml:\d+\)/);
    match(first.out, /! there is no routine shop\.soon/);
    await root(
      'CREATE TABLE shop.later (id INT); CREATE FUNCTION shop.soon() RETURNS INT RETURN 1',
    );
    equal((await run('bootstrap', 'orders', ...asRoot())).code, 0);
    const broker = await target.broker();
    await broker.start();
    const session = await target.login(await broker.lend(request()));
    await session.query('SELECT * FROM shop.later');
    await session.query('SELECT shop.soon()');
    await session.end();
    await broker.stop();
  });

  it('says when the broker account holds more than it should', async () => {
    await root("GRANT SELECT ON shop.* TO postern_broker@'%'");
    const { code, out } = await run('bootstrap', 'orders', ...asRoot());
    equal(code, 1);
    match(out, /broker account holds more than its three procedures: GRANT SELECT ON `shop`/);
    await root("REVOKE SELECT ON shop.* FROM postern_broker@'%'");
  });

  it('prints REVOKE statements with --fix and runs none', async () => {
    await root('GRANT SELECT ON shop.customers TO PUBLIC');
    const plain = await run('bootstrap', 'orders', ...asRoot());
    match(plain.out, /PUBLIC holds Select on table shop\.customers.*\n.*--fix prints/);
    const { code, out } = await run('bootstrap', 'orders', '--fix', ...asRoot());
    equal(code, 1);
    match(out, / {2}REVOKE ALL PRIVILEGES ON `shop`\.`customers` FROM PUBLIC;/);
    equal((await run('bootstrap', 'orders', ...asRoot())).code, 1, 'it was only printed');
    await root('REVOKE ALL PRIVILEGES ON shop.customers FROM PUBLIC');
    const json = await run('bootstrap', 'orders', '--json', ...asRoot());
    deepEqual([json.code, JSON.parse(json.out).excess], [0, []]);
  });

  it('follows a new password and a new certificate of the gateway', async () => {
    writeFileSync(join(target.directory, 'broker-password'), 'another, longer password\n');
    await rejects(target.admin(), /refused/);
    await target.bootstrap();
    await (await target.admin()).close();
    const { upstream } = target;
    target.upstream = await target.authority.issue({ commonName: 'renamed', usages: ['client'] });
    await rejects(target.admin(), /refused/);
    target.write('upstream.pem', target.upstream.chainPem);
    await target.bootstrap();
    await (await target.admin()).close();
    target.upstream = upstream;
    await rejects(target.admin(), /refused/);
  });

  it('says what is wrong with the admin login', async () => {
    const wrong = await run('bootstrap', 'orders', '--socket', target.mariadb.socketPath);
    equal(wrong.code, 3);
    match(wrong.out, /refused the login of root/);
    const nowhere = await run('bootstrap', 'orders', '--socket', '/nonexistent');
    equal(nowhere.code, 3);
    equal((await run('bootstrap', 'nobody', ...asRoot())).code, 2);
    equal((await run('bootstrap', 'orders', '--host', 'x', '--socket', 'y')).code, 2);
  });

  it('prints a script that the mariadb command runs', async () => {
    const { out } = await run('bootstrap', 'orders', '--print');
    match(
      out,
      /GRANT SELECT ON `shop`\.`orders` TO `pr_.*`; -- DataRole\/data\/orders-role \(.*:\d+\)/,
    );
    const fresh = await startMariadb();
    try {
      await fresh.rootQuery(SQL);
      await fresh.rootQuery('CREATE TABLE shop.later (id INT)');
      const script = out.replaceAll(/^GRANT EXECUTE ON (PROCEDURE|FUNCTION) `shop`.*$/gm, '');
      execFileSync('mariadb', ['--no-defaults', '-uroot', `--socket=${fresh.socketPath}`], {
        input: script,
        env: { ...process.env, MYSQL_PWD: fresh.rootPassword },
      });
      const [row] = await fresh.rootQuery(
        'SELECT COUNT(*) AS n FROM mysql.proc WHERE db = "postern"',
      );
      equal(Number(row?.n), 7);
    } finally {
      await fresh.stop();
    }
  });
});

describe('bootstrap with unusual certificate names', () => {
  const NAMES = [
    { commonName: 'postern, Inc. & "partners"; <x>=#1', organization: "it's 100%" },
    { commonName: 'gateway', organization: 'Müller & Söhne GmbH' },
    { commonName: ' leading and trailing ', organization: '東京' },
    { commonName: 'e\u0301=mc²', organization: 'a=b,c=d' },
  ];
  for (const upstreamSubject of NAMES) {
    it(`binds leases to ${JSON.stringify(upstreamSubject)}`, async () => {
      const target = await LeaseTarget.start(ORDERS, SQL, { upstreamSubject });
      try {
        await target.bootstrap();
        const broker = await target.broker();
        await broker.start();
        const session = await target.login(await broker.lend(request()));
        await session.query('SELECT * FROM shop.orders');
        await session.end();
      } finally {
        await target.stop();
      }
    });
  }

  it('refuses names that could stand for another', async () => {
    for (const commonName of ['a/O=b', 'a\\x41', 'a\nb', 'a+b']) {
      const target = await LeaseTarget.start(ORDERS, '', { upstreamSubject: { commonName } });
      try {
        await rejects(target.bootstrap(), /cannot be written into REQUIRE SUBJECT/);
      } finally {
        await target.stop();
        rmSync(target.directory, { recursive: true, force: true });
      }
    }
  });
});
