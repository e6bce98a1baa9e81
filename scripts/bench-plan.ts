// SPDX-License-Identifier: Apache-2.0
/**
 * What a plan costs besides the network, in CPU time, so that other work on the machine does not
 * count: 1,000 services on 100 Targets by default, every role changed and half of the objects
 * missing. Usage: bench-plan [--json] [SERVICES TARGETS]
 */

import { layersOf } from '../src/app/layers.ts';
import { recordedPolicy, recordStatement } from '../src/broker/declaration-record.ts';
import { databaseScope } from '../src/broker/installation.ts';
import { managedObject } from '../src/compile/kube/object.ts';
import { planObjects } from '../src/compile/kube/plan.ts';
import { planDatabase } from '../src/compile/sql/plan.ts';
import { readObserved } from '../src/compile/sql/read-observed.ts';
import { checkSources } from '../src/policy/check.ts';
import { diffPolicies } from '../src/policy/compare.ts';
import type { Policy } from '../src/policy/policy.ts';

const NOW_MS = Date.UTC(2026, 0, 1);
const EVERYTHING = { clusters: [], targets: [] };
const words = process.argv.slice(2).filter((word) => !word.startsWith('--'));
const [services = 1000, targets = 100] = words.map(Number);

/** Each service has a Grant of its own on one Target; every Target has its own role. */
function declaration(actions: string): string {
  const head = 'apiVersion: postern.dev/v1alpha1\nkind:';
  const documents = [
    `${head} Cluster
metadata: {name: prod, labels: {env: prod}}
spec:
  bundle: {file: ca.pem}
  istio: {version: "1.29", dataPlane: Sidecar, gateway: {namespace: postern-system, serviceAccount: postern}}`,
  ];
  for (let at = 0; at < targets; at += 1) {
    documents.push(`${head} Target
metadata: {name: t${at}, namespace: data, labels: {app: t${at}}}
spec:
  expose: {service: t${at}-db, port: ${10_000 + at}}
  mariadb:
    endpoints: [{host: t${at}.data.svc}]
    tls: {ca: {file: ca.pem}}
    broker: {user: broker_${at}, password: {file: p${at}}}
    schemas: [shop]
    pods: {cluster: prod, namespace: data, labels: {app: t${at}}}`);
    documents.push(`${head} DataRole
metadata: {name: r${at}, namespace: data}
spec: {privileges: [{tables: [shop.orders, shop.items], actions: [${actions}]}]}`);
  }
  for (let at = 0; at < services; at += 1) {
    documents.push(`${head} Grant
metadata: {name: g${at}, namespace: data}
spec:
  subjects: [{workload: {clusters: {matchLabels: {env: prod}}, serviceAccounts: [ns${at}/app]}}]
  targetSelector: {matchLabels: {app: t${at % targets}}}
  role: r${at % targets}`);
  }
  return documents.join('\n---\n');
}

function policyOf(text: string): Policy {
  const { policy, diagnostics } = checkSources([{ path: 'bench.yaml', text }], { nowMs: NOW_MS });
  if (!policy) throw new Error(JSON.stringify(diagnostics.slice(0, 3)));
  return policy;
}

/** A server on which nothing was ever granted. */
const NOTHING = readObserved([], 'bench');

const figures: Record<string, number> = {};
function timed<T>(name: string, work: () => T): T {
  const before = process.cpuUsage();
  const result = work();
  const { user, system } = process.cpuUsage(before);
  figures[name] = Math.round((user + system) / 1000);
  return result;
}

const [oldText, newText] = [declaration('select'), declaration('select, insert')];
const policy = timed('read and check', () => policyOf(newText));
const { layers } = timed('compile the cluster', () =>
  layersOf(policy, EVERYTHING, { instance: 'postern', nowMs: NOW_MS }),
);
const [cluster] = layers.clusters;
if (!cluster) throw new Error('no cluster was compiled');
const { desired, installation } = cluster.input;
const observed = desired
  .filter((_, at) => at % 2 === 0)
  .map((one) => managedObject(one, installation));
timed('compare objects', () => planObjects({ installation, desired, observed }));
timed('compare databases', () => {
  for (const target of layers.databases) {
    const scope = databaseScope(policy, target);
    const registry = { ...NOTHING.registry, version: scope.installation.version };
    planDatabase(scope, { ...NOTHING, registry });
  }
});
const before = policyOf(oldText);
const packed = timed('note', () => {
  const sources = [{ path: 'bench.yaml', text: oldText }];
  const statement = recordStatement('b', { policy: before, sources });
  return /'([^']*)'\)$/.exec(statement)?.[1] ?? '';
});
timed('read the note', () => recordedPolicy(packed, '/'));
const diff = timed('who gains and loses', () => diffPolicies(before, policy, { nowMs: NOW_MS }));
if (diff.undecided.length > 0) throw new Error(`${diff.undecided.length} undecided`);
figures['total'] = Object.values(figures).reduce((sum, ms) => sum + ms, 0);

if (process.argv.includes('--json')) console.log(JSON.stringify({ services, targets, figures }));
else {
  console.log(`${services} services, ${targets} targets, ${desired.length} objects; ms of CPU`);
  for (const [name, ms] of Object.entries(figures)) console.log(`${name.padEnd(24)}${ms}`);
}
