// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Traced } from '../../compile/istio/artifact.ts';
import { liveMeshObject, meshObject, rulesAt } from './mesh-facts.ts';
import { MeshModel } from './mesh-model.ts';

const FACTS = {
  cluster: 'prod',
  dataPlane: 'Sidecar',
  version: '1.29',
  trustDomain: 'cluster.local',
  trustDomainAliases: [],
} as const;
const CALLER = {
  cluster: 'prod',
  namespace: 'payments',
  serviceAccount: 'checkout',
  transport: 'mtls',
} as const;
const DESTINATION = {
  namespace: 'data',
  labels: { app: 'db' },
  port: 3306,
  protocol: 'tcp',
} as const;

const object = (kind: string, namespace?: string) =>
  liveMeshObject({
    apiVersion: 'x/v1',
    kind,
    metadata: { name: 'a', ...(namespace && { namespace }) },
  });

describe('mesh-model', () => {
  it('allows where nothing says anything', () => {
    const { effect, why } = new MeshModel([object('Service', 'data')], FACTS).verdict(
      CALLER,
      DESTINATION,
    );
    deepEqual([effect, why], ['allow', 'no-allow-policy']);
  });

  it('does not guess what a kind means that it does not know', () => {
    for (const namespace of [undefined, 'data', 'istio-system']) {
      const model = new MeshModel([object('EnvoyFilter', namespace)], FACTS);
      const { effect, why, detail } = model.verdict(CALLER, DESTINATION);
      deepEqual([effect, why, detail], ['unknown', 'kind-unknown', 'EnvoyFilter']);
    }
    const elsewhere = new MeshModel([object('EnvoyFilter', 'other')], FACTS);
    equal(elsewhere.verdict(CALLER, DESTINATION).effect, 'allow');
  });

  it('knows the declaration line of a part', () => {
    const rule = (name: string) => ({ name, position: { file: 'p.yaml', line: 1, column: 1 } });
    const traced = meshObject({
      apiVersion: 'security.istio.io/v1',
      kind: 'AuthorizationPolicy',
      metadata: { name: 'a', namespace: 'b', labels: {} },
      rules: [rule('Target/b/t')],
      content: { spec: { rules: [new Traced({ from: [] }, [rule('Grant/b/g')]), { to: [] }] } },
    });
    deepEqual(rulesAt(traced, 'spec/rules/0/from'), [rule('Grant/b/g')]);
    deepEqual(rulesAt(traced, 'spec/rules/1'), [rule('Target/b/t')]);
  });
});
