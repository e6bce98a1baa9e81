// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, match } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { applyDatabase } from '../../src/broker/apply-plan.ts';
import type { Broker } from '../../src/broker/broker.ts';
import { databaseScope } from '../../src/broker/installation.ts';
import { observe } from '../../src/broker/observe.ts';
import { runCli } from '../../src/cli/cli.ts';
import { differences } from '../../src/compile/sql/differences.ts';
import type { Lease } from '../../src/model/lease.ts';
import { Secret } from '../../src/model/secret.ts';
import type { AdminConnection } from '../../src/target/mysql/connection.ts';
import { openAdminConnection } from '../../src/target/mysql/session.ts';
import { LeaseTarget, request } from '../support/lease-target.ts';

const ORDERS = '    - {tables: [shop.orders], actions: [select, insert]}';
const VIEW =
  '    - {tables: [shop.customers], actions: [select], columns: [id, name], as: shop.customers_public}';
const ROUTINE = '    - {routines: [shop.refund], actions: [execute]}';
const SCHEMA = '    - {tables: ["stock_a.*"], actions: [select, lock]}';
const DECLARED = [ORDERS, VIEW, ROUTINE, SCHEMA].join('\n');
const SQL = `CREATE DATABASE shop; CREATE DATABASE stock_a; CREATE TABLE shop.orders (id INT);
CREATE TABLE shop.customers (id INT, name VARCHAR(20), email VARCHAR(20));
CREATE PROCEDURE shop.refund() SELECT 1; CREATE DATABASE other; CREATE TABLE other.t (id INT);
CREATE USER app@localhost; GRANT SELECT ON other.* TO app@localhost; CREATE ROLE theirs;`;

