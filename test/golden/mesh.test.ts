// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { artifactId, plainObject } from '../../src/compile/istio/artifact.ts';
import { compileCluster } from '../../src/compile/istio/compile-cluster.ts';
import { desiredObjects, MESH_KINDS } from '../../src/compile/istio/desired-objects.ts';
import { artifactYaml } from '../../src/compile/istio/yaml.ts';
import { checkSources } from '../../src/policy/check.ts';
import { diagnosticsText } from '../../src/policy/diagnostic-text.ts';
import { analyse } from '../support/istio-analyser.ts';
import { repositoryFile } from '../support/repository-file.ts';
import { schemaFaults } from '../support/structural-schema.ts';

const MAX_LINES = 150;
const NOW_MS = Date.UTC(2026, 0, 1);
const folder = repositoryFile('test/golden');
const cases = readdirSync(folder).filter((name) => name.startsWith('mesh-'));

/** The first line of a case names the kinds it is about: `# shows: Service, Sidecar`. */
function compile(name: string) {
  const text = readFileSync(join(folder, name, 'policy.yaml'), 'utf8');
  const sources = [{ path: 'policy.yaml', text }];
  const { policy, diagnostics } = checkSources(sources, { nowMs: NOW_MS });
  if (!policy) throw new Error(diagnosticsText(diagnostics, sources));
  const compiled = [...policy.clusters.values()].map((one) => compileCluster(policy, one, NOW_MS));
  const shown = /^# shows: (.*)/.exec(text)?.[1]?.split(', ') ?? [];
  const artifacts = compiled.flatMap((one) => one.artifacts);
  const served = compiled.filter((one) => one.artifacts.length > 0);
  const printed = served.flatMap(({ artifacts: own, context }) => {
    const texts = own.filter(({ kind }) => shown.includes(kind)).map(artifactYaml);
    // Which cluster, where there are several.
    return served.length < 2 ? texts : [`# In ${context?.cluster.name}:\n${texts.join('---\n')}`];
  });
  const found = compiled.flatMap((one) => one.diagnostics);
  return {
    artifacts,
    clusters: compiled,
    found,
    printed: `${printed.join('---\n')}${diagnosticsText(found, sources)}`,
  };
}

/** `GOLDEN=write npm test -- golden` rewrites what is expected; review the difference. */
describe('golden objects of the mesh', () => {
  for (const name of cases) {
    it(name, () => {
      const { artifacts, clusters, printed } = compile(name);
      assert.ok(printed.split('\n').length <= MAX_LINES, `${name} is too long to review`);
      const file = join(folder, name, 'mesh.yaml');
      if (process.env['GOLDEN'] === 'write') writeFileSync(file, printed);
      assert.equal(printed, existsSync(file) ? readFileSync(file, 'utf8') : '', `${file} differs`);
      assert.equal(compile(name).printed, printed, 'the output is not deterministic');
      for (const artifact of artifacts) {
        assert.deepEqual(schemaFaults(plainObject(artifact)), [], artifactId(artifact));
      }
      assert.deepEqual(analyse(artifacts.map(plainObject)), [], name);
      for (const { artifacts: own } of clusters) {
        const ids = own.map(artifactId);
        assert.equal(new Set(ids).size, ids.length, 'two objects have one name');
      }
    });
  }

  it('would notice a field that does not exist and rules that a mesh reads otherwise', () => {
    const head = { apiVersion: 'security.istio.io/v1', kind: 'AuthorizationPolicy' };
    const object = (action: string, rule: object) => ({
      ...head,
      metadata: { name: 'a', namespace: 'b', labels: {} },
      spec: { selector: { matchLabels: { app: 'a' } }, action, rules: [rule] },
    });
    const to = [{ operation: { ports: ['3306'] } }];
    const from = (source: object) => ({ from: [{ source }], to });
    const sound = object('DENY', from({ notPrincipals: ['a/ns/b/sa/c'] }));
    assert.deepEqual([schemaFaults(sound), analyse([sound])], [[], []]);
    assert.equal(schemaFaults(object('DENY', from({ principls: ['a'] }))).length, 1);
    assert.equal(schemaFaults(object('Deny', from({ principals: ['a'] }))).length, 1);
    for (const wrong of [
      object('DENY', { from: [{ source: { notPrincipals: ['a'] } }] }),
      object('DENY', { to: [{ operation: { paths: ['/a'] } }] }),
      object('ALLOW', from({ notPrincipals: ['a'] })),
      object('ALLOW', from({ namespaces: ['a'] })),
      object('ALLOW', from({ principals: ['a/ns/*/sa/b'] })),
    ]) {
      assert.notEqual(analyse([wrong]).length, 0, JSON.stringify(wrong));
    }
  });

  it('is found again in a cluster, whatever kind it is of', () => {
    const artifacts = cases.flatMap((name) => compile(name).artifacts);
    const kinds = (list: readonly { readonly apiVersion: string; readonly kind: string }[]) =>
      [...new Set(list.map(({ apiVersion, kind }) => `${apiVersion} ${kind}`))].sort();
    assert.deepEqual(kinds(artifacts), kinds(MESH_KINDS));
    const inner = desiredObjects(artifacts)
      .filter(({ object }) => object.kind === 'DestinationRule')
      .flatMap(({ rules }) => rules);
    assert.ok(inner.some(({ name }) => name.startsWith('Grant/')));
  });

  it('has a case for every finding of the mesh', () => {
    const codes = new Set(cases.flatMap((name) => compile(name).found.map(({ code }) => code)));
    assert.deepEqual([...codes].sort(), [
      'mesh-database-open',
      'mesh-gateway-missing',
      'mesh-name-clash',
      'mesh-unenforceable',
      'mesh-version',
    ]);
  });
});
