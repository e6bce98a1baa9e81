// SPDX-License-Identifier: Apache-2.0
// Where `make bench` measures: one MariaDB, Postern in front of it as users run it, and HAProxy in
// the same places.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TlsChoice } from '../src/target/mysql/login.ts';
import { bootstrapAsRoot } from '../test/support/bootstrap.ts';
import { freePort } from '../test/support/free-port.ts';
import { GatewayProcess } from '../test/support/gateway-process.ts';
import { runTicket, type Ticket } from '../test/support/ticket.ts';
import { until, World } from '../test/support/world.ts';

export const IDLE_SESSIONS = 1_000;
const SNI = 'secure.bench.example';

/** One way from a client to MariaDB. */
export interface Route {
  readonly name: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** Set when the driver speaks TLS of the protocol; the authority it trusts, PEM. */
  readonly caPem?: string;
  /** What it shows then; Postern knows the caller by it. */
  readonly client?: { readonly chainPem: string; readonly keyPem: string };
  /** sysbench reads certificates from where it runs. */
  readonly directory: string;
  /** The process in the middle whose CPU time counts; absent for a direct connection. */
  readonly proxy?: number;
}

const LISTENERS = [
  "{name: plain, address: '127.0.0.1:0', protocol: mysql, accept: Plain, target: data/plain}",
  "{name: tls, address: '127.0.0.1:0', protocol: mysql, accept: ProtocolTls, target: data/secure}",
];

const SQL = `CREATE DATABASE bench; CREATE USER sbtest@'%' IDENTIFIED BY 'sbtest';
  GRANT ALL ON bench.* TO sbtest@'%';`;

const VERIFIED = `
      ca: {file: ../db-ca.pem}
      serverName: localhost
      clientCertificate: {cert: {file: ../upstream.pem}, key: {file: ../upstream-key.pem}}`;

/** Two Targets on the one server: reached in the clear, and by verified mutual TLS. */
function policy(port: number): string {
  const target = (name: string, tls: string) => `---
apiVersion: postern.dev/v1alpha1
kind: Target
metadata: {name: ${name}, namespace: data, labels: {app: bench, env: prod}}
spec:
  expose: {service: ${name}-db, port: 3306, hostnames: [${name}.bench.example]}
  mariadb:
    endpoints: [{host: 127.0.0.1, port: ${port}, role: Primary}]
    schemas: [bench]
    tls: ${tls}
    broker: {user: postern_${name}, password: {file: ../${name}-password}}
`;
  return `${target('plain', '{insecurePlaintext: true}')}${target('secure', VERIFIED)}---
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
  subjects:
    - {group: {provider: people, id: bench}}
    - {workload: {clusters: {matchLabels: {env: prod}}, serviceAccounts: [bench/sysbench]}}
  targetSelector: {matchLabels: {app: bench}}
  role: bench
`;
}

/** Everything that runs while it is measured. */
export class Place {
  readonly world: World;
  readonly gateway: GatewayProcess;
  readonly routes: readonly Route[];
  readonly #children: readonly ChildProcess[];

  private constructor(
    world: World,
    gateway: GatewayProcess,
    routes: readonly Route[],
    children: readonly ChildProcess[],
  ) {
    this.world = world;
    this.gateway = gateway;
    this.routes = routes;
    this.#children = children;
  }

  static async open(): Promise<Place> {
    const world = await World.start({
      gateway: false,
      extraSql: SQL,
      listeners: LISTENERS,
      settings: `workers: ${process.env['BENCH_WORKERS'] ?? 'auto'}\nlog: {level: info}\nlimits: {handshakes: 1000}`,
      variables: {
        'max-connections': String(IDLE_SESSIONS * 3),
        'max-allowed-packet': '128M',
        'thread-stack': '192K',
        'back-log': '1000',
      },
    });
    const children: ChildProcess[] = [];
    let gateway: GatewayProcess | undefined;
    try {
      world.writePolicy(world.policyText(policy(world.mariadb.port)));
      for (const name of ['orders', 'plain', 'secure']) {
        await bootstrapAsRoot(join(world.directory, 'policy'), `data/${name}`, world.mariadb);
      }
      gateway = await GatewayProcess.start(world.path('postern.yaml'));
      const routes = await routesOf(world, gateway, children);
      return new Place(world, gateway, routes, children);
    } catch (thrown) {
      for (const child of children) child.kill();
      await gateway?.kill('SIGTERM');
      await world.stop();
      throw thrown;
    }
  }

