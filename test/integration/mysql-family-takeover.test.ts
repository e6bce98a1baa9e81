// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { createConnection } from 'mysql2/promise';
import { accountName } from '../../src/broker/account-name.ts';
import { certificateNames } from '../../src/broker/distinguished-name.ts';
import { MYSQL_LEASES } from '../../src/broker/mysql/dialect.ts';
import { Secret } from '../../src/model/secret.ts';
import type { AdminConnection } from '../../src/target/mysql/connection.ts';
import { LeaseTarget, request } from '../support/lease-target.ts';
import { noMysql } from '../support/mysql.ts';

/** As broker-takeover.test.ts, on MySQL: the broker's password and certificate are somebody else's. */
const INSTANCE = 'evil.0badf00d';
const SUBJECT = '/CN=b';
const PRIVILEGES = '    - {tables: [shop.orders], actions: [select]}';
const SQL = `CREATE DATABASE shop; CREATE TABLE shop.orders (id INT); CREATE TABLE shop.secrets (id INT);
CREATE ROLE dba; GRANT ALL ON *.* TO dba; CREATE USER plain IDENTIFIED BY 'x';`;

describe('broker taken over on MySQL', { skip: noMysql }, () => {
  let target: LeaseTarget;
  let attacker: AdminConnection;
  let role: string;
  let hash: string;
  const root = (sql: string) => target.mariadb.rootQuery(sql);
  const account = (principalId = 'workload/a/b/c') =>
    accountName({ instance: INSTANCE, principalId, roles: ['r'] }, 32);
  const literal = (value: string | number | null) => {
    if (typeof value === 'string') return `X'${Buffer.from(value).toString('hex')}'`;
    return value === null ? 'NULL' : String(value);
  };
  const lend = (change: Partial<Record<string, string | number | null>> = {}) => {
    const call = {
      instance: INSTANCE,
      account: account(),
      hash,
      roles: role,
      issuer: '/CN=a',
      subject: SUBJECT,
      ttl: 60,
      ...change,
    };
    const list = Object.values(call).map((value) => literal(value ?? null));
    return attacker.query(`CALL postern.lend(${list.join(', ')})`);
  };
  const state = async () =>
    JSON.stringify([
      await root("SELECT * FROM mysql.user WHERE User NOT LIKE 'pn:%' ORDER BY User, Host"),
      await root("SELECT * FROM mysql.role_edges WHERE TO_USER NOT LIKE 'pn:%'"),
      await root('SELECT * FROM mysql.db'),
      await root('SELECT * FROM mysql.default_roles'),
    ]);

  before(async () => {
    target = await LeaseTarget.start(PRIVILEGES, SQL, { mysql: true });
    const { added } = await target.bootstrap();
    role = added[0] ?? '';
    hash = await MYSQL_LEASES.passwordHash(new Secret('password'));
    attacker = await target.admin();
  });
  after(async () => {
    await attacker?.close();
    await target?.stop();
  });

  it('has the three procedures and nothing else', async () => {
    const { rows } = await attacker.query('SHOW GRANTS');
    deepEqual(rows.map(([grant]) => grant ?? '').sort(), [
      'GRANT EXECUTE ON PROCEDURE `postern`.`lend` TO `postern_broker`@`%`',
      'GRANT EXECUTE ON PROCEDURE `postern`.`revoke` TO `postern_broker`@`%`',
      'GRANT EXECUTE ON PROCEDURE `postern`.`sweep` TO `postern_broker`@`%`',
      'GRANT USAGE ON *.* TO `postern_broker`@`%`',
    ]);
  });

  it('can do nothing by itself', async () => {
    const before = await state();
    for (const sql of [
      'SELECT * FROM shop.orders',
      'SELECT * FROM postern.lease',
      "INSERT INTO postern.role VALUES ('dba', 'postern_broker', 'x', 1)",
      'SELECT User FROM mysql.user',
      "CREATE USER 'x'@'%'",
      "ALTER USER plain IDENTIFIED BY 'y'",
      'GRANT dba TO postern_broker',
      `GRANT \`${role}\` TO postern_broker`,
      'SET ROLE dba',
      'CALL postern.run("CREATE USER mine")',
      'CALL postern.kill_sessions("root")',
      'CALL postern.end_lease("x")',
      'CALL postern.give_roles("postern_broker", "dba")',
      'CALL postern.make_composite("postern_broker", "dba", @x, @y)',
      'CREATE TEMPORARY TABLE postern.lease (a INT)',
      'CREATE DEFINER=postern_owner@localhost PROCEDURE shop.mine() SELECT 1',
      'SELECT * FROM performance_schema.threads',
      'SET GLOBAL general_log = 1',
    ]) {
      await rejects(attacker.query(sql), /denied|need|not granted/i, sql);
    }
    const { rows } = await attacker.query(
      "SELECT 1 FROM information_schema.ROUTINES WHERE ROUTINE_DEFINITION LIKE '%CREATE USER%'",
    );
    deepEqual(rows, []);
    equal(await state(), before);
  });

  const name = account('x').slice(0, 10);
  const BAD: readonly (readonly [string, readonly (string | number | null)[]])[] = [
    [
      'account',
      [
        ...[null, '', 'root', 'plain', 'postern_broker', 'postern_owner', "root'@'localhost"],
        ...[`${name}x:0123456789\n`, `root\n${account('y')}`, `${account('y')}\u0000`],
        ...[`${name}'x:0123456789`, `${name}%:0123456789`, `pn:000000:x:0123456789`],
        ...[account('y').toUpperCase(), account('y').slice(0, -1), `${name}${'x'.repeat(200)}`],
      ],
    ],
    [
      'hash',
      [null, '', 'HASH\n', 'HASH0', '24412430303524', "HASH' REQUIRE NONE", `0x${'A'.repeat(140)}`],
    ],
    [
      'roles',
      [
        ...[
          null,
          '',
          'dba',
          'root',
          'plain',
          'pc_0',
          `dba\` TO root; -- `,
          'ROLE,dba',
          'ROLE,ROLE',
        ],
        ...['ROLE,', ',ROLE', 'ROLE\n', 'role`', 'x'.repeat(60_000)],
      ],
    ],
    ['issuer', [null, '', 'CN=a', '/CN=a\n', '/CN=a\u0000']],
    ['subject', [null, '', 'CN=b', '/CN=b\n', '/\u0001']],
    ['ttl', [null, 0, -1, 604_801]],
    ['instance', [null, '', 'evil', 'EVIL.0badf00d', "evil.0badf00d'", 'evil.0badf00d\n', '.']],
  ];
  /** What a caller can set for its own session. */
  const SESSIONS = [
    "SET sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT,IGNORE_SPACE'",
    "SET sql_mode = ''",
    'SET group_concat_max_len = 4',
    'SET NAMES gbk',
    "SET collation_connection = 'utf8mb4_general_ci'",
    'SET autocommit = 0, sql_select_limit = 0, sql_safe_updates = 1',
    "SET @postern_statement = 'CREATE USER mine', @x = 'SELECT 1'",
    "PREPARE postern_statement FROM 'SELECT 1'",
  ];
  for (const session of SESSIONS) {
    it(`refuses every parameter that is not in shape, after ${session}`, async () => {
      const before = await state();
      const connection = attacker;
      attacker = await target.admin();
      try {
        await attacker.query(session);
        for (const [parameter, values] of BAD) {
          for (const value of values) {
            const given =
              typeof value === 'string'
                ? value.replaceAll('ROLE', role).replaceAll('HASH', hash)
                : value;
            const outcome = await lend({ [parameter]: given }).then(
              () => 'lent',
              () => 'refused',
            );
            equal(outcome, 'refused', `${parameter} = ${JSON.stringify(value)?.slice(0, 80)}`);
          }
        }
      } finally {
        await attacker.close();
        attacker = connection;
      }
      equal(await state(), before);
    });
  }

  it('can lend a managed role to a managed account: the one thing that is left', async () => {
    await lend();
    const grants = await root(`SHOW GRANTS FOR '${account()}'@'%'`);
    equal(grants.length, 2);
    match(JSON.stringify(grants[1]), new RegExp(`GRANT .${role}.@`));
    // Nothing of it stays prepared, and running it again would be refused.
    await rejects(attacker.query('EXECUTE postern_statement'), /Unknown prepared statement/);
  });

  it('keeps nothing of a statement that failed', async () => {
    await root(`CREATE USER '${account('taken')}'@'%'; INSERT INTO postern.lease
      (account, instance, composite, state, lent_at, expires_at)
      VALUES ('${account('taken')}', '${INSTANCE}', 'pc_', 'lent', UTC_TIMESTAMP(), UTC_TIMESTAMP());
      REVOKE CREATE USER ON *.* FROM postern_owner@localhost`);
    await rejects(lend({ account: account('taken') }), /CREATE USER/);
    await root('GRANT CREATE USER ON *.* TO postern_owner@localhost');
    await rejects(attacker.query('EXECUTE postern_statement'), /Unknown prepared statement/);
    deepEqual((await attacker.query('SELECT @postern_statement')).rows, [[null]]);
    await attacker.query(`CALL postern.revoke('${INSTANCE}', '${account('taken')}')`);
    deepEqual(await root(`SELECT 1 FROM mysql.user WHERE User = '${account('taken')}'`), []);
  });

  it('quotes certificate names', async () => {
    const subject = '/CN=it\'s "quoted" \\x27, ` and -- # /* OU=x';
    await lend({ account: account('quoted'), subject });
    const [row] = await root(
      `SELECT CONVERT(x509_subject USING utf8mb4) AS s FROM mysql.user WHERE User = '${account('quoted')}'`,
    );
    equal(row?.['s'], subject);
  });

  it('cannot touch accounts that are not its own', async () => {
    await root("CREATE USER 'pn:000000:x:0123456789'@'%'");
    const before = await state();
    for (const other of ['root', 'plain', 'postern_broker', 'pn:000000:x:0123456789', "x' OR '1"]) {
      await attacker.query(`CALL postern.revoke('${INSTANCE}', ${literal(other)})`);
    }
    const sweep = await attacker.query(`CALL postern.sweep('${INSTANCE}', -1)`);
    ok(sweep.rows.length > 0);
    equal(await state(), before);
    const left = await root("SELECT 1 FROM mysql.user WHERE User = 'pn:000000:x:0123456789'");
    equal(left.length, 1);
  });

  it('cannot use the instances of another broker account', async () => {
    await root(`INSERT INTO postern.broker VALUES ('other_broker', 'data/other', 'none');
      INSERT INTO postern.instance VALUES ('other.11111111', 'other', 'other_broker', UTC_TIMESTAMP())`);
    for (const instance of ['other.11111111', 'other.22222222']) {
      await rejects(lend({ instance }), /foreign-instance|bad-account/);
      await rejects(attacker.query(`CALL postern.sweep('${instance}', 60)`), /foreign-instance/);
      await rejects(attacker.query(`CALL postern.revoke('${instance}', 'x')`), /foreign-instance/);
    }
    await root("DELETE FROM postern.instance WHERE broker = 'other_broker'");
  });

  it('shows the gateway what somebody granted to a lease', async () => {
    await lend({ account: account('gifted') });
    const swept = async () =>
      JSON.stringify((await attacker.query(`CALL postern.sweep('${INSTANCE}', 60)`)).rows);
    ok(!(await swept()).includes('foreign'));
    for (const [gift, undo] of [
      ['SELECT ON *.*', 'SELECT ON *.*'],
      ['SYSTEM_USER ON *.*', 'SYSTEM_USER ON *.*'],
      ['SELECT ON shop.*', 'SELECT ON shop.*'],
      ['INSERT ON shop.orders', 'INSERT ON shop.orders'],
      ['UPDATE (id) ON shop.orders', 'UPDATE (id) ON shop.orders'],
      ['dba', 'dba'],
    ]) {
      await root(`GRANT ${gift} TO '${account('gifted')}'@'%'`);
      match(await swept(), new RegExp(`"foreign","${account('gifted')}"`), gift);
      await root(`REVOKE ${undo} FROM '${account('gifted')}'@'%'`);
    }
    ok(!(await swept()).includes('foreign'));
    await root(`GRANT dba TO '${account('gifted')}'@'%'`);
    await rejects(lend({ account: account('gifted') }), /role-altered/);
    await attacker.query(`CALL postern.revoke('${INSTANCE}', '${account('gifted')}')`);
  });

  it('runs as an owner that has no right to spare', async () => {
    const names = certificateNames(new X509Certificate(target.upstream.certPem));
    const measured = account('measured');
    const work = async () => {
      // A statement of a routine that ran before is not checked again for columns.
      await attacker.close();
      attacker = await target.admin();
      await lend({ account: measured, ...names });
      await lend({ account: measured, ...names });
      const login = { ...target.certificateLogin(target.upstream), password: 'password' };
      const session = await createConnection({ ...login, user: measured });
      session.on('error', () => undefined);
      await root(`UPDATE postern.instance SET heartbeat = '2020-01-01' WHERE id = '${INSTANCE}'`);
      await attacker.query("CALL postern.sweep('evil.77777777', 60)");
      const kept = await root(`SELECT 1 FROM mysql.user WHERE User = '${measured}'`);
      equal(kept.length, 1, 'a session in use was ended');
      await attacker.query(`CALL postern.revoke('${INSTANCE}', '${measured}')`);
      await rejects(session.query('SELECT 1'), /./, 'it lives on');
      await root(`INSERT INTO postern.lease (account, instance, composite, state, lent_at, expires_at)
        VALUES ('${account('gone')}', 'evil.00000000', 'pc_', 'revoked', UTC_TIMESTAMP(), UTC_TIMESTAMP());
        UPDATE postern.composite SET last_used = '2020-01-01';
        INSERT INTO postern.instance VALUES ('evil.99999999', 'evil', 'postern_broker', '2020-01-01')`);
      await attacker.query(`CALL postern.sweep('${INSTANCE}', 60)`);
    };
    await work();
    for (const grant of chosen(MYSQL_LEASES.ownerPrivileges)) {
      const [, list = '', rest = ''] = /^GRANT (.*) ON (.*)$/.exec(grant) ?? [];
      const object = rest.replace(/ TO .*/, '');
      for (const privilege of list.split(', ')) {
        await root(`REVOKE ${privilege} ON ${object} FROM postern_owner@localhost`);
        await rejects(work(), /./, `${privilege} ON ${object} is not needed`);
        await root(`GRANT ${privilege} ON ${rest}; DELETE FROM postern.lease;
          DROP USER IF EXISTS '${measured}'@'%'; DELETE FROM postern.instance`);
      }
    }
    await work();
  });
});

