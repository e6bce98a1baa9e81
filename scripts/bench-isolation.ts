// SPDX-License-Identifier: Apache-2.0
// What sessions on one target notice when another hangs and a third is lost: latencies of point
// selects while both are well and while neither answers, in turn, in one run.
import { type Connection, createConnection } from 'mysql2/promise';
import { BadTargets, serverName } from '../test/support/bad-targets.ts';
import { sidecar } from '../test/support/drivers.ts';
import { GatewayProcess } from '../test/support/gateway-process.ts';
import { World } from '../test/support/world.ts';
import { median } from './median.ts';

const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 4);
const SECONDS = Number(process.env['BENCH_SECONDS'] ?? 5);
const CONNECTIONS = 4;
/** Logins per second to the two others, well or not. */
const LOGINS_PER_SECOND = 10;

async function main(): Promise<void> {
  const world = await World.start({ gateway: false });
  const bad = await BadTargets.declare(world);
  const gateway = await GatewayProcess.start(world.path('postern.yaml'));
  try {
    const identity = await world.workload('payments', 'checkout');
    const mesh = { meshCa: world.meshCa, port: () => gateway.port('mesh') };
    const open = async (name: string) => {
      const stream = await sidecar(mesh, identity, serverName(name));
      stream.on('error', () => undefined);
      return createConnection({ stream, user: 'anybody', database: 'shop' });
    };
    const steady = await Promise.all(Array.from({ length: CONNECTIONS }, () => open('orders')));
    await measure(steady, open);
    const p99 = { well: [] as number[], bad: [] as number[] };
    for (let round = 0; round < ROUNDS; round += 1) {
      p99.well.push(await measure(steady, open));
      await bad.break();
      p99.bad.push(await measure(steady, open));
      bad.mend();
    }
    const [well, broken] = [median(p99.well) ?? Number.NaN, median(p99.bad) ?? Number.NaN];
    console.log('| p99 of point selects on the good target | ms |\n|---|---|');
    console.log(
      `| the others well | ${well.toFixed(2)} |\n| neither answers | ${broken.toFixed(2)} |`,
    );
    console.log(`| ratio | ${(broken / well).toFixed(2)} |`);
    for (const one of steady) one.destroy();
  } finally {
    await bad.stop();
    await gateway.kill('SIGTERM');
    await world.stop();
  }
}

async function measure(
  steady: readonly Connection[],
  open: (name: string) => Promise<Connection>,
): Promise<number> {
  const latencies: number[] = [];
  const end = performance.now() + SECONDS * 1_000;
  const logins = setInterval(() => {
    for (const name of ['hung', 'lost']) {
      open(name).then(
        (one) => one.end(),
        () => undefined,
      );
    }
  }, 2_000 / LOGINS_PER_SECOND);
  await Promise.all(
    steady.map(async (one) => {
      while (performance.now() < end) {
        const from = performance.now();
        await one.query('SELECT * FROM orders WHERE id = 1');
        latencies.push(performance.now() - from);
      }
    }),
  );
  clearInterval(logins);
  latencies.sort((a, b) => a - b);
  return latencies[Math.floor(latencies.length * 0.99)] ?? Number.NaN;
}

await main();
