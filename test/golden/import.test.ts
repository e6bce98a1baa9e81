// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { compileCluster } from '../../src/compile/istio/compile-cluster.ts';
import { artifactYaml } from '../../src/compile/istio/yaml.ts';
import { declarationText } from '../../src/import/document.ts';
import { importIstio, trustDomainOf } from '../../src/import/istio/import-istio.ts';
import { importReport } from '../../src/import/report-text.ts';
import { readManifests } from '../../src/manifest/manifest.ts';
import { checkSources } from '../../src/policy/check.ts';
import { diffPolicies } from '../../src/policy/compare.ts';
import { diagnosticsText } from '../../src/policy/diagnostic-text.ts';
import type { Policy } from '../../src/policy/policy.ts';
import { Random } from '../support/random.ts';
import { repositoryFile } from '../support/repository-file.ts';

const MAX_LINES = 150;
const NOW_MS = Date.UTC(2026, 0, 1);
const folder = repositoryFile('test/golden');
const cases = readdirSync(folder).filter((name) => name.startsWith('import-'));

function imported(text: string, cluster = 'prod') {
  const { manifests, faults } = readManifests([{ path: 'mesh.yaml', text }]);
  assert.deepEqual(faults, []);
  const result = importIstio(manifests, {
    cluster,
    trustDomain: trustDomainOf(manifests),
    role: 'reader',
    schemas: ['shop'],
    taken: new Set(),
  });
  return { ...result, declaration: declarationText(result.documents) };
}

function sound(text: string): Policy {
  const sources = [{ path: 'policy.yaml', text }];
  const { policy, diagnostics } = checkSources(sources, { nowMs: NOW_MS });
  assert.ok(policy, diagnosticsText(diagnostics, sources));
  return policy;
}

/** Counted by another reading: every scalar and every empty list or mapping. */
function leaves(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 1;
  const inner = Object.values(value);
  return inner.length === 0 ? 1 : inner.reduce((sum: number, one) => sum + leaves(one), 0);
}

function factsIn(text: string): number {
  const read = /^(AuthorizationPolicy|PeerAuthentication|RequestAuthentication|ServiceEntry)$/;
  return parseAllDocuments(text)
    .map((one) => one.toJS())
    .reduce((sum: number, { kind, spec, metadata }) => {
      if (!read.test(kind)) return sum + 1;
      return sum + leaves(spec) + (metadata.annotations ? leaves(metadata.annotations) : 0);
    }, 0);
}

/** `GOLDEN=write npm test -- golden` rewrites what is expected; review the difference. */
describe('golden imports of a mesh', () => {
  for (const name of cases) {
    it(name, () => {
      const text = readFileSync(join(folder, name, 'mesh.yaml'), 'utf8');
      const { entries, declaration } = imported(text);
      const policy = sound(declaration);
      for (const { enforcement, id } of policy.targets.values()) {
        if (id !== 'postern-system/postern') assert.equal(enforcement, 'Observe', id);
      }
      assert.equal(entries.length, factsIn(text), 'a fact was lost, or made up');
      for (const [file, printed] of [
        ['declaration.yaml', declaration],
        ['report.txt', importReport(entries)],
      ] as const) {
        assert.ok(printed.split('\n').length <= MAX_LINES, `${name} is too long to review`);
        const path = join(folder, name, file);
        if (process.env['GOLDEN'] === 'write') writeFileSync(path, printed);
        assert.equal(
          printed,
          existsSync(path) ? readFileSync(path, 'utf8') : '',
          `${path} differs`,
        );
      }
    });
  }

  it('gives back the decisions of what Postern rendered', () => {
    let grants = 0;
    for (let seed = 1; seed <= 40; seed += 1) {
      const declared = ambientDeclaration(seed);
      const before = sound(declared);
      const cluster = before.clusters.get('prod');
      assert.ok(cluster);
      const { artifacts, diagnostics } = compileCluster(before, cluster, NOW_MS);
      assert.ok(artifacts.length > 0, JSON.stringify(diagnostics));
      const { declaration } = imported(artifacts.map(artifactYaml).join('---\n'));
      const after = sound(declaration);
      const { changes, undecided } = diffPolicies(before, after, { nowMs: NOW_MS });
      const told = changes.map(({ direction, subjects, target }) => [
        direction,
        ...subjects,
        target,
      ]);
      assert.deepEqual([told, undecided], [[], []], `seed ${seed}\n${declared}\n${declaration}`);
      grants += after.grants.length;
    }
    assert.ok(grants > 20);
  });
});

/** Accounts and whole namespaces on one Target, some kept out by a Deny. */
function ambientDeclaration(seed: number): string {
  const random = new Random(seed);
  const pick = (count: number) => random.below(count);
  const namespaces = ['payments', 'crm', 'reports', 'ops'].slice(0, 1 + pick(4));
  const subjects = namespaces.flatMap((namespace) => {
    const whole = `{workload: {namespaceSelector: {matchLabels: {team: ${namespace}}}}}`;
    const accounts = ['one', 'two', 'three'].slice(0, 1 + pick(3));
    return pick(4) === 0
      ? [whole]
      : accounts.map((one) => `{serviceAccount: prod/${namespace}/${one}}`);
  });
  // A mesh cannot spare one account of a namespace that it lets in as a whole.
  const isWhole = subjects[0]?.includes('namespaceSelector');
  const denied = pick(2) === 0 && !isWhole ? `prod/${namespaces[0]}/one` : 'prod/elsewhere/one';
  return `apiVersion: postern.dev/v1alpha1
kind: Cluster
metadata: {name: prod}
spec:
  trustDomain: ${pick(2) === 0 ? 'cluster.local' : 'prod.example'}
  bundle: {file: root-cert.pem}
  namespaces: [${namespaces.map((one) => `{name: ${one}, labels: {team: ${one}}}`).join(', ')}]
  istio: {version: "1.29", dataPlane: Ambient, gateway: {namespace: postern-system, serviceAccount: postern}}
---
apiVersion: postern.dev/v1alpha1
kind: Target
metadata: {name: orders, namespace: postern-system, labels: {app: orders}}
spec:
  expose: {port: 3306}
  mariadb:
    endpoints: [{host: db}]
    tls: {ca: {file: ca.pem}}
    broker: {user: postern_broker, password: {file: broker-password}}
    schemas: [shop]
---
apiVersion: postern.dev/v1alpha1
kind: Grant
metadata: {name: callers, namespace: postern-system}
spec:
  subjects: [${subjects.join(', ')}]
  targetSelector: {matchLabels: {app: orders}}
  role: reader
---
apiVersion: postern.dev/v1alpha1
kind: Deny
metadata: {name: out}
spec: {subjects: [{serviceAccount: ${denied}}], targets: {matchLabels: {app: orders}}}
`;
}
