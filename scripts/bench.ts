// SPDX-License-Identifier: Apache-2.0
// `make bench`: the same work directly, through HAProxy and through Postern, in turn, in one run on
// one machine, so that ratios mean something. Absolute figures depend on the machine and its
// neighbours. `--json` prints the figures; BENCH_ROWS=point,idle selects rows by their beginning.
import { availableParallelism, cpus, release } from 'node:os';
import { bareSocketKib, connects, idleKib, readLarge, writeLarge } from './bench-client.ts';
import { IDLE_SESSIONS, Place } from './bench-place.ts';
import { type Load, type LoadFigure, prepareTable, run } from './bench-sysbench.ts';
import { BenchTable } from './bench-table.ts';
import { median } from './median.ts';

const SECONDS = Number(process.env['BENCH_SECONDS'] ?? 2);
const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 2);
const ROWS = (process.env['BENCH_ROWS'] ?? '').split(',');
const LARGE_ANSWER_BYTES = 1e9;
/** 64 MB is the limit of a statement; its own header must fit as well. */
const LARGE_STATEMENT_BYTES = 64e6;
const COLD_LOGINS = 30;

const LOADS: readonly (Load & { readonly key: string; readonly what: string })[] = [
  ...[1, 16, 64].map((connections) => ({
    key: `point-${connections}`,
    what: `point select, ${connections} connection${connections === 1 ? '' : 's'}, queries/s`,
    script: 'oltp_point_select' as const,
    connections,
  })),
  {
    key: 'mix',
    what: 'read-only mix, 16 connections, queries/s',
    script: 'oltp_read_only',
    connections: 16,
  },
  {
    key: 'prepared',
    what: 'prepared point select, 16 connections, queries/s',
    script: 'oltp_point_select',
    connections: 16,
    prepared: true,
  },
];

function wanted(key: string): boolean {
  return ROWS.some((prefix) => key.startsWith(prefix));
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Rounds alternate between the routes, so that a busy moment hits all of them. */
async function statements(place: Place, table: BenchTable): Promise<void> {
  for (const load of LOADS.filter(({ key }) => wanted(key))) {
    const figures = new Map<string, LoadFigure[]>();
    for (let round = 1; round <= ROUNDS; round += 1) {
      say(`${load.what}: round ${round} of ${ROUNDS}`);
      for (const route of place.routes) {
        const figure = await run(route, load, SECONDS);
        figures.set(route.name, [...(figures.get(route.name) ?? []), figure]);
      }
    }
    const medianOf = (name: string, of: (figure: LoadFigure) => number | undefined) =>
      median((figures.get(name) ?? []).flatMap((figure) => of(figure) ?? []));
    table.row(load.what, 'more', (name) => medianOf(name, ({ perSecond }) => perSecond));
    table.row(`${load.key}: CPU per query, us`, 'less', (name) =>
      medianOf(name, ({ cpuPerQueryUs }) => cpuPerQueryUs),
    );
    if (load.connections > 1) continue;
    table.row(`${load.key}: latency p50, ms`, 'added', (name) =>
      medianOf(name, (one) => one.p50Ms),
    );
    table.row(`${load.key}: latency p99, ms`, 'added', (name) =>
      medianOf(name, (one) => one.p99Ms),
    );
  }
}

async function large(place: Place, table: BenchTable): Promise<void> {
  const cases = [
    { key: 'result', what: '1 GB result', bytes: LARGE_ANSWER_BYTES, transfer: readLarge },
    {
      key: 'statement',
      what: '64 MB statement',
      bytes: LARGE_STATEMENT_BYTES,
      transfer: writeLarge,
    },
  ];
  for (const { key, what, bytes, transfer } of cases.filter((one) => wanted(one.key))) {
    const rates = new Map<string, number[]>();
    const grown = new Map<string, number>();
    for (let round = 1; round <= ROUNDS; round += 1) {
      say(`${what}: round ${round} of ${ROUNDS}`);
      for (const route of place.routes.filter(({ name }) => !name.endsWith('mtls'))) {
        const figure = await transfer(route, bytes);
        rates.set(route.name, [...(rates.get(route.name) ?? []), figure.mibPerSecond]);
        const most = Math.max(grown.get(route.name) ?? 0, figure.grownMib ?? 0);
        if (figure.grownMib !== undefined) grown.set(route.name, most);
      }
    }
    table.row(`${what}, MiB/s`, 'more', (name) => median(rates.get(name) ?? []));
    table.row(`${key}: proxy grows by, MiB`, 'none', (name) => grown.get(name));
  }
}

async function logins(place: Place, table: BenchTable): Promise<void> {
  if (!wanted('connects')) return;
  const warm = new Map<string, number[]>();
  for (let round = 1; round <= ROUNDS; round += 1) {
    say(`logins: round ${round} of ${ROUNDS}`);
    for (const route of place.routes.filter(({ name }) => !name.endsWith('mtls'))) {
      const again = Array.from({ length: 10_000 }, () => route.password);
      const rate = await connects(route, again, SECONDS * 1_000);
      warm.set(route.name, [...(warm.get(route.name) ?? []), rate]);
    }
  }
  table.row('logins one by one, warm, per second', 'more', (name) => median(warm.get(name) ?? []));
  const { client: _, ...secure } = place.route('postern-tls');
  const tokens = Array.from({ length: COLD_LOGINS }, (_, index) =>
    place.world.token(`cold-${index}`, ['bench']),
  );
  const cold = await connects(secure, tokens, 60_000);
  table.row('logins one by one, new principals, per second', 'none', (name) =>
    name === 'postern-tls' ? cold : undefined,
  );
}

async function idle(place: Place, table: BenchTable): Promise<void> {
  if (!wanted('idle')) return;
  say(`${IDLE_SESSIONS} idle sessions`);
  const certificate = ['server.pem', 'server-key.pem'].map((name) => place.world.path(name));
  const bare = new Map([
    ['postern', await bareSocketKib(IDLE_SESSIONS)],
    ['postern-tls', await bareSocketKib(IDLE_SESSIONS, certificate)],
  ]);
  const kib = new Map<string, number>();
  for (const [name, without] of bare) {
    kib.set(name, (await idleKib(place.route(name), IDLE_SESSIONS)) - without);
  }
  const [plain, tls] = [...bare.values()].map((one) => one.toFixed(0));
  const what = `idle session, KiB above bare sockets (${plain}, TLS ${tls})`;
  table.row(what, 'none', (name) => kib.get(name));
}

async function main(): Promise<void> {
  say('starting MariaDB, HAProxy and Postern');
  const table = new BenchTable();
  const place = await Place.open();
  try {
    await prepareTable(place.route('direct'));
    // The first seconds of a process are spent on compiling.
    const warmUp: Load = { script: 'oltp_point_select', connections: 16 };
    for (const route of place.routes) if (route.proxy !== undefined) await run(route, warmUp, 2);
    await idle(place, table);
    await statements(place, table);
    await large(place, table);
    await logins(place, table);
  } finally {
    await place.close();
  }
  const machine = `${cpus()[0]?.model}, ${availableParallelism()} cores, Linux ${release()}`;
  const how = `Node ${process.versions.node}, medians of ${ROUNDS} rounds of ${SECONDS} s`;
  if (process.argv.includes('--json')) {
    console.log(JSON.stringify({ machine, how, rows: table.rows }, null, 2));
  } else console.log(`\n${machine}\n${how}\n\n${table.print()}`);
}

await main();
