// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findDrift } from './drift.ts';
import {
  type DesiredObject,
  INSTALLATION_ANNOTATION,
  type JsonObject,
  type KubeObject,
  MANAGED_BY_LABEL,
  managedObject,
} from './object.ts';

const rules = [
  { name: 'Target/shop/orders', position: { file: 'orders.yaml', line: 4, column: 1 } },
] as unknown as DesiredObject['rules'];

function wanted(kind: string, spec: JsonObject): DesiredObject {
  const apiVersion = 'security.istio.io/v1';
  const metadata = { name: 'orders', namespace: 'shop' };
  return { object: { apiVersion, kind, metadata, spec }, rules };
}

function theirs(kind: string, spec: JsonObject, namespace = 'shop'): KubeObject {
  const metadata = { name: 'theirs', namespace, uid: 'u2' };
  return { apiVersion: 'security.istio.io/v1', kind, metadata, spec };
}

const selector = { matchLabels: { app: 'mariadb' } };
const allow = wanted('AuthorizationPolicy', {
  selector,
  action: 'ALLOW',
  rules: [{ from: [{ source: { principals: ['cluster.local/ns/postern/sa/postern'] } }] }],
});
const live = (object: KubeObject, changes: Partial<KubeObject> = {}): KubeObject =>
  ({ ...object, ...changes }) as KubeObject;

function drift(observed: readonly KubeObject[], neighbours: readonly KubeObject[] = []) {
  const input = { installation: 'weu', desired: [allow], observed, neighbours };
  return findDrift({ ...input, meshRootNamespace: 'istio-system' });
}

describe('drift', () => {
  const ours = managedObject(allow, 'weu');

  it('finds nothing where everything is as declared', () => {
    assert.deepEqual(drift([ours], [ours]), []);
  });

  it('names an object that is gone, with its declaration', () => {
    const [finding] = drift([]);
    assert.equal(finding?.kind, 'deleted');
    assert.equal(finding?.rules[0]?.position.line, 4);
  });

  it('names each field that was edited, and by whom', () => {
    const spec = { ...(allow.object['spec'] as JsonObject), action: 'DENY' };
    const managedFields = [
      { manager: 'kubectl-edit', operation: 'Update', fieldsV1: { 'f:spec': { 'f:action': {} } } },
    ];
    const edited = live(ours, { spec, metadata: { ...ours.metadata, managedFields } });
    const [finding, ...rest] = drift([edited]);
    assert.equal(rest.length, 0);
    assert.equal(finding?.kind, 'edited');
    assert.equal(
      finding?.message,
      'AuthorizationPolicy shop/orders differs in spec.action (kubectl-edit)',
    );
  });

  it('sees a label that narrows the selector although nobody changed a field of ours', () => {
    const spec = {
      ...(allow.object['spec'] as JsonObject),
      selector: { matchLabels: { app: 'mariadb', extra: 'x' } },
    };
    const [finding] = drift([live(ours, { spec })]);
    assert.match(finding?.message ?? '', /spec\.selector\.matchLabels\.extra/);
  });

  it('tells when another manager alone holds what is as declared', () => {
    const managedFields = [
      { manager: 'argocd', operation: 'Apply', fieldsV1: { 'f:spec': { 'f:rules': {} } } },
    ];
    const [finding] = drift([live(ours, { metadata: { ...ours.metadata, managedFields } })]);
    assert.equal(finding?.kind, 'field-taken');
    assert.match(finding?.message ?? '', /spec\.rules \(argocd\)/);
  });

  it('tells lost marks and objects nobody declares', () => {
    const { annotations: _, ...metadata } = ours.metadata;
    assert.deepEqual(
      drift([live(ours, { metadata })]).map(({ kind }) => kind),
      ['unmarked'],
    );
    const left = live(ours, { metadata: { ...ours.metadata, name: 'old' } });
    assert.deepEqual(
      drift([ours, left]).map(({ kind, reference }) => [kind, reference.name]),
      [['undeclared', 'old']],
    );
    assert.ok(left.metadata.labels?.[MANAGED_BY_LABEL]);
    assert.equal(left.metadata.annotations?.[INSTALLATION_ANNOTATION], 'weu');
  });

  const opens = [{ from: [{ source: { namespaces: ['dev'] } }] }];
  const beside: [string, JsonObject, string, boolean][] = [
    ['the same selector', { selector, rules: opens }, 'shop', true],
    ['no selector: all pods of the namespace', { rules: opens }, 'shop', true],
    [
      'a selector that may overlap',
      { selector: { matchLabels: { tier: 'db' } }, rules: opens },
      'shop',
      true,
    ],
    ['other pods', { selector: { matchLabels: { app: 'web' } }, rules: opens }, 'shop', false],
    ['another namespace', { selector, rules: opens }, 'web', false],
    ['the whole mesh', { rules: opens }, 'istio-system', true],
    ['a denial', { selector, action: 'DENY', rules: opens }, 'shop', false],
    ['no rules: nobody', { selector }, 'shop', false],
    ['a waypoint', { targetRefs: [{ kind: 'Gateway', name: 'w' }], rules: opens }, 'shop', false],
  ];
  for (const [what, spec, namespace, found] of beside) {
    it(`${found ? 'finds' : 'passes'} an allowing policy of others: ${what}`, () => {
      const findings = drift([ours], [theirs('AuthorizationPolicy', spec, namespace)]);
      assert.deepEqual(
        findings.map(({ kind, rules: [rule] }) => [kind, rule?.position.file]),
        found ? [['foreign-opens', 'orders.yaml']] : [],
      );
    });
  }

  it('finds plaintext that somebody lets in, on one port too', () => {
    const strict = wanted('PeerAuthentication', { selector, mtls: { mode: 'STRICT' } });
    const lax = theirs('PeerAuthentication', { portLevelMtls: { 3306: { mode: 'DISABLE' } } });
    const input = { installation: 'weu', desired: [strict] };
    const observed = [managedObject(strict, 'weu')];
    assert.deepEqual(
      findDrift({ ...input, observed, neighbours: [lax] }).map(({ message }) => message),
      [
        'PeerAuthentication shop/theirs is not ours and lets plaintext in beside PeerAuthentication shop/orders',
      ],
    );
  });
});