describe('drift of a database', () => {
  let target: LeaseTarget;
  let admin: AdminConnection;
  let broker: Broker;
  let lease: Lease;
  let role: string;
  const root = (sql: string) => target.mariadb.rootQuery(sql);

  const scope = async () => {
    const { policy, target: declared } = await target.policy();
    return databaseScope(policy, declared);
  };
  const found = async () => differences(await scope(), await observe(admin, 'data/orders'));
  const codes = async () => (await found()).map(({ code }) => code);
  const declare = (privileges: string) => {
    target.declare(privileges);
    const text = readFileSync(join(target.directory, 'policy/orders.yaml'), 'utf8');
    const line = /^ {4}broker: .*$/m.exec(text)?.[0] ?? '';
    target.write(
      'policy/orders.yaml',
      text.replace(
        line,
        `${line}
    reader: {user: postern_reader, password: {file: ../reader-password}}
    operators: [root@127.0.0.1]`,
      ),
    );
  };
  const fresh = async () => {
    lease = await broker.lend(request());
    return `'${lease.account}'@'%'`;
  };

  before(async () => {
    target = await LeaseTarget.start(DECLARED, SQL);
    declare(DECLARED);
    await target.bootstrap();
    admin = await openAdminConnection({
      targetName: 'data/orders',
      endpoint: { socketPath: target.mariadb.socketPath },
      tls: { mode: 'plaintext' },
      user: 'root',
      password: new Secret(target.mariadb.rootPassword),
      deadlineMs: 20_000,
    });
    broker = await target.broker();
    await broker.start();
    lease = await broker.lend(request());
    role = (await scope()).desired.roles[0]?.name ?? '';
  });
  after(async () => {
    await admin?.close();
    await target.stop();
  });

  it('finds nothing on a server that is as declared, leases included', async () => {
    deepEqual(await found(), []);
  });

  /** What somebody does behind our back, and what it is called; `undo` where we do not heal. */
  const definer = async () => (await scope()).desired.views[0]?.definer ?? '';
  const composite = () => lease.role;
  const account = () => `'${lease.account}'@'%'`;
  const view = (how: string, text: string) => async () =>
    `CREATE OR REPLACE ${how} VIEW shop.customers_public AS ${text}`;
  const asDefiner = async () => `DEFINER=\`${await definer()}\`@localhost`;
  const TEXT = 'SELECT id, name FROM shop.customers';
  const hold = (role: string, user: string, host: string) =>
    `INSERT INTO mysql.roles_mapping VALUES ('${host}', '${user}', '${role}', 'N'); FLUSH PRIVILEGES`;
  const lose = (role: string, user: string) =>
    `DELETE FROM mysql.roles_mapping WHERE Role = '${role}' AND User = '${user}'; FLUSH PRIVILEGES`;
  type Plant = readonly [code: string, sql: () => string | Promise<string>, undo?: string];
  const PLANTS: readonly Plant[] = [
    ['role-right-extra', () => `GRANT DELETE ON shop.orders TO \`${role}\``],
    ['role-right-extra', () => `GRANT UPDATE (email) ON shop.customers TO \`${role}\``],
    ['role-right-extra', () => `GRANT SELECT ON \`sho_\`.* TO \`${role}\``],
    ['role-right-extra', () => `GRANT FILE ON *.* TO \`${role}\``],
    ['role-right-missing', () => `REVOKE INSERT ON shop.orders FROM \`${role}\``],
    ['role-right-missing', () => `REVOKE EXECUTE ON PROCEDURE shop.refund FROM \`${role}\``],
    ['role-right-missing', () => `REVOKE LOCK TABLES ON \`stock\\_a\`.* FROM \`${role}\``],
    ['role-missing', () => `DROP ROLE \`${role}\``],
    ['role-member-extra', () => `GRANT theirs TO \`${role}\``],
    ['role-holder-extra', () => hold(role, 'app', 'localhost')],
    ['role-holder-extra', () => hold(composite(), 'app', 'localhost')],
    ['composite-right-extra', () => `GRANT SELECT ON other.t TO \`${composite()}\``],
    ['composite-member-extra', () => `GRANT theirs TO \`${composite()}\``],
    ['composite-member-missing', () => lose(role, composite())],
    ['composite-missing', () => `DROP ROLE \`${composite()}\``],
    ['composite-unregistered', () => `CREATE ROLE pc_${'0'.repeat(32)}`],
    ['lease-right-extra', () => `GRANT SELECT ON other.t TO ${account()}`],
    ['lease-member-extra', () => `GRANT theirs TO ${account()}`],
    ['lease-member-missing', () => lose(composite(), lease.account)],
    ['lease-missing', () => `DROP USER ${account()}`],
    ['lease-locked', () => `ALTER USER ${account()} ACCOUNT LOCK`],
    ['lease-default-role', () => `SET DEFAULT ROLE \`${composite()}\` FOR ${account()}`],
    ['lease-login-changed', () => `ALTER USER ${account()} IDENTIFIED BY 'known'`],
    ['lease-binding-changed', () => `ALTER USER ${account()} REQUIRE SSL`],
    ['lease-unregistered', () => `CREATE USER 'postern:000000:workload/x:0123456789'@'%'`],
    ['view-missing', () => 'DROP VIEW shop.customers_public'],
    [
      'view-text-changed',
      async () => view(await asDefiner(), 'SELECT id, email AS name FROM shop.customers')(),
    ],
    ['view-definer-changed', view('DEFINER=root@localhost', TEXT)],
    [
      'view-security-changed',
      async () => view(`${await asDefiner()} SQL SECURITY INVOKER`, TEXT)(),
    ],
    ['view-definer-missing', async () => `DROP USER \`${await definer()}\`@localhost`],
    [
      'view-definer-unlocked',
      async () => `ALTER USER \`${await definer()}\`@localhost ACCOUNT UNLOCK`,
    ],
    [
      'view-definer-right-extra',
      async () => `GRANT SELECT ON shop.customers TO \`${await definer()}\`@localhost`,
    ],
    [
      'view-definer-right-missing',
      async () => `REVOKE SELECT (name) ON shop.customers FROM \`${await definer()}\`@localhost`,
    ],
    [
      'view-definer-unregistered',
      () => 'CREATE USER postern_view_0123456789abcdef@localhost ACCOUNT LOCK',
    ],
    ['owner-unlocked', () => 'ALTER USER postern_owner@localhost ACCOUNT UNLOCK'],
    ['owner-right-extra', () => 'GRANT SELECT ON shop.orders TO postern_owner@localhost'],
    ['owner-member-missing', () => lose(role, 'postern_owner')],
    [
      'broker-right-extra',
      () => "GRANT EXECUTE ON PROCEDURE postern.end_lease TO postern_broker@'%'",
    ],
    ['broker-binding-changed', () => "ALTER USER postern_broker@'%' REQUIRE NONE", 'bootstrap'],
    ['reader-right-extra', () => "GRANT SELECT ON shop.* TO postern_reader@'%'"],
    ['reader-missing', () => "DROP USER postern_reader@'%'", 'bootstrap'],
    ['procedure-changed', () => 'ALTER PROCEDURE postern.revoke SQL SECURITY INVOKER', 'bootstrap'],
    ['procedure-missing', () => 'DROP PROCEDURE postern.sweep', 'bootstrap'],
    ['account-shadowed', () => 'CREATE USER postern_broker@localhost', 'statements'],
    ['foreign-account', () => 'GRANT SELECT ON shop.orders TO app@localhost', 'statements'],
    ['foreign-account', () => 'GRANT SUPER ON *.* TO app@localhost', 'statements'],
    ['foreign-account', () => 'GRANT SELECT ON shop.* TO theirs', 'statements'],
    ['foreign-pattern', () => 'GRANT SELECT ON `sho_`.* TO app@localhost', 'statements'],
    ['public-widened', () => 'GRANT SELECT ON shop.customers TO PUBLIC', 'statements'],
    ['public-widened', () => 'GRANT theirs TO PUBLIC', 'statements'],
    [
      'anonymous-access',
      () =>
        "INSERT INTO mysql.db (Host, Db, User, Select_priv) VALUES ('%', 'test\\_%', '', 'Y'); FLUSH PRIVILEGES",
      'statements',
    ],
    ['anonymous-account', () => "CREATE USER ''@localhost", 'statements'],
    [
      'proxy-foreign',
      () => `INSERT INTO mysql.proxies_priv (Host, User, Proxied_host, Proxied_user, With_grant)
        VALUES ('localhost', 'app', '%', 'postern_broker', 0); FLUSH PRIVILEGES`,
      'statements',
    ],
  ];

  it('is told by the command, through the reader account', async () => {
    const run = async (...argv: string[]) => {
      let out = '';
      const say = (text: string) => {
        out += `${text}\n`;
      };
      const context = { cwd: target.directory, env: {}, interactive: false, out: say, err: say };
      return { code: await runCli(argv, context), out };
    };
    deepEqual(await run('drift', 'orders'), {
      code: 0,
      out: 'data/orders: as declared.\n',
    });
    await root('GRANT SELECT ON shop.orders TO app@localhost');
    const { code, out } = await run('drift', 'orders');
    equal(code, 1);
    match(out, /^data\/orders: 1 not as declared\.$/m);
    match(out, /^! foreign-account: account app@localhost\. It holds SELECT on shop\.orders/m);
    match(out, /REVOKE SELECT ON `shop`\.`orders` FROM `app`@`localhost`;/);
    match(out, /declared: Target\/data\/orders \(policy\/orders\.yaml:6\)/);
    match(out, /legal with: Target\/data\/orders: \+ spec\.mariadb\.operators: "app@localhost"/);
    const json = await run('drift', 'orders', '--json');
    equal(json.code, 1);
    equal(JSON.parse(json.out).layers[0].findings[0].code, 'foreign-account');
    await root('REVOKE SELECT ON shop.orders FROM app@localhost');
    equal((await run('drift', 'nobody')).code, 2);
  });

  for (const [index, [code, sql, undo]] of PLANTS.entries()) {
    it(`names ${code} once, and its remedy heals it (${index + 1})`, async () => {
      const text = await sql();
      await root(text);
      const planted = await found();
      deepEqual(
        planted.map((one) => one.code),
        [code],
        `${text}\n${JSON.stringify(planted, null, 1)}`,
      );
      const [drift] = planted;
      equal(drift?.cause, 'drift');
      if (undo === 'bootstrap') {
        equal(drift?.by, 'bootstrap');
        await target.bootstrap();
      } else if (undo === undefined) {
        equal(drift?.by, 'apply');
        const report = await applyDatabase(admin, await scope());
        deepEqual(report.missing, []);
      } else {
        equal(drift?.by, 'operator');
        const before = await codes();
        deepEqual((await applyDatabase(admin, await scope())).done, [], 'it is not ours to change');
        deepEqual(await codes(), before);
        await root(undo === 'statements' ? (drift?.statements ?? []).join(';') : undo);
      }
      deepEqual(await found(), [], text);
      const known = await root(`SELECT 1 FROM postern.lease WHERE account = '${lease.account}'`);
      if (known.length === 0) {
        await broker.revoke(lease.account);
        await fresh();
        deepEqual(await found(), []);
      }
    });
  }
});
