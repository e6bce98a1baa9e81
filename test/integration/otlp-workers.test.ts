// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, ok } from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { withToken } from '../support/drivers.ts';
import { GatewayProcess } from '../support/gateway-process.ts';
import { OtlpCollector } from '../support/otlp-collector.ts';
import { until, World } from '../support/world.ts';

const SESSIONS = 8;

describe('traces and metrics of several workers', () => {
  let world: World;
  let collector: OtlpCollector;
  let gateway: GatewayProcess;
  before(async () => {
    collector = await OtlpCollector.start();
    world = await World.start({ gateway: false, settings: 'workers: 2\n' });
    const otlp = `endpoint: '${collector.endpoint}', metrics: true, interval: 1s`;
    world.write(
      'postern.yaml',
      world.settingsText().replace("'127.0.0.1:0'}\n", `'127.0.0.1:0', otlp: {${otlp}}}\n`),
    );
    gateway = await GatewayProcess.start(world.path('postern.yaml'));
  });
  after(async () => {
    await gateway?.kill('SIGTERM');
    await world.stop();
    await collector.close();
  });

  it('come from each worker, and in sum from the gateway', async () => {
    for (let i = 0; i < SESSIONS; i += 1) {
      const token = world.token('ada', ['analysts']);
      const connection = await withToken(world, token, { port: gateway.port('token') });
      await connection.query('SELECT 1');
      await connection.end();
    }
    const sessions = () => collector.spans.filter(({ name }) => name === 'session data/orders');
    await until(() => sessions().length === SESSIONS, 10_000, 'the span of every session');
    ok(new Set(collector.resources.map((one) => one['service.instance.id'])).size >= 3);
    const opened = () =>
      collector.metrics.find(({ name }) => name === 'postern_sessions_opened_total')?.sum?.points;
    await until(() => opened()?.[0]?.value === SESSIONS, 10_000, 'the sum over the workers');
    equal(opened()?.length, 1);
    deepEqual(collector.faults, []);
  });
});
