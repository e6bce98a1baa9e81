// SPDX-License-Identifier: Apache-2.0
import { ok } from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { BYPASS, BYPASS_SETUP, MARKER } from '../corpus/bypass.ts';
import { BYPASS_SEQUENCES, SEQUENCE_SETUP } from '../corpus/bypass-sequences.ts';
import { ATTACKER_POLICY, BypassCourt, withoutHeartbeat } from '../support/bypass-court.ts';
import { type Sidecar, startSidecar } from '../support/sidecar.ts';
import { World } from '../support/world.ts';

const SQL = [
  'DROP TABLE shop.orders',
  ...BYPASS_SETUP.filter((sql) => sql !== 'CREATE SCHEMA shop'),
  ...SEQUENCE_SETUP.map((sql) => sql.replace('MARKER', MARKER)),
  'CREATE USER judge',
  'GRANT SELECT ON shop.orders TO judge',
  'GRANT SELECT ON shop.tricky TO judge',
  'GRANT EXECUTE ON PROCEDURE shop.sneaky TO judge',
  'GRANT EXECUTE ON FUNCTION shop.sneaky_function TO judge',
].join(';\n');

/**
 * The lease's role is given ALL behind Postern's back, so that nothing but its decision stands
 * between the attacker and the vault. What counts is what the server really did.
 */
describe('bypass attempts', () => {
  let world: World;
  let sidecar: Sidecar;
  let court: BypassCourt;
  let role = '';

  before(async () => {
    world = await World.start({
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
    role = /p[a-z]_[A-Za-z0-9._-]+/.exec(lender?.answer.toString('latin1') ?? '')?.[0] ?? '';
    ok(role, `no role in ${lender?.answer.toString('latin1')}`);
    await world.mariadb.rootQuery(`GRANT ALL ON *.* TO \`${role}\``);
    await court.begin();
  });
  after(async () => {
    await sidecar?.close();
    await world?.stop();
  });

  it('have a lease that could do everything', async () => {
    // Only its owner may grant the role, so not even root here.
    await world.mariadb.rootQuery(`CREATE USER control;
      INSERT INTO mysql.roles_mapping VALUES ('%', 'control', '${role}', 'N'); FLUSH PRIVILEGES;
      GRANT SELECT ON shop.orders TO control`);
    const attempts = [`SET ROLE \`${role}\``, 'SELECT secret FROM vault.secrets'];
    const done = await court.run(attempts, { user: 'control' }, world.mariadb.port);
    await world.mariadb.rootQuery('DROP USER control');
    ok(done.at(-1)?.answer.includes(MARKER));
    const [active] = await court.run(['SELECT CURRENT_ROLE()']);
    ok(active?.answer.includes(role));
  });

  it('of one statement', async () => {
    for (const attempt of BYPASS) {
      await court.judgeAttempt(attempt);
      await court.judgePrepared(attempt);
    }
    await court.checkUntouched();
  });

  it('of several steps', async () => {
    for (const { note, steps, charset } of BYPASS_SEQUENCES)
      await court.judge(note, steps, charset);
    await court.checkUntouched();
    const [last] = await court.run(['SELECT note FROM shop.orders']);
    ok(last?.answer.includes('ordinary'), 'the gateway survived all of it');
  });

  /** Everything an attacker could have changed. */
  async function serverState(): Promise<unknown> {
    return world.mariadb.rootQuery(`SELECT
      (SELECT GROUP_CONCAT(secret) FROM vault.secrets) AS secrets,
      (SELECT GROUP_CONCAT(note) FROM vault.orders) AS others,
      (SELECT GROUP_CONCAT(id, note) FROM shop.orders) AS orders,
      (SELECT next_not_cached_value FROM vault.numbers) AS numbers,
      (SELECT GROUP_CONCAT(table_schema, table_name, table_type ORDER BY 1) FROM information_schema.tables
        WHERE table_schema NOT IN ('information_schema', 'performance_schema')) AS tables,
      (SELECT COUNT(*) FROM information_schema.columns WHERE table_schema IN ('shop', 'vault')) AS columns,
      (SELECT COUNT(*) FROM information_schema.views WHERE view_definition LIKE '%sneaky_function%') AS views,
      (SELECT GROUP_CONCAT(routine_name ORDER BY 1) FROM information_schema.routines WHERE routine_schema = 'shop') AS routines,
      (SELECT COUNT(*) FROM information_schema.triggers) AS triggers,
      (SELECT COUNT(*) FROM information_schema.events) AS events,
      (SELECT COUNT(*) FROM mysql.servers) AS servers,
      (SELECT COUNT(*) FROM mysql.func) AS functions,
      (SELECT GROUP_CONCAT(user, '@', host ORDER BY 1) FROM mysql.global_priv WHERE user NOT LIKE 'postern:%') AS users,
      @@GLOBAL.sql_mode AS sql_mode, @@GLOBAL.general_log AS general_log`);
  }
});
