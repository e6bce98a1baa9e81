// SPDX-License-Identifier: Apache-2.0
// `make bench`: sysbench against the same MariaDB directly, through HAProxy (TCP pass-through) and
// through Postern, in one run on one machine, so that ratios mean something. Absolute figures
// depend on the machine and its neighbours. Every row uses TLS from the driver on.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { availableParallelism, cpus, release } from 'node:os';
import { promisify } from 'node:util';
import { freePort } from '../test/support/free-port.ts';
import { until, World } from '../test/support/world.ts';

const SECONDS = Number(process.env['BENCH_SECONDS'] ?? 8);
const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 3);
const CONNECTIONS = (process.env['BENCH_CONNECTIONS'] ?? '1,16,64').split(',').map(Number);
const TABLE_ROWS = 10_000;

interface Route {
  readonly name: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** Directory with cacert.pem and the like: sysbench reads them from where it runs. */
  readonly directory: string;
}

interface Figure {
  readonly perSecond: number;
  readonly p95Ms: number;
}

const BENCH_POLICY = `---
apiVersion: postern.dev/v1alpha1
kind: DataRole
metadata: {name: bench, namespace: data}
spec:
  privileges: [{tables: [bench.*], actions: [select]}]
---
apiVersion: postern.dev/v1alpha1
kind: Grant
metadata: {name: bench, namespace: data}
spec:
  subjects: [{group: {provider: people, id: bench}}]
  targetSelector: {matchLabels: {app: orders}}
  role: bench
`;

async function main(): Promise<void> {
  const world = await World.start({
    extraPolicy: BENCH_POLICY,
    extraSql: `CREATE DATABASE bench; CREATE USER sbtest@'%' IDENTIFIED BY 'sbtest';
      GRANT ALL ON bench.* TO sbtest@'%';`,
    gateway: false,
    settings: 'log: {level: warn}',
  });
  const children: ChildProcess[] = [];
  try {
    world.write('postern.yaml', world.settingsText());
    const postern = await startPostern(world, children);
    const haproxy = await startHaproxy(world, children);
    const routes = [
      await route(world, 'direct', world.mariadb.port, 'sbtest', 'sbtest', world.dbCa.certPem),
      await route(world, 'haproxy', haproxy, 'sbtest', 'sbtest', world.dbCa.certPem),
      await route(
        world,
        'postern',
        postern,
        'anybody',
        world.token('bench', ['bench']),
        world.serverCa.certPem,
      ),
    ];
    const [direct] = routes;
    if (direct) await sysbench(direct, ['--threads=1', 'prepare']);
    print(await measure(routes));
  } finally {
    await Promise.all(children.map((child) => stopped(child)));
    await world.stop();
  }
}

async function stopped(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  await once(child, 'exit');
}

/** Rounds alternate between the routes, so that a busy moment hits all of them. */
async function measure(routes: readonly Route[]): Promise<Map<string, Figure[]>> {
  const figures = new Map<string, Figure[]>();
  for (const connections of CONNECTIONS) {
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const one of routes) {
        process.stderr.write(`${one.name}, ${connections} connections, round ${round + 1}\n`);
        const args = [`--threads=${connections}`, `--time=${SECONDS}`, 'run'];
        const key = `${connections} ${one.name}`;
        figures.set(key, [...(figures.get(key) ?? []), readFigure(await sysbench(one, args))]);
      }
    }
  }
  return figures;
}

function print(figures: ReadonlyMap<string, readonly Figure[]>): void {
  console.log(`\n${cpus()[0]?.model}, ${availableParallelism()} cores, Linux ${release()}`);
  console.log(`Node ${process.versions.node}, medians of ${ROUNDS} rounds of ${SECONDS} s\n`);
  console.log('| point selects per second | direct | HAProxy | Postern | Postern / HAProxy |');
  console.log('|---|---|---|---|---|');
  const rate = (key: string) => median((figures.get(key) ?? []).map((one) => one.perSecond));
  const late = (key: string) => median((figures.get(key) ?? []).map((one) => one.p95Ms));
  for (const connections of CONNECTIONS) {
    const cell = (name: string) => {
      const key = `${connections} ${name}`;
      return `${Math.round(rate(key))} (p95 ${late(key).toFixed(2)} ms)`;
    };
    const ratio = rate(`${connections} postern`) / rate(`${connections} haproxy`);
    const cells = [cell('direct'), cell('haproxy'), cell('postern'), `${ratio.toFixed(2)}x`];
    console.log(`| ${connections} connections | ${cells.join(' | ')} |`);
  }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** Asynchronous: this process also serves the identity provider that the gateway asks. */
async function sysbench(one: Route, args: readonly string[]): Promise<string> {
  const connection = [
    '--mysql-host=127.0.0.1',
    `--mysql-port=${one.port}`,
    `--mysql-user=${one.user}`,
    `--mysql-password=${one.password}`,
    '--mysql-db=bench',
    '--mysql-ssl=on',
    '--db-ps-mode=disable',
    '--tables=1',
    `--table-size=${TABLE_ROWS}`,
  ];
  const command = ['oltp_point_select', ...connection, ...args];
  const { stdout } = await promisify(execFile)('sysbench', command, { cwd: one.directory });
  return stdout;
}

function readFigure(output: string): Figure {
  const perSecond = Number(/transactions:\s+\d+\s+\(([\d.]+) per sec/.exec(output)?.[1]);
  const p95Ms = Number(/95th percentile:\s+([\d.]+)/.exec(output)?.[1]);
  if (!(perSecond > 0)) throw new Error(`sysbench printed no rate:\n${output}`);
  return { perSecond, p95Ms };
}

/** sysbench's TLS wants a client certificate, whether the other side asks for it or not. */
async function route(
  world: World,
  name: string,
  port: number,
  user: string,
  password: string,
  caPem: string,
): Promise<Route> {
  const directory = world.path(`sysbench-${name}`);
  mkdirSync(directory);
  const client = await world.dbCa.issue({ commonName: 'sysbench', usages: ['client'] });
  writeFileSync(`${directory}/cacert.pem`, caPem);
  writeFileSync(`${directory}/client-cert.pem`, client.certPem);
  writeFileSync(`${directory}/client-key.pem`, client.keyPem);
  return { name, port, user, password, directory };
}

/** The gateway as users run it: a process of its own. */
async function startPostern(world: World, children: ChildProcess[]): Promise<number> {
  const port = await freePort();
  world.write('postern.yaml', world.settingsText({ token: port }));
  const main = new URL('../src/main.js', import.meta.url).pathname;
  const gateway = spawn(process.execPath, [main, 'serve', '--config', world.path('postern.yaml')], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  children.push(gateway);
  await until(() => answers(port), 15_000, 'the gateway listens');
  return port;
}

async function startHaproxy(world: World, children: ChildProcess[]): Promise<number> {
  const port = await freePort();
  world.write(
    'haproxy.cfg',
    `global
  nbthread ${availableParallelism()}
defaults
  mode tcp
  timeout connect 5s
  timeout client 1h
  timeout server 1h
listen database
  bind 127.0.0.1:${port}
  server mariadb 127.0.0.1:${world.mariadb.port}
`,
  );
  const proxy = spawn('haproxy', ['-f', world.path('haproxy.cfg'), '-db'], { stdio: 'ignore' });
  children.push(proxy);
  await once(proxy, 'spawn');
  await until(() => answers(port), 10_000, 'HAProxy listens');
  return port;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('data', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('close', () => resolve(false));
    socket.once('error', () => resolve(false));
  });
}

await main();
