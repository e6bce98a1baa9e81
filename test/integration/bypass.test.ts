// SPDX-License-Identifier: Apache-2.0
import { deepEqual, ok } from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { type Clock, systemClock } from '../../src/model/clock.ts';
import { COM } from '../../src/wire/mysql/commands.ts';
import { BYPASS, BYPASS_SETUP, type BypassAttempt, MARKER } from '../corpus/bypass.ts';
import { BYPASS_SEQUENCES, SEQUENCE_SETUP } from '../corpus/bypass-sequences.ts';
import { command, execution, RawPeer } from '../support/raw-peer.ts';
import { type Sidecar, startSidecar } from '../support/sidecar.ts';
import { World } from '../support/world.ts';

const POLICY = `---
apiVersion: postern.dev/v1alpha1
kind: DataRole
metadata: {name: order-reader, namespace: data}
spec:
  privileges:
    - {tables: [shop.orders, shop.tricky], actions: [select]}
    - {routines: [shop.sneaky, shop.sneaky_function], actions: [execute]}
---
apiVersion: postern.dev/v1alpha1
kind: Grant
metadata: {name: attacker, namespace: data}
spec:
  subjects: [{workload: {clusters: {matchLabels: {env: prod}}, serviceAccounts: [evil/attacker]}}]
  targetSelector: {matchLabels: {app: orders}}
  role: order-reader
`;

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
 * The broker looks every 10 s for rights beyond the declaration and stops lending: that is another
 * protection, and it would end this test, so its time never comes.
 */
const withoutHeartbeat: Clock = {
  now: () => systemClock.now(),
  monotonic: () => systemClock.monotonic(),
  after: (delayMs, run) => systemClock.after(delayMs === 10_000 ? 3_600_000 : delayMs, run),
};

/** Lack of a right, in MariaDB's words. */
const PRIVILEGE_ERROR =
  /denied to user|command denied|Access denied|need \(at least one of\) the|references invalid table/;

/**
 * Names of things are no data: which schemas and tables an account may see, and be in, is the
 * server's affair (docs/limitations.md); what it reads there is decided.
 */
const LEFT_TO_THE_SERVER = /^\W*(USE |SHOW TABLES |VAULT)/i;
const BATCH = 25;

/**
 * The lease's role is given ALL behind Postern's back, so that nothing but its decision stands
 * between the attacker and the vault. What counts is what the server really did.
 */
describe('bypass attempts', () => {
  let world: World;
  let sidecar: Sidecar;
  let untouched: unknown;
  let role = '';
  const suspects: string[] = [];

  before(async () => {
    world = await World.start({ extraPolicy: POLICY, extraSql: SQL, clock: withoutHeartbeat });
    sidecar = await startSidecar(world, await world.workload('evil', 'attacker'));
    const [lender] = await run(['SELECT CURRENT_ROLE()']);
    role = /p[a-z]_[A-Za-z0-9._-]+/.exec(lender?.answer.toString('latin1') ?? '')?.[0] ?? '';
    ok(role, `no role in ${lender?.answer.toString('latin1')}`);
    await world.mariadb.rootQuery(`GRANT ALL ON *.* TO \`${role}\``);
    untouched = await serverState();
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
    const done = await run(attempts, undefined, world.mariadb.port, 'control');
    await world.mariadb.rootQuery('DROP USER control');
    ok(done.at(-1)?.answer.includes(MARKER));
    const [active] = await run(['SELECT CURRENT_ROLE()']);
    ok(active?.answer.includes(role));
  });

  it('of one statement', async () => {
    for (const attempt of BYPASS) {
      const steps = [...modeSteps(attempt), attempt.sql];
      await judge(attempt.note, steps);
      const prepared = [
        command(COM.COM_STMT_PREPARE, attempt.sql),
        execution(0xffff_ffff),
        execution(1),
      ];
      await judge(`${attempt.note}, prepared`, [...modeSteps(attempt), prepared]);
    }
    await checkUntouched();
  });

  it('of several steps', async () => {
    for (const { note, steps, charset } of BYPASS_SEQUENCES) await judge(note, steps, charset);
    await checkUntouched();
    const [last] = await run(['SELECT note FROM shop.orders']);
    ok(last?.answer.includes('ordinary'), 'the gateway survived all of it');
  });

  type Step = string | Buffer | readonly Buffer[];
  interface Done {
    readonly step: Step;
    readonly answer: Buffer;
  }

  /** Runs the steps on a new session; ends early when the gateway ends it. */
  async function run(
    steps: readonly Step[],
    charset?: number,
    port = sidecar.port,
    user?: string,
  ): Promise<Done[]> {
    const done: Done[] = [];
    const peer = await RawPeer.connect(port, {
      ...(charset !== undefined && { charset }),
      ...(user !== undefined && { user }),
    });
    for (const step of steps) {
      const packets = isPackets(step) ? step : [command(COM.COM_QUERY, step)];
      done.push({ step, answer: await peer.send(packets) });
      if (peer.closed) break;
    }
    peer.end();
    return done;
  }

  async function judge(note: string, steps: readonly Step[], charset?: number): Promise<void> {
    const done = await run(steps, charset);
    for (const { answer } of done) {
      ok(!answer.includes(MARKER), `${note}: the marker came back`);
    }
    suspects.push(note);
    if (suspects.length >= BATCH) await checkUntouched();
    // What was allowed must be allowed to an account with exactly these rights, too.
    const allowed = done.filter(({ answer }) => !answer.includes('Postern: '));
    if (allowed.length === 0) return;
    const same = await run(
      allowed.map(({ step }) => step),
      charset,
      world.mariadb.port,
      'judge',
    );
    for (const { step, answer } of same) {
      const text = answer.toString('latin1');
      const shown = isPackets(step) ? Buffer.concat(step).toString('latin1') : String(step);
      if (LEFT_TO_THE_SERVER.test(shown)) continue;
      ok(
        !PRIVILEGE_ERROR.test(text),
        `${note}: allowed ${shown.slice(0, 300)}: ${text.slice(0, 300)}`,
      );
    }
  }

  /** Looking is slow, so several attempts share it. */
  async function checkUntouched(): Promise<void> {
    deepEqual(await serverState(), untouched, `changed by one of: ${suspects.join(' | ')}`);
    ok(!existsSync('/tmp/postern-bypass'), `a file was written by one of: ${suspects.join(' | ')}`);
    suspects.length = 0;
  }

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

function isPackets(step: string | Buffer | readonly Buffer[]): step is readonly Buffer[] {
  return Array.isArray(step);
}

/** Brings the session into the modes that an attempt assumes. */
function modeSteps({ mode }: BypassAttempt): string[] {
  if (!mode) return [];
  const names = [
    mode.ansiQuotes && 'ANSI_QUOTES',
    mode.noBackslashEscapes && 'NO_BACKSLASH_ESCAPES',
    mode.ignoreSpace && 'IGNORE_SPACE',
    mode.oracle && 'ORACLE',
  ].filter(Boolean);
  return [
    ...(names.length > 0 ? [`SET SESSION sql_mode = '${names.join(',')}'`] : []),
    ...(mode.charset !== undefined ? [`SET NAMES ${mode.charset}`] : []),
  ];
}
