// SPDX-License-Identifier: Apache-2.0
// What a login costs, directly and through Postern, in one run: one driver logs in, asks one
// statement and leaves, again and again. Then what an idle session holds, beside a process that
// does nothing but hold the same TLS connections.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect as connectTls, createSecureContext } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { type Connection, createConnection } from 'mysql2/promise';
import { sidecar } from '../test/support/drivers.ts';
import { GatewayProcess } from '../test/support/gateway-process.ts';
import { World } from '../test/support/world.ts';
import { median } from './median.ts';

const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 5);
const SECONDS = Number(process.env['BENCH_SECONDS'] ?? 2);
const SESSIONS = Number(process.env['BENCH_SESSIONS'] ?? 2_000);

interface Route {
  readonly name: string;
  /** Whose CPU it costs besides the driver's and the database's. */
  readonly gateway?: GatewayProcess;
  readonly open: () => Promise<Connection>;
}

interface Figure {
  readonly perSecond: number;
  readonly cpuMs: number;
}

async function main(): Promise<void> {
  const world = await World.start({
    gateway: false,
    extraSql: `CREATE USER bench@'%' IDENTIFIED BY 'bench' REQUIRE SSL;
      GRANT SELECT ON shop.* TO bench@'%'; SET GLOBAL max_connections = 5000, connect_timeout = 600;`,
  });
  const processes: GatewayProcess[] = [];
  try {
    const quiet = 'log: {level: warn}';
    const warm = await gateway(world, 'warm', quiet, processes);
    const cold = await gateway(world, 'cold', `${quiet}\nlease: {warm: {perLease: 0}}`, processes);
    await logins(await routes(world, warm, cold));
    await memory(world, await gateway(world, 'idle', quiet, processes));
  } finally {
    await Promise.all(processes.map((one) => one.kill('SIGTERM')));
    await world.stop();
  }
}

async function gateway(
  world: World,
  name: string,
  settings: string,
  processes: GatewayProcess[],
): Promise<GatewayProcess> {
  const text = world.settingsText().replace('instance: test', `instance: ${name}`);
  const own = `audit: {directory: audit-${name}, signingKey: ${name}-signing.pem}\nadministration: {socket: ${name}.sock}`;
  // The log must say where it listens.
  world.write(`${name}.yaml`, `${text}\n${settings.replace('warn', 'info')}\n${own}\n`);
  const started = await GatewayProcess.start(world.path(`${name}.yaml`));
  processes.push(started);
  return started;
}

async function routes(
  world: World,
  warm: GatewayProcess,
  cold: GatewayProcess,
): Promise<readonly Route[]> {
  const identity = await world.workload('payments', 'checkout');
  const token = world.token('ada', ['analysts']);
  const byToken = (one: GatewayProcess) => () =>
    createConnection({
      host: 'localhost',
      port: one.port('token'),
      user: 'me',
      password: token,
      database: 'shop',
      ssl: { ca: world.serverCa.certPem },
      enableCleartextPlugin: true,
    } as Parameters<typeof createConnection>[0]);
  // As a sidecar does: its certificate is read once, not for each connection.
  const secureContext = createSecureContext({
    cert: identity.chainPem,
    key: identity.keyPem,
    ca: world.meshCa.certPem,
  });
  const byMesh = (one: GatewayProcess) => async () => {
    const stream = connectTls({
      host: '127.0.0.1',
      port: one.port('mesh'),
      servername: 'outbound_.3306_._.orders-db.data.svc.cluster.local',
      ALPNProtocols: ['istio'],
      secureContext,
      checkServerIdentity: () => undefined,
    });
    stream.setNoDelay();
    await once(stream, 'secureConnect');
    return createConnection({ stream, user: 'anybody', database: 'shop' });
  };
  const direct = () =>
    createConnection({
      host: 'localhost',
      port: world.mariadb.port,
      user: 'bench',
      password: 'bench',
      database: 'shop',
      ssl: { ca: world.dbCa.certPem },
    });
  return [
    { name: 'direct, TLS', open: direct },
    { name: 'token, kept', gateway: warm, open: byToken(warm) },
    { name: 'token, login', gateway: cold, open: byToken(cold) },
    { name: 'mesh, kept', gateway: warm, open: byMesh(warm) },
    { name: 'mesh, login', gateway: cold, open: byMesh(cold) },
  ];
}

