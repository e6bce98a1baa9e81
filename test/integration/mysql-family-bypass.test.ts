// SPDX-License-Identifier: Apache-2.0
import { ok } from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { BYPASS, BYPASS_SETUP, MARKER } from '../corpus/bypass.ts';
import { MYSQL_BYPASS, MYSQL_SETUP } from '../corpus/bypass-mysql.ts';
import { BYPASS_SEQUENCES, SEQUENCE_SETUP } from '../corpus/bypass-sequences.ts';
import { ATTACKER_POLICY, BypassCourt, withoutHeartbeat } from '../support/bypass-court.ts';
import { noMysql } from '../support/mysql.ts';
import { type Sidecar, startSidecar } from '../support/sidecar.ts';
import { World } from '../support/world.ts';

const SQL = [
  'DROP TABLE shop.orders',
  ...BYPASS_SETUP.filter((sql) => sql !== 'CREATE SCHEMA shop'),
  ...MYSQL_SETUP,
  // There are no sequences.
  ...SEQUENCE_SETUP.filter((sql) => !sql.startsWith('CREATE SEQUENCE')).map((sql) =>
    sql.replace('MARKER', MARKER),
  ),
  'CREATE USER judge',
  'GRANT SELECT ON shop.orders TO judge',
  'GRANT SELECT ON shop.tricky TO judge',
  'GRANT EXECUTE ON PROCEDURE shop.sneaky TO judge',
  'GRANT EXECUTE ON FUNCTION shop.sneaky_function TO judge',
].join(';\n');

/** As bypass.test.ts: the lease's roles may do everything behind Postern's back. */
describe('bypass attempts on MySQL', { skip: noMysql }, () => {
  let world: World;
  let sidecar: Sidecar;
  let court: BypassCourt;

  before(async () => {
    world = await World.start({
      mysql: true,
      extraPolicy: ATTACKER_POLICY,
      extraSql: SQL,
      clock: withoutHeartbeat,
    });
    sidecar = await startSidecar(world, await world.workload('evil', 'attacker'));
    court = new BypassCourt({
      gatewayPort: sidecar.port,
      serverPort: world.mariadb.port,
      judge: { user: 'judge' },
      serverState,
    });
    const [lender] = await court.run(['SELECT CURRENT_ROLE()']);
    const role = /pr_[A-Za-z0-9._-]+/.exec(lender?.answer.toString('latin1') ?? '')?.[0] ?? '';
    ok(role, `no role in ${lender?.answer.toString('latin1')}`);
    await world.mariadb.rootQuery(`GRANT ALL ON *.* TO \`${role}\`;
      CREATE USER control; GRANT \`${role}\` TO control; GRANT SELECT ON shop.orders TO control`);
    const attempts = [`SET ROLE \`${role}\``, 'SELECT secret FROM vault.secrets'];
    const done = await court.run(attempts, { user: 'control' }, world.mariadb.port);
    ok(done.at(-1)?.answer.includes(MARKER), 'the role could do everything');
    await court.begin();
  });
  after(async () => {
    await sidecar?.close();
    await world?.stop();
  });

  it('of one statement', async () => {
    for (const attempt of BYPASS) await court.judgeAttempt(attempt);
    await court.checkUntouched();
  });

  it('of one statement in its own language', async () => {
    for (const attempt of MYSQL_BYPASS) {
      await court.judgeAttempt(attempt);
      await court.judgePrepared(attempt);
    }
    await court.checkUntouched();
  });

  it('of several steps', async () => {
    for (const { note, steps, charset } of BYPASS_SEQUENCES) {
      await court.judge(note, steps, charset);
    }
    await court.checkUntouched();
    const [last] = await court.run(['SELECT note FROM shop.orders']);
    ok(last?.answer.includes('ordinary'), 'the gateway survived all of it');
  });

  function serverState(): Promise<unknown> {
    return world.mariadb.rootQuery(`SET SESSION group_concat_max_len = 1000000; SELECT
      (SELECT GROUP_CONCAT(secret) FROM vault.secrets) AS secrets,
      (SELECT GROUP_CONCAT(note) FROM vault.orders) AS others,
      (SELECT GROUP_CONCAT(id, note) FROM shop.orders) AS orders,
      (SELECT GROUP_CONCAT(table_schema, table_name, table_type ORDER BY 1) FROM information_schema.tables
        WHERE table_schema NOT IN ('information_schema', 'performance_schema')) AS tables,
      (SELECT COUNT(*) FROM information_schema.columns WHERE table_schema IN ('shop', 'vault')) AS columns_,
      (SELECT GROUP_CONCAT(routine_name ORDER BY 1) FROM information_schema.routines WHERE routine_schema = 'shop') AS routines,
      (SELECT COUNT(*) FROM information_schema.triggers) AS triggers,
      (SELECT COUNT(*) FROM information_schema.events) AS events,
      (SELECT COUNT(*) FROM mysql.servers) AS servers,
      (SELECT COUNT(*) FROM mysql.func) AS functions_,
      (SELECT COUNT(*) FROM mysql.component) AS components,
      (SELECT COUNT(*) FROM information_schema.resource_groups) AS groups_,
      (SELECT COUNT(*) FROM performance_schema.persisted_variables) AS persisted,
      (SELECT COUNT(*) FROM mysql.default_roles) AS default_roles,
      (SELECT GROUP_CONCAT(user, '@', host, authentication_string ORDER BY 1) FROM mysql.user WHERE user NOT LIKE 'pn:%') AS users,
      @@GLOBAL.sql_mode AS sql_mode, @@GLOBAL.general_log AS general_log`);
  }
});
