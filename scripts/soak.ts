// SPDX-License-Identifier: Apache-2.0
// `make soak`: thousands of connections for minutes while the declaration is reloaded, leases are
// rotated and principals lose and regain their Grants. Ends with 1 when a request failed that
// should have succeeded, one succeeded that should have failed, memory grew, an account was left
// behind, or the audit does not verify.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { directorySource } from '../src/audit/source.ts';
import { verifyAudit } from '../src/audit/verify.ts';
import { freePort } from '../test/support/free-port.ts';
import { GatewayProcess } from '../test/support/gateway-process.ts';
import { until, World } from '../test/support/world.ts';
import { residentBytes } from './process-tree.ts';
import type { SoakPlan, SoakPrincipal, SoakReport } from './soak-load.ts';
import { Verdict } from './soak-verdict.ts';

const SECONDS = Number(process.env['SOAK_SECONDS'] ?? 600);
const CONNECTIONS = Number(process.env['SOAK_CONNECTIONS'] ?? 2_000);
const BUSY = Number(process.env['SOAK_BUSY'] ?? 64);
/** As in the settings. */
const WORKERS = process.env['SOAK_WORKERS'] ?? 'auto';
const RELOAD_MS = 5_000;
const REVOKE_MS = 10_000;
/** Two principals take turns: one is without its Grant while the other gets it back. */
const REVOKED = ['revoked-a', 'revoked-b'];
const CALM = Array.from({ length: 20 }, (_, index) => `calm-${index}`);
const BUSY_NAMES = Array.from({ length: 4 }, (_, index) => `busy-${index}`);

/** The rules at one moment; `edition` makes each reload a new revision. */
function rules(granted: readonly string[], edition: number): string {
  const accounts = granted.map((name) => `soak/${name}`).join(', ');
  return `---
apiVersion: postern.dev/v1alpha1
kind: Grant
metadata: {name: soak, namespace: data}
spec:
  subjects: [{workload: {clusters: {matchLabels: {env: prod}}, serviceAccounts: [${accounts}]}}]
  targetSelector: {matchLabels: {app: orders}}
  role: orders-writer
  lease: {ttl: 30s}
---
apiVersion: postern.dev/v1alpha1
kind: Grant
metadata: {name: edition-${edition}, namespace: data}
spec:
  subjects: [{user: {provider: people, id: nobody-${edition}}}]
  targetSelector: {matchLabels: {app: orders}}
  role: orders-writer
`;
}

async function planOf(world: World, port: number): Promise<SoakPlan> {
  const calm = Math.max(CALM.length, CONNECTIONS - BUSY - 2 * REVOKED.length);
  const one = async (name: string, connections: number, pauseMs: number, revoked = false) => ({
    id: name,
    certificate: await world.workload('soak', name),
    connections,
    pauseMs,
    revoked,
  });
  const principals: SoakPrincipal[] = [];
  for (const name of CALM) principals.push(await one(name, Math.ceil(calm / CALM.length), 20_000));
  for (const name of BUSY_NAMES) {
    principals.push(await one(name, Math.ceil(BUSY / BUSY_NAMES.length), 0));
  }
  for (const name of REVOKED) principals.push(await one(name, 2, 200, true));
  return { port, caPem: world.meshCa.certPem, principals };
}

async function main(): Promise<number> {
  const always = [...CALM, ...BUSY_NAMES];
  const world = await World.start({
    gateway: false,
    settings: `workers: ${WORKERS}`,
    extraPolicy: rules([...always, ...REVOKED], 0),
    variables: { 'max-connections': String(CONNECTIONS + 600) },
  });
  const port = await freePort();
  let gateway: GatewayProcess | undefined;
  try {
    world.write('postern.yaml', world.settingsText({ mesh: port }));
    gateway = await GatewayProcess.start(world.path('postern.yaml'));
    return await soak(world, gateway, port);
  } finally {
    await gateway?.kill('SIGKILL');
    await world.stop();
  }
}

async function soak(world: World, gateway: GatewayProcess, port: number): Promise<number> {
  const plan = await planOf(world, port);
  world.write('soak.json', JSON.stringify(plan));
  const verdict = new Verdict(REVOKED);
  const load = fork(fileURLToPath(new URL('./soak-load.js', import.meta.url)), [
    world.path('soak.json'),
  ]);
  let connected = 0;
  load.on('message', (message: SoakReport) => {
    if (message.kind === 'connected') connected = message.connections;
    verdict.take(message);
  });
  const wanted = plan.principals.reduce((sum, one) => sum + one.connections, 0);
  say(`connecting ${wanted}`);
  await until(() => connected === wanted || load.exitCode !== null, 180_000, 'all connected');
  say(`connected; ${SECONDS} s with a reload every ${RELOAD_MS / 1000} s`);
  await disturb(world, gateway, verdict);
  load.send('stop');
  if (load.exitCode === null) await once(load, 'exit');
  await gateway.kill('SIGTERM');
  verdict.leftBehind(await accountsLeft(world));
  verdict.audit(verifyAudit(directorySource(world.path('audit'))).faults.map(String));
  verdict.gatewaySaid(gateway.output);
  console.log(verdict.print(wanted, SECONDS));
  return verdict.good ? 0 : 1;
}

/** Reloads, revokes and watches memory until the time is over. */
async function disturb(world: World, gateway: GatewayProcess, verdict: Verdict): Promise<void> {
  const always = [...CALM, ...BUSY_NAMES];
  const begin = Date.now();
  const end = begin + SECONDS * 1_000;
  for (let edition = 1; Date.now() < end; edition += 1) {
    // Every other reload takes one principal's Grant and gives the other's back.
    const without = REVOKED[Math.floor((edition * RELOAD_MS) / REVOKE_MS) % REVOKED.length];
    const granted = [...always, ...REVOKED.filter((name) => name !== without)];
    verdict.revoke(without, Date.now());
    world.writePolicy(world.policyText(rules(granted, edition)));
    await new Promise((resolve) => setTimeout(resolve, RELOAD_MS));
    verdict.memory(residentBytes(gateway.child.pid ?? 0), (Date.now() - begin) / 1_000);
    if (gateway.ended) throw new Error(`the gateway has ended\n${gateway.output}`);
    if (edition % 6 === 0) say(verdict.line());
  }
}

/** Every lease is given back when a gateway stops in order. */
async function accountsLeft(world: World): Promise<string[]> {
  const text = await world.mariadb.rootQuery(
    `SELECT User FROM mysql.global_priv WHERE User LIKE 'postern:%'`,
  );
  return String(text)
    .split('\n')
    .filter((line) => line.startsWith('postern:'));
}

function say(text: string): void {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${text}\n`);
}

process.exitCode = await main();