/** Rounds alternate, so that a busy moment hits all of them. */
async function logins(all: readonly Route[]): Promise<void> {
  const figures = new Map<string, Figure[]>();
  for (let round = 0; round <= ROUNDS; round += 1) {
    for (const route of all) {
      const figure = await measure(route);
      // The first round warms up.
      if (round > 0) figures.set(route.name, [...(figures.get(route.name) ?? []), figure]);
    }
  }
  const rate = (name: string) =>
    median((figures.get(name) ?? []).map((one) => one.perSecond)) ?? Number.NaN;
  console.log('| one after the other | logins per second | time, direct = 1 | gateway CPU |');
  console.log('|---|---|---|---|');
  for (const { name } of all) {
    const cpu = median((figures.get(name) ?? []).map((one) => one.cpuMs)) ?? Number.NaN;
    const ratio = rate('direct, TLS') / rate(name);
    console.log(
      `| ${name} | ${rate(name).toFixed(0)} | ${ratio.toFixed(2)}x | ${cpu.toFixed(2)} ms |`,
    );
  }
}

async function measure({ open, gateway: one }: Route): Promise<Figure> {
  const from = performance.now();
  const cpu = one ? cpuMs(one.child) : 0;
  let count = 0;
  for (; performance.now() - from < SECONDS * 1_000; count += 1) {
    const connection = await open();
    await connection.query('SELECT 1');
    await connection.end();
  }
  const tookMs = performance.now() - from;
  return {
    perSecond: (count / tookMs) * 1_000,
    cpuMs: one ? (cpuMs(one.child) - cpu) / count : 0,
  };
}

/** User and system time of a process so far; a tick is 10 ms. */
function cpuMs({ pid }: ChildProcess): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

async function memory(world: World, one: GatewayProcess): Promise<void> {
  const identity = await world.workload('payments', 'checkout');
  const bare = fork(fileURLToPath(new URL('./bare-sockets.js', import.meta.url)), {
    execArgv: ['--expose-gc'],
    env: {
      ...process.env,
      BARE_DIRECTORY: world.directory,
      BARE_UPSTREAM: String(world.mariadb.port),
    },
  });
  const [barePort] = (await once(bare, 'message')) as [number];
  const mesh = { meshCa: world.meshCa, port: () => one.port('mesh') };
  const held = async (child: ChildProcess, open: () => Promise<unknown>) => {
    // What a process needs once, and what a burst of handshakes leaves behind, is not a session's.
    for (let round = 0; round < 8; round += 1) {
      await Promise.all(Array.from({ length: 25 }, open));
    }
    const before = await settledRss(child);
    for (let opened = 0; opened < SESSIONS; opened += 25) {
      await Promise.all(Array.from({ length: 25 }, open));
    }
    return ((await settledRss(child)) - before) / SESSIONS;
  };
  const open: { destroy(): void }[] = [];
  const bareKb = await held(bare, async () => {
    const socket = await sidecar({ meshCa: world.meshCa, port: () => barePort }, identity);
    open.push(socket);
    await once(socket, 'data');
  });
  bare.kill();
  for (const socket of open.splice(0)) socket.destroy();
  const posternKb = await held(one.child, async () => {
    const stream = await sidecar(mesh, identity);
    const session = await createConnection({ stream, user: 'anybody', database: 'shop' });
    open.push(session);
    await session.query('SELECT 1');
  });
  for (const socket of open) socket.destroy();
  console.log(`\n| ${SESSIONS} idle sessions | kB each |\n|---|---|`);
  console.log(`| bare TLS sockets, two per session | ${bareKb.toFixed(1)} |`);
  console.log(`| Postern | ${posternKb.toFixed(1)} |`);
  console.log(`| more than bare | ${(posternKb - bareKb).toFixed(1)} |`);
}

/** kB, when it has not grown for a while. */
async function settledRss({ pid }: ChildProcess): Promise<number> {
  const rss = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  let last = rss();
  for (let look = 0; look < 10; look += 1) {
    await new Promise((resolve) => setTimeout(resolve, 500));
    const now = rss();
    if (Math.abs(now - last) < 256) return now;
    last = now;
  }
  return last;
}

await main();
