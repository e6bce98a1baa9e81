// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type DesiredObject,
  type JsonObject,
  type KubeObject,
  managedObject,
  type ObjectMetadata,
} from './object.ts';
import { planObjects } from './plan.ts';

function wanted(kind: string, name: string, body: JsonObject = {}): DesiredObject {
  const apiVersion = /Policy|Authentication/.test(kind) ? 'security.istio.io/v1' : 'v1';
  const scope = kind === 'Namespace' ? {} : { namespace: 'shop' };
  return { object: { ...body, apiVersion, kind, metadata: { name, ...scope } }, rules: [] };
}

function observed(of: DesiredObject, metadata: Partial<ObjectMetadata> = {}): KubeObject {
  const object = managedObject(of, 'weu');
  return {
    ...object,
    metadata: { ...object.metadata, uid: `uid-${of.object.metadata.name}`, ...metadata },
  };
}

function plan(desired: readonly DesiredObject[], present: readonly KubeObject[] = []) {
  const { steps, obstacles } = planObjects({ installation: 'weu', desired, observed: present });
  return {
    steps: steps.map(({ action, reference }) => `${action} ${reference.kind} ${reference.name}`),
    obstacles: obstacles.map(({ severity, problem }) => `${severity}: ${problem}`),
    raw: steps,
  };
}

describe('plan of objects', () => {
  const deny = wanted('AuthorizationPolicy', 'deny', { spec: { action: 'DENY', rules: [{}] } });
  const allow = wanted('AuthorizationPolicy', 'allow', { spec: { action: 'ALLOW' } });

  it('creates denials before what opens, names before what uses them, workloads last', () => {
    const desired = [
      wanted('Deployment', 'postern'),
      wanted('Service', 'orders'),
      allow,
      deny,
      wanted('ServiceAccount', 'postern'),
      wanted('Namespace', 'shop'),
    ];
    assert.deepEqual(plan(desired).steps, [
      'create Namespace shop',
      'create ServiceAccount postern',
      'create AuthorizationPolicy deny',
      'create AuthorizationPolicy allow',
      'create Service orders',
      'create Deployment postern',
    ]);
  });

  it('has the same order whatever the order of what it is given', () => {
    const desired = ['c', 'a', 'b'].map((name) => wanted('ConfigMap', name));
    assert.deepEqual(plan(desired).steps, plan([...desired].reverse()).steps);
  });

  it('removes after it has added, in the reverse order', () => {
    const old = [wanted('ServiceAccount', 'old'), wanted('Service', 'old')];
    assert.deepEqual(
      plan(
        [allow],
        old.map((each) => observed(each)),
      ).steps,
      ['create AuthorizationPolicy allow', 'delete Service old', 'delete ServiceAccount old'],
    );
  });

  it('has nothing to do where all is as declared', () => {
    assert.deepEqual(plan([allow, deny], [observed(allow), observed(deny)]).steps, []);
  });

  it('updates the object that was looked at, and says which field', () => {
    const [step] = plan(
      [allow],
      [observed(wanted('AuthorizationPolicy', 'allow', { spec: { action: 'AUDIT' } }))],
    ).raw;
    assert.ok(step?.action === 'update');
    assert.equal(step.uid, 'uid-allow');
    assert.deepEqual(
      step.changes.map(({ field, desired, observed }) => [field, desired, observed]),
      [['spec.action', 'ALLOW', 'AUDIT']],
    );
  });

  it('does not touch what is not ours, and says so', () => {
    const labels = { 'app.kubernetes.io/managed-by': 'helm' };
    assert.deepEqual(plan([allow], [observed(allow, { labels })]), {
      steps: [],
      obstacles: ['blocks: AuthorizationPolicy shop/allow exists and is not managed by Postern'],
      raw: [],
    });
    const annotations = { 'postern.dev/installation': 'neu' };
    assert.deepEqual(plan([allow], [observed(allow, { annotations })]).obstacles, [
      'blocks: AuthorizationPolicy shop/allow belongs to the installation neu',
    ]);
    assert.deepEqual(plan([], [observed(allow, { annotations })]).steps, []);
  });

  it('leaves a namespace where it is, and what is on its way out alone', () => {
    const gone = observed(allow, { deletionTimestamp: '2027-01-01T00:00:00Z' });
    const { steps, obstacles } = plan([], [observed(wanted('Namespace', 'shop')), gone]);
    assert.deepEqual(steps, []);
    assert.deepEqual(obstacles, ['remains: Namespace shop is no longer declared']);
  });
});