describe('a MySQL that does not see all its connections', { skip: noMysql }, () => {
  it('lends nothing, because it could not take it back', async () => {
    const variables = { 'performance-schema-max-thread-instances': '60' };
    const target = await LeaseTarget.start(PRIVILEGES, SQL, { mysql: true, variables });
    try {
      await target.bootstrap();
      const broker = await target.broker();
      await broker.start();
      broker.release(await broker.lend(request()));
      const crowd = await Promise.all(
        Array.from({ length: 60 }, () =>
          createConnection({
            socketPath: target.mariadb.socketPath,
            user: 'root',
            password: target.mariadb.rootPassword,
          }),
        ),
      );
      await rejects(broker.lend(request('payments/other')), /performance_schema/);
      await Promise.all(crowd.map((connection) => connection.end()));
    } finally {
      await target.stop();
    }
  });

  it('is not taken at all without performance_schema', async () => {
    const variables = { 'performance-schema': 'OFF' };
    const target = await LeaseTarget.start(PRIVILEGES, SQL, { mysql: true, variables });
    try {
      await rejects(target.bootstrap(), /performance_schema is OFF/);
      await target.mariadb.rootQuery('SET GLOBAL partial_revokes = ON');
      await rejects(target.bootstrap(), /partial_revokes is ON/);
    } finally {
      await target.stop();
    }
  });
});

/** Of the many columns of mysql.user that are read together three. */
function chosen(grants: readonly string[]): readonly string[] {
  const columns = grants.filter((grant) => grant.includes('ON `mysql`.`user`'));
  return [...grants.filter((grant) => !columns.includes(grant)), ...columns.slice(0, 3)];
}
