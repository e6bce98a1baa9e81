// SPDX-License-Identifier: Apache-2.0
// Drifts planted by another client in objects that were applied; each is found, and healed.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { KubeConfig, KubernetesObjectApi, PatchStrategy } from '@kubernetes/client-node';
import type { DesiredObject, JsonObject } from '../../src/compile/kube/object.ts';
import { applyPlan, planForCluster } from '../../src/kube/apply.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { clusterDrift } from '../../src/kube/drift.ts';
import { SAMPLE_KINDS, sampleObjects } from '../support/kube-sample.ts';
import { type StandInWorld, standInWorld } from '../support/kube-world.ts';

const ISTIO = 'security.istio.io/v1';
const POLICY = 'networking.k8s.io/v1';

describe('drift in a cluster', () => {
  let world: StandInWorld;
  let client: KubeClient;
  let other: KubernetesObjectApi;
  let desired: DesiredObject[];
  const kinds = [
    ...SAMPLE_KINDS,
    { apiVersion: ISTIO, kind: 'AuthorizationPolicy' },
    { apiVersion: ISTIO, kind: 'PeerAuthentication' },
  ];

  before(async () => {
    world = await standInWorld();
    client = world.client();
    const config = new KubeConfig();
    config.loadFromFile(world.kubeconfig);
    other = KubernetesObjectApi.makeApiClient(config);
    const { namespace } = world;
    const at = (line: number) =>
      [
        { name: 'Target/shop/orders', position: { file: 'orders.yaml', line, column: 1 } },
      ] as unknown as DesiredObject['rules'];
    const selector = { matchLabels: { app: 'mariadb' } };
    const ours = (kind: string, name: string, spec: JsonObject, line: number) => ({
      object: { apiVersion: ISTIO, kind, metadata: { name, namespace }, spec },
      rules: at(line),
    });
    const source = { principals: ['cluster.local/ns/postern-system/sa/postern'] };
    desired = [
      ...sampleObjects(namespace),
      ours('PeerAuthentication', 'strict', { selector, mtls: { mode: 'STRICT' } }, 7),
      ours(
        'AuthorizationPolicy',
        'only-postern',
        { selector, action: 'ALLOW', rules: [{ from: [{ source }] }] },
        9,
      ),
    ];
    await other.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'istio-system' } });
    await heal();
  });
  after(() => world.stop());

  const input = () => ({ installation: world.installation, desired, kinds });
  const drift = () => clusterDrift(client, { ...input(), meshRootNamespace: 'istio-system' });
  async function heal(): Promise<void> {
    const plan = await planForCluster(client, input());
    await applyPlan(client, world.installation, plan, { forceConflicts: true });
  }
  function foreign(apiVersion: string, kind: string, content: JsonObject, name = 'theirs') {
    const { namespace } = world;
    return { apiVersion, kind, metadata: { name, namespace }, ...content };
  }
  /** A change by hand, as with `kubectl patch --type merge`. */
  const edit = (apiVersion: string, kind: string, name: string, content: JsonObject) =>
    other.patch(
      foreign(apiVersion, kind, content, name) as never,
      undefined,
      undefined,
      'kubectl-edit',
      undefined,
      PatchStrategy.MergePatch,
    );
  const remove = (apiVersion: string, kind: string, name: string) =>
    other.delete(foreign(apiVersion, kind, {}, name));
  const allowAll = { rules: [{}] };

  it('is not there after an apply', async () => {
    assert.deepEqual(await drift(), []);
  });

  type Planted = [what: string, plant: () => Promise<unknown>, found: RegExp];
  const planted: Planted[] = [
    [
      'a deleted policy',
      () => remove(ISTIO, 'AuthorizationPolicy', 'only-postern'),
      /^deleted orders\.yaml:9 AuthorizationPolicy .* is gone$/,
    ],
    [
      'strict mTLS made permissive',
      () => edit(ISTIO, 'PeerAuthentication', 'strict', { spec: { mtls: { mode: 'PERMISSIVE' } } }),
      /^edited orders\.yaml:7 .*spec\.mtls\.mode \(kubectl-edit\)/,
    ],
    [
      'one port let out of mTLS',
      () =>
        edit(ISTIO, 'PeerAuthentication', 'strict', {
          spec: { portLevelMtls: { '3306': { mode: 'DISABLE' } } },
        }),
      /^edited orders\.yaml:7 .*portLevelMtls/,
    ],
    [
      'a caller more in a policy',
      () => edit(ISTIO, 'AuthorizationPolicy', 'only-postern', { spec: allowAll }),
      /^edited orders\.yaml:9 .*spec\.rules/,
    ],
    [
      'a policy that selects less',
      () =>
        edit(ISTIO, 'AuthorizationPolicy', 'only-postern', {
          spec: { selector: { matchLabels: { more: 'x' } } },
        }),
      /^edited orders\.yaml:9 .*matchLabels\.more/,
    ],
    [
      'a Service that leads elsewhere',
      () => edit('v1', 'Service', 'orders', { spec: { selector: { app: 'imposter' } } }),
      /^edited orders\.yaml:4 .*spec\.selector/,
    ],
    [
      'an opened NetworkPolicy',
      () => edit(POLICY, 'NetworkPolicy', 'only-postern', { spec: { ingress: [{}] } }),
      /^edited orders\.yaml:4 .*spec\.ingress/,
    ],
    [
      'a changed setting',
      () => edit('v1', 'ConfigMap', 'settings', { data: { mode: 'lax' } }),
      /^edited orders\.yaml:4 .*data\.mode/,
    ],
    [
      'a deleted service account',
      () => remove('v1', 'ServiceAccount', 'postern'),
      /^deleted orders\.yaml:4 ServiceAccount/,
    ],
  ];
  for (const [what, plant, found] of planted) {
    it(`is found, and healed: ${what}`, async () => {
      await plant();
      const findings = (await drift()).map(({ kind, rules: [rule], message }) => {
        return `${kind} ${rule?.position.file}:${rule?.position.line} ${message}`;
      });
      assert.equal(findings.length, 1, findings.join('\n'));
      assert.match(findings[0] ?? '', found);
      await heal();
      assert.deepEqual(await drift(), []);
    });
  }

  it('is found where others open more, and their objects stay', async () => {
    const root = { ...foreign(ISTIO, 'AuthorizationPolicy', { spec: allowAll }), metadata: {} };
    const objects = [
      foreign(ISTIO, 'AuthorizationPolicy', { spec: allowAll }),
      { ...root, metadata: { name: 'for-all', namespace: 'istio-system' } },
      foreign(ISTIO, 'PeerAuthentication', { spec: { mtls: { mode: 'DISABLE' } } }),
      foreign(POLICY, 'NetworkPolicy', { spec: { podSelector: {}, ingress: [{}] } }),
    ];
    for (const object of objects) await other.create(object as never);
    await heal();
    const findings = await drift();
    assert.deepEqual(
      findings.map(({ kind, reference }) => `${kind} ${reference.kind} ${reference.name}`),
      [
        'foreign-opens AuthorizationPolicy theirs',
        'foreign-opens AuthorizationPolicy for-all',
        'foreign-opens PeerAuthentication theirs',
        'foreign-opens NetworkPolicy theirs',
      ],
    );
    assert.ok(findings.every(({ rules }) => rules.length > 0));
    for (const object of objects) await other.delete(object as never);
    assert.deepEqual(await drift(), []);
  });

  it('is a managed object that nobody declares, until it is gone', async () => {
    const all = desired;
    desired = all.filter(({ object }) => object.metadata.name !== 'settings');
    assert.deepEqual(
      (await drift()).map(({ kind, reference }) => `${kind} ${reference.name}`),
      ['undeclared settings'],
    );
    await heal();
    assert.deepEqual(await drift(), []);
    desired = all;
  });

  it('is looked for with the right to read alone', async () => {
    const { api } = world;
    const rules = [{ verbs: ['get', 'list'], resources: ['*'] }];
    api.users.splice(0, 1, { ...(api.users[0] as (typeof api.users)[0]), rules });
    assert.deepEqual(
      (await drift()).map(({ kind, reference }) => `${kind} ${reference.name}`),
      ['deleted settings'],
    );
    api.users.splice(0, 1, {
      ...(api.users[0] as (typeof api.users)[0]),
      rules: [{ verbs: ['*'], resources: ['*'] }],
    });
  });
});