  route(name: string): Route {
    const found = this.routes.find((route) => route.name === name);
    if (!found) throw new Error(`no route ${name}`);
    return found;
  }

  /** The gateway before the database, or it would complain. */
  async close(): Promise<void> {
    await this.gateway.kill('SIGTERM');
    for (const child of this.#children) child.kill('SIGTERM');
    await this.world.stop();
  }
}

/** How our own client reaches a route. */
export function tlsOf({ caPem, client }: Route): TlsChoice {
  if (caPem === undefined) return { mode: 'plaintext' };
  const shown = client && { cert: client.chainPem, key: client.keyPem };
  return { mode: 'verified', ca: caPem, serverName: 'localhost', ...shown };
}

async function routesOf(
  world: World,
  gateway: GatewayProcess,
  children: ChildProcess[],
): Promise<readonly Route[]> {
  const through = await startHaproxy(world, 'through', children, [
    { mode: 'in', to: world.mariadb.port },
  ]);
  const edges = await edgesOf(world, gateway, children);
  const bare = await startBareRelay(world, children);
  const pid = gateway.child.pid ?? 0;
  const token = world.token('bench', ['bench']);
  const plain = await ticket(world, token, 'plain');
  const account = { user: 'sbtest', password: 'sbtest' };
  const anybody = { user: 'anybody', password: 'ignored' };
  const direct = { ...account, port: world.mariadb.port };
  const haproxy = { ...account, port: through.ports[0] ?? 0, proxy: through.pid };
  const database = { caPem: world.dbCa.certPem };
  const workload = await world.workload('bench', 'sysbench');
  const own = { caPem: world.serverCa.certPem, client: workload };
  const plans: Omit<Route, 'directory'>[] = [
    { name: 'direct', ...direct },
    { name: 'haproxy', ...haproxy },
    { name: 'node', ...account, port: bare.port, proxy: bare.pid },
    { name: 'postern', ...plain, port: gateway.port('plain'), proxy: pid },
    { name: 'direct-tls', ...direct, ...database },
    { name: 'haproxy-tls', ...haproxy, ...database },
    { name: 'postern-tls', ...anybody, port: gateway.port('tls'), proxy: pid, ...own },
    { name: 'haproxy-mtls', ...account, port: edges.haproxy, proxy: edges.pid },
    { name: 'postern-mtls', ...anybody, port: edges.postern, proxy: pid },
  ];
  const routes: Route[] = [];
  for (const plan of plans) routes.push({ ...plan, directory: await directoryOf(world, plan) });
  return routes;
}

/**
 * Mutual TLS from the first byte, as in a mesh: sysbench talks to a sidecar (an HAProxy that is not
 * measured), that one by mTLS to Postern, or to an HAProxy that ends TLS and starts it again
 * towards the database, where a third one ends it, since MariaDB cannot.
 */
async function edgesOf(world: World, gateway: GatewayProcess, children: ChildProcess[]) {
  const client = await world.workload('bench', 'sysbench');
  const server = await world.meshCa.issue({
    commonName: 'localhost',
    dnsNames: ['localhost'],
    usages: ['server', 'client'],
  });
  world.write('edge-client.pem', client.chainPem + client.keyPem);
  world.write('edge-server.pem', server.chainPem + server.keyPem);
  const last = await startHaproxy(world, 'last', children, [
    { mode: 'end', to: world.mariadb.port },
  ]);
  const middle = await startHaproxy(world, 'middle', children, [
    { mode: 'both', to: last.ports[0] ?? 0 },
  ]);
  const sidecars = await startHaproxy(world, 'sidecars', children, [
    { mode: 'start', to: middle.ports[0] ?? 0 },
    { mode: 'start', to: gateway.port('mesh') },
  ]);
  const [haproxy = 0, postern = 0] = sidecars.ports;
  return { haproxy, postern, pid: middle.pid };
}

interface Hop {
  /** `in`: bytes as they are; `end`, `start`: TLS on one side; `both`: ended and started again. */
  readonly mode: 'in' | 'end' | 'start' | 'both';
  readonly to: number;
}

async function startHaproxy(
  world: World,
  name: string,
  children: ChildProcess[],
  hops: readonly Hop[],
): Promise<{ readonly ports: readonly number[]; readonly pid: number }> {
  const ports: number[] = [];
  const sections: string[] = [];
  const ca = world.path('mesh-ca.pem');
  for (const { mode, to } of hops) {
    const port = await freePort();
    const ends = mode === 'end' || mode === 'both';
    const starts = mode === 'start' || mode === 'both';
    const bind = ends
      ? ` ssl crt ${world.path('edge-server.pem')} ca-file ${ca} verify required no-tls-tickets`
      : '';
    // It cannot check the SPIFFE id that is in a mesh certificate; that costs nothing per query.
    const server = starts
      ? ` ssl crt ${world.path('edge-client.pem')} verify none sni str(${SNI}) alpn istio`
      : '';
    sections.push(`listen hop${port}
  bind 127.0.0.1:${port}${bind}
  server next 127.0.0.1:${to}${server}`);
    ports.push(port);
  }
  const file = world.path(`haproxy-${name}.cfg`);
  writeFileSync(
    file,
    `global
  nbthread ${availableParallelism()}
  maxconn 2000
defaults
  mode tcp
  timeout connect 5s
  timeout client 1h
  timeout server 1h
${sections.join('\n')}
`,
  );
  const proxy = spawn('haproxy', ['-f', file, '-db', '-q'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  children.push(proxy);
  await once(proxy, 'spawn');
  for (const port of ports) {
    await until(() => accepts(port), 10_000, `HAProxy (${name}) listens`);
  }
  return { ports, pid: proxy.pid ?? 0 };
}

/** What Node costs in any case; see the script. */
async function startBareRelay(world: World, children: ChildProcess[]) {
  const program = fileURLToPath(new URL('./bench-bare-relay.js', import.meta.url));
  const { port } = world.mariadb;
  // Not beside the certificates: the gateway watches those, and each record would wake it.
  const directory = world.path('bare-relay');
  mkdirSync(directory);
  const words = [program, `${port}`, `${availableParallelism()}`, directory];
  const relay = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(relay);
  const [printed] = (await once(relay.stdout, 'data')) as [Buffer];
  return { port: Number(printed.toString()), pid: relay.pid ?? 0 };
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

async function ticket(world: World, token: string, target: string): Promise<Ticket> {
  const words = ['--to', `data/${target}`, '--ttl', '1h', '--json'];
  const { out, err, code } = await runTicket(world, token, words);
  if (code !== 0) throw new Error(`no ticket: ${err}`);
  return JSON.parse(out);
}

/** sysbench's TLS wants a client certificate, whether the other side asks for it or not. */
async function directoryOf(world: World, { name, caPem, client }: Omit<Route, 'directory'>) {
  const directory = world.path(`sysbench-${name}`);
  mkdirSync(directory);
  if (caPem === undefined) return directory;
  const shown = client ?? (await world.dbCa.issue({ commonName: 'nobody', usages: ['client'] }));
  writeFileSync(join(directory, 'cacert.pem'), caPem);
  writeFileSync(join(directory, 'client-cert.pem'), shown.chainPem);
  writeFileSync(join(directory, 'client-key.pem'), shown.keyPem);
  return directory;
}
