// SPDX-License-Identifier: Apache-2.0
/**
 * Compiling and proving a declaration of many services: each in a namespace of its own, granted a
 * role on every tenth of 100 MariaDB Targets whose pods are in one sidecar mesh. Times are of the
 * processor, which on a machine that does nothing else is what one waits: all of it runs in one
 * thread. Runs for about half a minute. Usage: bench-prove [--json]
 */

import { databaseScope } from '../src/broker/installation.ts';
import { compileCluster } from '../src/compile/istio/compile-cluster.ts';
import { checkSources } from '../src/policy/check.ts';
import { diagnosticsText } from '../src/policy/diagnostic-text.ts';
import type { Policy } from '../src/policy/policy.ts';
import { declaredMesh } from '../src/prove/declared-mesh.ts';
import { EngineGateway } from '../src/prove/gateway.ts';
import { agrees } from '../src/prove/proof.ts';
import { prove } from '../src/prove/prove.ts';

const SERVICES = [250, 500, 1_000];
const TARGETS = 100;
const TENTHS = 10;
const NOW_MS = Date.UTC(2026, 0, 15, 12);

interface Result {
  readonly services: number;
  readonly checkMs: number;
  readonly compileMs: number;
  readonly proveMs: number;
  readonly work: number;
  readonly heapMb: number;
}

function declaration(services: number): string {
  const documents = [
    `kind: Cluster
metadata: {name: prod, labels: {env: prod}}
spec:
  trustDomainAliases: [old.example]
  bundle: {file: ca.pem}
  istio: {version: "1.29", dataPlane: Sidecar, gateway: {namespace: postern-system, serviceAccount: postern}}`,
    `kind: ServiceClass
metadata: {name: standard}
spec: {connections: 20, requestsPerSecond: 500}`,
  ];
  for (let index = 0; index < TARGETS; index++) {
    const name = `db-${index}`;
    documents.push(`kind: Target
metadata: {name: ${name}, namespace: data, labels: {app: ${name}}}
spec:
  expose: {service: ${name}, port: 3306}
  mariadb:
    endpoints: [{host: ${name}.data.svc}]
    tls: {ca: {file: ca.pem}}
    broker: {user: postern_broker, password: {file: broker-password}}
    schemas: [shop, stock]
    pods: {cluster: prod, namespace: data-${index}, labels: {app: ${name}}, operators: [databases/operator]}`);
    documents.push(`kind: DataRole
metadata: {name: orders-${index}, namespace: data}
spec:
  privileges:
    - {tables: [shop.orders, shop.items], actions: [select, insert, update]}
    - {tables: [shop.customers], actions: [select], columns: [id, name], as: shop.customers_public}`);
    for (const role of [`orders-${index}`, 'reader']) {
      const subjects: string[] = [];
      for (let service = index % TENTHS; service < services; service += TENTHS) {
        const isOwn = (role === 'reader') === (Math.floor(service / TENTHS) % 2 === 0);
        if (isOwn) subjects.push(`    - {serviceAccount: prod/team-${service}/app}`);
      }
      documents.push(`kind: Grant
metadata: {name: g-${index}-${role}, namespace: data}
spec:
  subjects:
${subjects.join('\n')}
  targetSelector: {matchLabels: {app: ${name}}}
  role: ${role}
  serviceClass: standard`);
    }
  }
  return documents.map((text) => `apiVersion: postern.dev/v1alpha1\n${text}`).join('\n---\n');
}

function compile(policy: Policy) {
  const [cluster] = policy.clusters.values();
  if (!cluster) throw new Error('no cluster');
  const { artifacts, context } = compileCluster(policy, cluster, NOW_MS);
  if (!context || artifacts.length === 0) throw new Error('nothing was compiled');
  const scopes = [...policy.targets.values()]
    .filter(({ system }) => system.type === 'mariadb')
    .map((target) => [target.id, databaseScope(policy, target)] as const);
  return { mesh: declaredMesh(context, artifacts, new Set()), scopes };
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

function measure(services: number): Result {
  const sources = [{ path: 'policy.yaml', text: declaration(services) }];
  const start = cpuMs();
  const { policy, diagnostics } = checkSources(sources, { nowMs: NOW_MS });
  if (!policy) throw new Error(diagnosticsText(diagnostics, sources));
  const checked = cpuMs();
  const { mesh, scopes } = compile(policy);
  const compiled = cpuMs();
  const proof = prove({
    policy,
    nowMs: NOW_MS,
    gateway: new EngineGateway(policy, NOW_MS),
    meshes: [mesh],
    databases: new Map(scopes.map(([id, scope]) => [id, { source: 'declared', scope }])),
  });
  const proved = cpuMs();
  if (!agrees(proof)) {
    const undecided = proof.layers.find(({ status }) => status === 'undecided');
    throw new Error(JSON.stringify(proof.counterExamples[0] ?? undecided, null, 2));
  }
  return {
    services,
    checkMs: Math.round(checked - start),
    compileMs: Math.round(compiled - checked),
    proveMs: Math.round(proved - compiled),
    work: proof.work,
    heapMb: Math.round(process.memoryUsage().heapUsed / 1_048_576),
  };
}

const results = SERVICES.map(measure);
if (process.argv.includes('--json')) console.log(JSON.stringify(results, null, 2));
else {
  console.log(`services  check ms  compile ms  prove ms  decisions and verdicts  heap MB`);
  for (const { services, checkMs, compileMs, proveMs, work, heapMb } of results) {
    const cells = [services, checkMs, compileMs, proveMs].map((one) => String(one).padEnd(8));
    console.log(`${cells.join('  ')}  ${String(work).padEnd(22)}  ${heapMb}`);
  }
}
