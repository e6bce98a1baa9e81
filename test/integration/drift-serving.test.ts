// SPDX-License-Identifier: Apache-2.0
// What somebody changes behind the back of a running gateway is found by it, and disturbs nobody.
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { createServer, type Server } from 'node:net';
import { after, before, describe, it } from 'node:test';
import type { Connection } from 'mysql2/promise';
import { runCli } from '../../src/cli/cli.ts';
import { asWorkload } from '../support/drivers.ts';
import { recordsOf } from '../support/evidence.ts';
import { until, World } from '../support/world.ts';

const SETTINGS = 'drift: {interval: 1s}\nlimits: {targetTimeout: 2s}';
const FOUND_MS = 10_000;

describe('drift while serving', () => {
  let world: World;
  let mute: Server;
  let connection: Connection;
  const answered: number[] = [];
  const failed: unknown[] = [];
  let busy: Promise<void>;
  let ended = false;

  const declaration = (more = '') => {
    const text = world.policyText(more);
    const broker = '    broker: {user: postern_broker, password: {file: ../broker-password}}\n';
    const { port } = mute.address() as { port: number };
    return `${text.replace(
      broker,
      `${broker}    reader: {user: postern_reader, password: {file: ../reader-password}}
    operators: [root@127.0.0.1]\n`,
    )}
---
apiVersion: postern.dev/v1alpha1
kind: Target
metadata: {name: mute, namespace: data, labels: {app: mute}}
spec:
  expose: {port: 3307}
  mariadb:
    endpoints: [{host: 127.0.0.1, port: ${port}, role: Primary}]
    tls: {insecurePlaintext: true}
    broker: {user: postern_broker, password: {file: ../broker-password}}
    reader: {user: postern_reader, password: {file: ../reader-password}}
`;
  };
  const told = () =>
    recordsOf(world.path('audit'), 'gateway').flatMap(({ finding }) =>
      finding ? [`${finding.state} ${finding.code}`] : [],
    );
  const isTold = (what: string) => until(() => told().includes(what), FOUND_MS, what);
  const postern = async (...argv: string[]) => {
    let out = '';
    const say = (text: string) => {
      out += `${text}\n`;
    };
    const env = { POSTERN_TOKEN: world.token('olga', ['operators']) };
    const context = { cwd: world.directory, env, interactive: false, out: say, err: say };
    return { code: await runCli(argv, context), out };
  };

  before(async () => {
    // Accepts, and never says a word.
    mute = createServer(() => undefined).listen(0, '127.0.0.1');
    await new Promise((resolve) => mute.once('listening', resolve));
    world = await World.start({ gateway: false, settings: SETTINGS });
    world.writePolicy(declaration());
    await world.bootstrap();
    await world.startGateway();
    connection = await asWorkload(world);
    busy = (async () => {
      while (!ended) {
        const began = performance.now();
        await connection
          .query('SELECT id FROM orders')
          .catch((error: unknown) => failed.push(error));
        answered.push(performance.now() - began);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    })();
  });
  after(async () => {
    ended = true;
    await busy;
    await connection?.end();
    await world.stop();
    mute.close();
  });

  it('finds nothing where all is as declared, leases and a busy session included', async () => {
    const drift = () => world.gateway?.readiness().drift['data/orders'];
    await until(() => drift() !== undefined, FOUND_MS, 'it was looked at');
    deepEqual(drift(), { findings: 0 });
    const { code, out } = await postern('drift', 'orders', '--gateway');
    match(out, /^data\/orders: as declared, looked at \d+ s ago\.\n$/);
    equal(code, 0);
  });

  it('tells what appears: audit, readiness, metrics, the command', async () => {
    const [lease] = await world.mariadb.rootQuery(
      "SELECT User AS u FROM mysql.global_priv WHERE User LIKE 'postern:%'",
    );
    await world.mariadb.rootQuery(
      `CREATE USER eve@'%'; GRANT SELECT ON shop.secrets TO eve@'%';
       GRANT SELECT ON shop.secrets TO '${lease?.['u']}'@'%'`,
    );
    await isTold('appeared foreign-account');
    await isTold('appeared lease-right-extra');
    const record = recordsOf(world.path('audit'), 'gateway').find(
      ({ finding }) => finding?.code === 'lease-right-extra',
    );
    match(record?.detail ?? '', /^data\/orders: lease postern:.*holds SELECT on shop\.secrets/);
    deepEqual(record?.finding?.who, [`${lease?.['u']}@%`]);
    match(record?.finding?.rules[0]?.name ?? '', /^Target\/data\/orders$/);
    equal(world.gateway?.readiness().drift['data/orders']?.findings, 2);
    equal(world.gateway?.readiness().ready, true, 'a finding is no reason not to serve');
    const metrics = await (await fetch(`http://${world.gateway?.probeAddress}/metrics`)).text();
    match(
      metrics,
      /postern_drift_findings\{layer="database",where="data\/orders",code="foreign-account"\} 1/,
    );
    match(metrics, /postern_drift_examined_seconds\{layer="database",where="data\/orders"\} \d+/);
    const { code, out } = await postern('drift', 'orders', '--gateway');
    equal(code, 1);
    match(out, /! foreign-account: account eve@%\. It holds SELECT on shop\.secrets/);
    match(out, /held by: +eve@%/);
    match(out, /REVOKE SELECT ON `shop`\.`secrets` FROM `eve`@`%`;/);
  });

  it('tells what is gone, once', async () => {
    await world.mariadb.rootQuery("DROP USER eve@'%'");
    await isTold('gone foreign-account');
    equal(told().filter((one) => one.endsWith('foreign-account')).length, 2);
  });

  it('looks again right after a reload, with the new declaration', async () => {
    await world.mariadb.rootQuery("CREATE USER bob@'%'; GRANT SELECT ON shop.orders TO bob@'%'");
    await until(
      () => told().filter((one) => one === 'appeared foreign-account').length === 2,
      FOUND_MS,
      'bob',
    );
    world.writePolicy(declaration().replace('[root@127.0.0.1]', '[root@127.0.0.1, bob@%]'));
    await until(
      () => told().filter((one) => one === 'gone foreign-account').length === 2,
      FOUND_MS,
      'bob',
    );
  });

  it('says what it cannot look at, and nobody waits for that', async () => {
    const { drift } = world.gateway?.readiness() ?? {};
    ok(drift);
    await until(
      () => /took longer/.test(world.gateway?.readiness().drift['data/mute']?.problem ?? ''),
      30_000,
      'the mute target',
    );
    const { out } = await postern('drift', 'mute', '--gateway');
    match(out, /^data\/mute: it cannot be examined: .*took longer than/);
    equal(world.gateway?.readiness().drift['data/orders']?.problem, undefined);
  });

  it('does not disturb a session', () => {
    deepEqual(failed, []);
    ok(answered.length > 20, `${answered.length} answers`);
    ok(Math.max(...answered) < 5_000, `one took ${Math.max(...answered)} ms`);
  });
});
