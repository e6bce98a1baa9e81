// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { createConnection } from 'mysql2/promise';
import { accountName } from '../../src/broker/account-name.ts';
import { certificateNames } from '../../src/broker/distinguished-name.ts';
import { OWNER_PRIVILEGES } from '../../src/broker/registry-schema.ts';
import type { AdminConnection } from '../../src/target/mysql/connection.ts';
import { LeaseTarget } from '../support/lease-target.ts';

/**
 * Somebody has the broker's password and certificate and speaks SQL to the target directly. All
 * there is to win is what the gateway could lend anyway.
 */
const INSTANCE = 'evil.0badf00d';
const HASH = '*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19';
const ISSUER = '/CN=a';
const SUBJECT = '/CN=b';
const PRIVILEGES = '    - {tables: [shop.orders], actions: [select]}';
const SQL = `CREATE DATABASE shop; CREATE TABLE shop.orders (id INT); CREATE TABLE shop.secrets (id INT);
CREATE ROLE dba; GRANT ALL ON *.* TO dba;`;

describe('broker taken over', () => {
  let target: LeaseTarget;
  let attacker: AdminConnection;
  let role: string;
  const root = (sql: string) => target.mariadb.rootQuery(sql);
  const account = (principalId = 'workload/a/b/c') =>
    accountName({ instance: INSTANCE, principalId, roles: ['r'] });
  const literal = (value: string | null | number) =>
    value === null
      ? 'NULL'
      : typeof value === 'number'
        ? String(value)
        : `X'${Buffer.from(value).toString('hex')}'`;
  const lend = (change: Partial<Record<string, string | null | number>> = {}) => {
    const call = {
      instance: INSTANCE,
      account: account(),
      hash: HASH,
      roles: role,
      issuer: ISSUER,
      subject: SUBJECT,
      ttl: 60,
      ...change,
    };
    const list = Object.values(call).map((value) => literal(value ?? null));
    return attacker.query(`CALL postern.lend(${list.join(', ')})`);
  };
  const accountsAndRoles = async () =>
    JSON.stringify(
      await root("SELECT User, Host, Priv FROM mysql.global_priv WHERE User NOT LIKE 'pc\\_%'"),
    );

  before(async () => {
    target = await LeaseTarget.start(PRIVILEGES, SQL);
    const { added } = await target.bootstrap();
    role = added[0] ?? '';
    attacker = await target.admin();
  });
  after(async () => {
    await attacker.close();
    await target.stop();
  });

  it('has the three procedures and nothing else', async () => {
    const { rows } = await attacker.query('SHOW GRANTS');
    const grants = rows.map(([grant]) => grant ?? '').sort();
    deepEqual(grants.slice(0, 3), [
      'GRANT EXECUTE ON PROCEDURE `postern`.`lend` TO `postern_broker`@`%`',
      'GRANT EXECUTE ON PROCEDURE `postern`.`revoke` TO `postern_broker`@`%`',
      'GRANT EXECUTE ON PROCEDURE `postern`.`sweep` TO `postern_broker`@`%`',
    ]);
    match(grants[3] ?? '', /^GRANT USAGE ON \*\.\* .*REQUIRE ISSUER '.*' SUBJECT '.*'$/);
    equal(grants.length, 4);
  });

  const FORBIDDEN = [
    'SELECT * FROM shop.orders',
    'SELECT * FROM postern.lease',
    'UPDATE postern.role SET ready = 1',
    "INSERT INTO postern.role VALUES ('dba', 'postern_broker', 'x', 1)",
    'SELECT * FROM mysql.global_priv',
    "CREATE USER 'x'@'%'",
    "ALTER USER 'root'@'localhost' IDENTIFIED BY 'x'",
    'CREATE ROLE r2',
    'GRANT dba TO postern_broker',
    'SET ROLE dba',
    'KILL USER root',
    'DROP DATABASE shop',
    'CREATE DATABASE mine',
    'CALL postern.end_lease("x")',
    'CALL postern.make_composite("postern_broker", "dba", @x)',
    'CALL postern.check_instance("x", @x)',
    "SELECT * FROM information_schema.ROUTINES WHERE ROUTINE_DEFINITION LIKE '%CREATE USER%'",
    'DROP PROCEDURE postern.lend',
    'CREATE PROCEDURE postern.mine() SELECT 1',
    'CREATE DEFINER=postern_owner@localhost PROCEDURE shop.mine() SELECT 1',
    "SELECT LOAD_FILE('/etc/passwd') IS NULL FROM shop.orders",
    "SELECT 1 INTO OUTFILE '/tmp/postern-takeover'",
    'SET GLOBAL general_log = 1',
    'SHUTDOWN',
    'FLUSH PRIVILEGES',
  ];
  for (const sql of FORBIDDEN) {
    it(`cannot: ${sql}`, async () => {
      const before = await accountsAndRoles();
      await attacker.query(sql).then(
        ({ rows }) => deepEqual(rows, [], sql),
        (error) => match(String(error), /denied|not exist|Invalid role|owner|belong/i),
      );
      equal(await accountsAndRoles(), before);
    });
  }

  it('can lend a managed role to a managed account: the one thing that is left', async () => {
    await lend();
    const grants = await root(`SHOW GRANTS FOR '${account()}'@'%'`);
    equal(grants.length, 2);
  });

  const name = account('x').slice(0, -12);
  const BAD: readonly (readonly [
    parameter: string,
    values: readonly (string | number | null)[],
  ])[] = [
    [
      'account',
      [
        null,
        '',
        'root',
        'postern_broker',
        'postern_owner',
        "root'@'localhost",
        `${name}x:0123456789' IDENTIFIED BY 'x`,
        `${name}x:0123456789'@'localhost`,
        `${name}x:0123456789\n`,
        `root\n${account('y')}`,
        `${account('y')}\nroot`,
        `${account('y')}\u0000`,
        `${name}\u00bf\u0027x:0123456789`,
        `${name}é:0123456789`,
        `${name}%:0123456789`,
        `postern:${'0'.repeat(6)}:x:0123456789`,
        account('y').toUpperCase(),
        account('y').slice(0, -1),
        `${name}${'x'.repeat(200)}:0123456789`,
      ],
    ],
    [
      'hash',
      [
        null,
        '',
        'secret',
        HASH.toLowerCase(),
        HASH.slice(1),
        `${HASH}\n`,
        `${HASH}0`,
        `${HASH}' REQUIRE NONE; -- `,
        `' OR 1=1; -- `,
      ],
    ],
    [
      'roles',
      [
        null,
        '',
        'dba',
        'PUBLIC',
        'root',
        'pc_0',
        `dba\` TO root; -- `,
        'ROLE,dba',
        'ROLE,ROLE',
        'ROLE,',
        ',ROLE',
        'ROLE\n',
        'ROLE,dba`@`',
        'role`',
        'x'.repeat(60_000),
      ],
    ],
    // What is not ASCII becomes `?` on its way into the parameter: a name no certificate has.
    ['issuer', [null, '', 'CN=a', '/CN=a\n', `/CN=a\u0000`]],
    ['subject', [null, '', 'CN=b', '/CN=b\n', '/\u0001']],
    ['ttl', [null, 0, -1, 604_801]],
    [
      'instance',
      [null, '', 'evil', 'EVIL.0badf00d', "evil.0badf00d'", 'evil.0badf00d\n', 'x.00000000', '.'],
    ],
  ];
  /** What a caller can set for its own session; each has once made a check of this kind fail. */
  const SESSIONS = [
    'SET sql_mode = DEFAULT',
    "SET sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT,ORACLE'",
    "SET sql_mode = ''",
    "SET default_regex_flags = 'MULTILINE,DOTALL,EXTENDED'",
    'SET group_concat_max_len = 4',
    'SET NAMES gbk',
    'SET NAMES big5',
    "SET collation_connection = 'utf8mb4_general_ci'",
    'SET autocommit = 0',
    'SET sql_select_limit = 0',
  ];
  for (const session of SESSIONS) {
    it(`refuses every parameter that is not in shape, after ${session}`, async () => {
      const before = await accountsAndRoles();
      const connection = attacker;
      attacker = await target.admin();
      try {
        await attacker.query(session);
        for (const [parameter, values] of BAD) {
          for (const value of values) {
            const given = typeof value === 'string' ? value.replaceAll('ROLE', role) : value;
            // In group_concat_max_len's session and others, too long is cut; what is left is checked.
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
      equal(await accountsAndRoles(), before);
    });
  }

  it('quotes certificate names', async () => {
    const subject = '/CN=it\'s "quoted" \\x27, ` and -- # /* OU=x';
    await lend({ account: account('quoted'), subject });
    const [row] = await root(
      `SELECT JSON_VALUE(Priv, '$.x509_subject') AS subject, Priv FROM mysql.global_priv WHERE User = '${account('quoted')}'`,
    );
    equal(row?.subject, subject);
  });

  it('gets only what it asked for when group_concat is cut', async () => {
    target.declare(`${PRIVILEGES}\n    - {tables: [shop.secrets], actions: [select]}`);
    const { added } = await target.bootstrap();
    role = added[0] ?? '';
    const session = attacker;
    attacker = await target.admin();
    await attacker.query('SET group_concat_max_len = 4');
    const composite = (await lend({ account: account('cut') })).rows[0]?.[0];
    await attacker.close();
    attacker = session;
    const digest = createHash('sha256').update(role).digest('hex');
    equal(composite, `pc_${digest.slice(0, 32)}`);
  });

  it('cannot touch accounts that are not its own', async () => {
    await root("CREATE USER 'postern:000000:x:0123456789'@'%'");
    const revoke = (name: string) =>
      attacker.query(`CALL postern.revoke('${INSTANCE}', ${literal(name)})`);
    const before = await accountsAndRoles();
    for (const name of ['root', 'postern_broker', 'postern:000000:x:0123456789', "x' OR '1"]) {
      await revoke(name);
    }
    equal(await accountsAndRoles(), before);
    const sweep = await attacker.query(`CALL postern.sweep('${INSTANCE}', -1)`);
    ok(sweep.rows.length > 0);
    equal(await accountsAndRoles(), before);
  });

  it('cannot use the instances of another broker account', async () => {
    const transport = "'none'";
    await root(`INSERT INTO postern.broker VALUES ('other_broker', 'data/other', ${transport});
      INSERT INTO postern.instance VALUES ('other.11111111', 'other', 'other_broker', UTC_TIMESTAMP())`);
    for (const instance of ['other.11111111', 'other.22222222']) {
      await rejects(lend({ instance }), /foreign-instance/);
      await rejects(attacker.query(`CALL postern.sweep('${instance}', 60)`), /foreign-instance/);
      await rejects(attacker.query(`CALL postern.revoke('${instance}', 'x')`), /foreign-instance/);
    }
    await root("DELETE FROM postern.instance WHERE broker = 'other_broker'");
  });

  it('runs as an owner that has no right to spare', async () => {
    const names = certificateNames(new X509Certificate(target.upstream.certPem));
    await root('CREATE SQL SECURITY INVOKER VIEW shop.stock_view AS SELECT 1');
    const observed = () => root('CALL postern.observe()').then((rows) => JSON.stringify(rows));
    const work = async () => {
      match(await observed(), /stock_view.*INVOKER/);
      await lend({ account: account('measured'), ...names });
      await lend({ account: account('measured'), ...names });
      const session = await createConnection({
        ...target.certificateLogin(target.upstream),
        user: account('measured'),
        password: 'password',
      });
      session.on('error', () => undefined);
      await root(`UPDATE postern.instance SET heartbeat = '2020-01-01' WHERE id = '${INSTANCE}'`);
      await attacker.query("CALL postern.sweep('evil.77777777', 60)");
      ok((await target.accounts()).includes(account('measured')), 'a session in use was ended');
      await attacker.query(`CALL postern.revoke('${INSTANCE}', '${account('measured')}')`);
      await rejects(session.query('SELECT 1'), /./, 'it lives on');
      await root(`INSERT INTO postern.lease (account, instance, composite, state, lent_at, expires_at)
        VALUES ('${account('gone')}', 'evil.00000000', 'pc_', 'revoked',
        UTC_TIMESTAMP(), UTC_TIMESTAMP()); UPDATE postern.composite SET last_used = '2020-01-01'`);
      await root(
        "INSERT INTO postern.instance VALUES ('evil.99999999', 'evil', 'postern_broker', '2020-01-01')",
      );
      await attacker.query(`CALL postern.sweep('${INSTANCE}', 60)`);
    };
    await work();
    for (const grant of OWNER_PRIVILEGES) {
      const [, list = '', rest = ''] = /^GRANT (.*) ON (.*)$/.exec(grant) ?? [];
      const columns = /^SELECT \(.*\)$/.test(list);
      for (const privilege of columns ? [list] : list.split(', ')) {
        const object = rest.replace(/ TO .*/, '');
        await root(`REVOKE ${privilege} ON ${object} FROM postern_owner@localhost`);
        await rejects(work(), /./, `${privilege} ON ${object} is not needed`);
        await root(`GRANT ${privilege} ON ${rest}; DELETE FROM postern.lease`);
        await root(`DROP USER IF EXISTS '${account('measured')}'@'%'`);
        await root('DELETE FROM postern.instance');
        await work();
      }
    }
  });
});
