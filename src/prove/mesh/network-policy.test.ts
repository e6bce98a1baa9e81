// SPDX-License-Identifier: Apache-2.0
import { equal } from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  MESH_CALLER,
  MESH_DESTINATION,
  MESH_FACTS,
  meshObjects,
} from '../../../test/support/mesh-objects.ts';
import type { MeshCaller, MeshDestination } from './mesh-call.ts';
import type { MeshFacts } from './mesh-facts.ts';
import { MeshModel } from './mesh-model.ts';

const FACTS: MeshFacts = {
  ...MESH_FACTS,
  dataPlane: 'None',
  namespaces: new Map([['payments', { env: 'prod' }]]),
};

interface Call {
  readonly facts?: Partial<MeshFacts>;
  readonly caller?: Partial<MeshCaller>;
  readonly to?: Partial<MeshDestination>;
}

/** Of a policy in `data` for the pods `app: db`, given by the rest of its spec. */
function why(spec: string, { facts, caller, to }: Call = {}): string {
  const objects = meshObjects(`
kind: NetworkPolicy
metadata: {name: n, namespace: data}
spec: {podSelector: {matchLabels: {app: db}}, ${spec}}
`);
  const model = new MeshModel(objects, { ...FACTS, ...facts });
  return model.verdict({ ...MESH_CALLER, ...caller }, { ...MESH_DESTINATION, ...to }).why;
}

const byNamespace = (labels: string) =>
  `ingress: [{from: [{namespaceSelector: {matchLabels: ${labels}}}]}]`;

describe('network-policy', () => {
  it('closes a pod that it selects, and no other', () => {
    equal(why('policyTypes: [Ingress]'), 'network-policy-ingress');
    equal(why('policyTypes: [Ingress]', { to: { labels: { app: 'web' } } }), 'outside-mesh');
    equal(why('policyTypes: [Egress]'), 'outside-mesh');
    equal(why('ingress: [{}]'), 'outside-mesh');
    equal(why('egress: [{}]'), 'network-policy-ingress', 'without types it is about ingress');
  });

  it('opens by namespace, by pod, by both and by address', () => {
    equal(why(byNamespace('{env: prod}')), 'outside-mesh');
    equal(why(byNamespace('{env: dev}')), 'network-policy-ingress');
    equal(why(byNamespace('{kubernetes.io/metadata.name: payments}')), 'outside-mesh');
    const pods = 'ingress: [{from: [{podSelector: {matchLabels: {a: b}}}]}]';
    equal(why(pods), 'network-policy-ingress', 'pods alone are those of its own namespace');
    equal(why(pods, { caller: { namespace: 'data' } }), 'caller-unknown');
    equal(why(pods, { caller: { namespace: 'data', labels: { a: 'b' } } }), 'outside-mesh');
    const both = byNamespace('{env: prod}').replace(
      'from: [{',
      'from: [{podSelector: {matchLabels: {a: b}}, ',
    );
    equal(why(both), 'caller-unknown');
    equal(why(both, { caller: { labels: {} } }), 'network-policy-ingress');
    equal(why(both, { caller: { labels: { a: 'b' } } }), 'outside-mesh');
    const block = 'ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}]}]';
    equal(why(block, { caller: { address: '10.2.0.1' } }), 'outside-mesh');
    equal(why(block, { caller: { address: '10.1.0.1' } }), 'network-policy-ingress');
    equal(why(block), 'caller-unknown');
  });

  it('reads expressions of selectors', () => {
    const expression = (text: string) =>
      why(`ingress: [{from: [{namespaceSelector: {matchExpressions: [${text}]}}]}]`);
    equal(expression('{key: env, operator: In, values: [prod, dev]}'), 'outside-mesh');
    equal(expression('{key: env, operator: NotIn, values: [prod]}'), 'network-policy-ingress');
    equal(expression('{key: other, operator: NotIn, values: [prod]}'), 'outside-mesh');
    equal(expression('{key: env, operator: Exists}'), 'outside-mesh');
    equal(expression('{key: env, operator: DoesNotExist}'), 'network-policy-ingress');
    equal(expression('{key: env, operator: Near}'), 'field-unknown');
  });

  it('opens ports by number, range, name and protocol', () => {
    const port = (text: string, call?: Call) => why(`ingress: [{ports: [${text}]}]`, call);
    equal(port('{port: 3306}'), 'outside-mesh');
    equal(port('{port: 3307}'), 'network-policy-ingress');
    equal(port('{port: 1, endPort: 3305}'), 'network-policy-ingress');
    equal(port('{port: 1, endPort: 3306}'), 'outside-mesh');
    equal(port('{protocol: UDP, port: 3306}'), 'network-policy-ingress');
    equal(port('{protocol: TCP}'), 'outside-mesh');
    equal(port('{port: mysql}'), 'destination-unknown');
    const workloads = [{ namespace: 'data', labels: { app: 'db' }, ports: { mysql: 3306 } }];
    equal(port('{port: mysql}', { facts: { workloads } }), 'outside-mesh');
    equal(port('{port: other}', { facts: { workloads } }), 'network-policy-ingress');
  });

  it('adds up what several policies open', () => {
    const objects = meshObjects(`
kind: NetworkPolicy
metadata: {name: a, namespace: data}
spec: {podSelector: {}, policyTypes: [Ingress]}
---
kind: NetworkPolicy
metadata: {name: b, namespace: data}
spec: {podSelector: {}, ingress: [{ports: [{port: 3306}]}]}
`);
    const model = new MeshModel(objects, FACTS);
    equal(model.verdict(MESH_CALLER, MESH_DESTINATION).why, 'outside-mesh');
    equal(
      model.verdict(MESH_CALLER, { ...MESH_DESTINATION, port: 1 }).why,
      'network-policy-ingress',
    );
  });

  it('holds the caller in its own namespace', () => {
    const confined = (to: string) => {
      const objects = meshObjects(`
kind: NetworkPolicy
metadata: {name: c, namespace: payments}
spec: {podSelector: {}, policyTypes: [Egress], egress: [{to: [${to}]}]}
`);
      return new MeshModel(objects, FACTS).verdict(MESH_CALLER, MESH_DESTINATION).why;
    };
    equal(confined('{podSelector: {}}'), 'network-policy-egress');
    equal(
      confined('{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: data}}}'),
      'outside-mesh',
    );
    equal(confined('{namespaceSelector: {matchLabels: {env: prod}}}'), 'destination-unknown');
  });

  it('sees the tunnel of an ambient mesh, and the port itself of plaintext', () => {
    const facts = { dataPlane: 'Ambient' } as const;
    const plain = { transport: 'plaintext' } as const;
    equal(why('ingress: [{ports: [{port: 3306}]}]', { facts }), 'network-policy-ingress');
    equal(why('ingress: [{ports: [{port: 3306}]}]', { facts, caller: plain }), 'no-allow-policy');
    equal(why('ingress: [{ports: [{port: 15008}]}]', { facts }), 'no-allow-policy');
    equal(
      why('ingress: [{ports: [{port: 15008}]}]', { facts, caller: plain }),
      'network-policy-ingress',
    );
  });

  it('does not know what a caller of another cluster looks like here', () => {
    equal(why(byNamespace('{env: prod}'), { caller: { cluster: 'x' } }), 'caller-unknown');
    equal(why('ingress: [{}]', { caller: { cluster: 'x' } }), 'outside-mesh');
  });

  it('does not guess what a field means that it does not know', () => {
    equal(why('ingress: [{from: [{service: a}]}]'), 'field-unknown');
    equal(why('strange: 1'), 'field-unknown');
  });
});
