// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { observe } from '../../src/broker/observe.ts';
import { GLOBAL_PRIVILEGES } from '../../src/compile/sql/observed-privilege.ts';
import { grantStatements, revokeStatements, rightKey } from '../../src/compile/sql/right.ts';
import { Secret } from '../../src/model/secret.ts';
import type { AdminConnection } from '../../src/target/mysql/connection.ts';
import { openAdminConnection } from '../../src/target/mysql/session.ts';
import { LeaseTarget, request } from '../support/lease-target.ts';

const ORDERS = '    - {tables: [shop.orders], actions: [select]}';
const SQL = `CREATE DATABASE shop; CREATE TABLE shop.orders (id INT);
CREATE DATABASE \`o'd_d%"\`; CREATE TABLE \`o'd_d%"\`.\`t\`\`a, b\` (\`c'"\\) ON x\` INT);`;
const HOLDER = '`we"ir`` TO d\'`@`10.%`';

describe('observed state', () => {
  let target: LeaseTarget;
  let reader: AdminConnection;
  const root = (sql: string) => target.mariadb.rootQuery(sql);
  const read = () => observe(reader, 'data/orders');

  before(async () => {
    target = await LeaseTarget.start(ORDERS, SQL);
    const file = join(target.directory, 'policy/orders.yaml');
    const broker = 'broker: {user: postern_broker, password: {file: ../broker-password}}';
    const text = readFileSync(file, 'utf8');
    target.write(
      'policy/orders.yaml',
      text.replace(
        broker,
        `${broker}\n    reader: {user: postern_reader, password: {file: ../reader-password}}`,
      ),
    );
    await target.bootstrap();
    const password = readFileSync(join(target.directory, 'reader-password'), 'utf8').trim();
    reader = await openAdminConnection({
      targetName: 'data/orders',
      endpoint: { host: '127.0.0.1', port: target.mariadb.port },
      tls: {
        mode: 'verified',
        ca: target.authority.certPem,
        serverName: 'localhost',
        cert: target.upstream.chainPem,
        key: new Secret(target.upstream.keyPem),
      },
      user: 'postern_reader',
      password: new Secret(password),
      deadlineMs: 10_000,
    });
  });
  after(async () => {
    await reader?.close();
    await target.stop();
  });

  it('is read by an account that can do nothing else', async () => {
    const state = await read();
    equal(state.registry.version, '3');
    const held = state.rights.filter(({ user }) => user === 'postern_reader');
    deepEqual(
      held.map(({ level, schema, object, privilege }) => [level, schema, object, privilege]),
      [['procedure', 'postern', 'observe', 'EXECUTE']],
    );
    for (const sql of [
      'SELECT * FROM mysql.global_priv',
      'SELECT * FROM mysql.user',
      'SELECT * FROM postern.lease',
      'SELECT * FROM shop.orders',
      "CALL postern.sweep('x.00000000', 60)",
      'SHOW CREATE PROCEDURE postern.observe',
      'CREATE USER x',
    ]) {
      const result = await reader.query(sql).catch(() => undefined);
      ok(result === undefined || (result.rows[0]?.[2] ?? null) === null, sql);
    }
  });

  it('never tells a password hash', async () => {
    const { rows } = await reader.query('CALL postern.observe()');
    ok(rows.length > 50);
    const hashes = await root(
      "SELECT JSON_VALUE(Priv, '$.authentication_string') h FROM mysql.global_priv",
    );
    const known = hashes.map(({ h }) => String(h ?? '')).filter((hash) => hash.startsWith('*'));
    ok(known.length >= 4);
    const text = JSON.stringify(rows);
    for (const hash of known) ok(!text.includes(hash));
  });

  it('reads every right as it was granted, whatever the names and the sql_mode', async () => {
    const place = { schema: 'o\'d_d%"', object: 't`a, b', column: '' };
    const column = `c'"\\) ON x`;
    const wanted = [
      { level: 'global', schema: '', object: '', column: '', privilege: 'SLAVE MONITOR' },
      { level: 'global', schema: '', object: '', column: '', privilege: 'SELECT' },
      { ...place, level: 'schema', schema: 'o\'d\\_d\\%"', object: '', privilege: 'LOCK TABLES' },
      { ...place, level: 'schema', object: '', privilege: 'DELETE HISTORY' },
      { ...place, level: 'table', privilege: 'GRANT OPTION' },
      { ...place, level: 'table', privilege: 'CREATE VIEW' },
      { ...place, level: 'column', column, privilege: 'SELECT' },
      { ...place, level: 'column', column, privilege: 'REFERENCES' },
      { ...place, level: 'procedure', object: 'p`"', privilege: 'ALTER ROUTINE' },
      { ...place, level: 'function', object: "f'", privilege: 'EXECUTE' },
    ] as const;
    const schema = '`o\'d_d%"`';
    await root(`CREATE USER ${HOLDER}; CREATE PROCEDURE ${schema}.\`p\`\`"\`() SELECT 1;
      CREATE FUNCTION ${schema}.\`f'\`() RETURNS INT RETURN 1`);
    for (const mode of ['', 'ANSI_QUOTES', 'NO_BACKSLASH_ESCAPES,ORACLE']) {
      await root([`SET sql_mode = '${mode}'`, ...grantStatements(wanted, HOLDER)].join(';'));
      await reader.query(`SET sql_mode = '${mode}'`);
      const mine = async () =>
        (await read()).rights
          .filter(({ user, host }) => user === 'we"ir` TO d\'' && host === '10.%')
          .map(rightKey)
          .sort();
      deepEqual(await mine(), wanted.map(rightKey).sort(), mode);
      await root([`SET sql_mode = '${mode}'`, ...revokeStatements(wanted, HOLDER)].join(';'));
      deepEqual(await mine(), [], mode);
    }
  });

  it('knows every global privilege by its bit', async () => {
    for (const privilege of GLOBAL_PRIVILEGES) {
      await root(
        `CREATE OR REPLACE USER bits@localhost; GRANT ${privilege} ON *.* TO bits@localhost`,
      );
      const held = (await read()).rights.filter(({ user }) => user === 'bits');
      deepEqual(
        held.map((right) => right.privilege),
        [privilege],
      );
    }
    await root('DROP USER bits@localhost');
  });

  it('reads views, routines, roles, PUBLIC, anonymous rows and proxies', async () => {
    await root(`CREATE USER \`own@er\`@localhost; CREATE ROLE nested; CREATE ROLE outer_one;
      GRANT nested TO outer_one; GRANT outer_one TO ${HOLDER} WITH ADMIN OPTION;
      SET DEFAULT ROLE outer_one FOR ${HOLDER};
      CREATE DEFINER=\`own@er\`@localhost SQL SECURITY INVOKER VIEW shop.\`v'\` AS SELECT id AS \`i\`\`d\` FROM shop.orders;
      GRANT SELECT ON shop.\`v'\` TO postern_owner@localhost;
      CREATE FUNCTION shop.f() RETURNS INT SQL SECURITY INVOKER RETURN 7;
      GRANT UPDATE ON shop.orders TO PUBLIC;
      INSERT INTO mysql.db (Host, Db, User, Select_priv) VALUES ('%', 'test\\_%', '', 'Y');
      INSERT INTO mysql.proxies_priv (Host, User, Proxied_host, Proxied_user, With_grant)
        VALUES ('localhost', 'app', '%', 'postern_broker', 1)`);
    const state = await read();
    deepEqual(
      state.views.map(({ schema, name, definer, security, text }) => [
        schema,
        name,
        definer,
        security,
        text,
      ]),
      [
        [
          'shop',
          "v'",
          'own@er@localhost',
          'INVOKER',
          'select `shop`.`orders`.`id` AS `i``d` from `shop`.`orders`',
        ],
      ],
    );
    const routine = state.routines.find(({ name }) => name === 'f');
    deepEqual([routine?.type, routine?.security], ['FUNCTION', 'INVOKER']);
    const members = state.members.map(({ user, role, admin }) => [user, role, admin].join(' '));
    ok(members.includes('outer_one nested false'));
    ok(members.includes('we"ir` TO d\' outer_one true'));
    const holder = state.accounts.find(({ host }) => host === '10.%');
    equal(holder?.defaultRole, 'outer_one');
    ok(state.rights.some(({ user, level }) => user === 'PUBLIC' && level === 'table'));
    ok(state.rights.some(({ user, schema }) => user === '' && schema === 'test\\_%'));
    ok(
      state.proxies.some(
        ({ user, proxiedUser }) => user === 'app' && proxiedUser === 'postern_broker',
      ),
    );
    await root(`REVOKE SELECT ON shop.\`v'\` FROM postern_owner@localhost; DROP VIEW shop.\`v'\`; DROP FUNCTION shop.f; DROP ROLE nested; DROP ROLE outer_one;
      REVOKE UPDATE ON shop.orders FROM PUBLIC; DELETE FROM mysql.db WHERE User = '';
      DELETE FROM mysql.proxies_priv WHERE User = 'app'; FLUSH PRIVILEGES`);
  });

  it('sees that a lease is what was lent, and that it is not', async () => {
    const broker = await target.broker();
    await broker.start();
    const { account } = await broker.lend(request());
    const lease = async () => (await read()).registry.leases.find((one) => one.account === account);
    const facts = async () => {
      const found = await lease();
      return [found?.broker, found?.state, found?.passwordAsLent, found?.bindingAsLent];
    };
    deepEqual(await facts(), ['postern_broker', 'lent', true, true]);
    await root(`ALTER USER '${account}'@'%' REQUIRE SSL`);
    deepEqual(await facts(), ['postern_broker', 'lent', true, false]);
    await root(`ALTER USER '${account}'@'%' IDENTIFIED BY 'known'`);
    deepEqual((await facts())[2], false);
    await broker.stop();
  });

  it('refuses what it does not know instead of passing over it', async () => {
    const restore = 'DELETE FROM mysql.global_priv WHERE User = "odd"';
    for (const [priv, problem] of [
      ['{"access": 549755813888}', /privileges that this build does not know/],
      ['{"access": 0, "second_door": true}', /second_door/],
      ['{"access": 0, "ssl_type": 9}', /REQUIRE that this build does not know/],
    ] as const) {
      await root(`INSERT INTO mysql.global_priv VALUES ('%', 'odd', '${priv}')`);
      await rejects(read(), problem);
      await root(restore);
    }
    await root("ALTER TABLE mysql.db ADD COLUMN New_priv ENUM('N', 'Y') NOT NULL DEFAULT 'N'");
    await rejects(read(), /New_priv.* is a privilege that this build does not know/);
    await root('ALTER TABLE mysql.db DROP COLUMN New_priv');
    await read();
  });

  it('says what to do on a server that was not bootstrapped', async () => {
    await root('DROP PROCEDURE postern.observe');
    await rejects(read(), (error: Error) => {
      match(error.message, /registry is missing, older, or not open/);
      return true;
    });
    await target.bootstrap();
    await read();
  });
});
