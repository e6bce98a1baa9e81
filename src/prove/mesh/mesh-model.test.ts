// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal } from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  MESH_CALLER,
  MESH_DESTINATION,
  MESH_FACTS,
  meshObjects,
  policy,
} from '../../../test/support/mesh-objects.ts';
import { Traced } from '../../compile/istio/artifact.ts';
import type { MeshCaller, MeshDestination } from './mesh-call.ts';
import { type MeshFacts, type MeshObject, meshObject, rulesAt } from './mesh-facts.ts';
import { MeshModel } from './mesh-model.ts';

interface Call {
  readonly facts?: Partial<MeshFacts>;
  readonly caller?: Partial<MeshCaller>;
  readonly to?: Partial<MeshDestination>;
}

function verdict(objects: readonly MeshObject[], { facts, caller, to }: Call = {}) {
  const model = new MeshModel(objects, { ...MESH_FACTS, ...facts });
  return model.verdict({ ...MESH_CALLER, ...caller }, { ...MESH_DESTINATION, ...to });
}

const why = (objects: readonly MeshObject[], call?: Call) => verdict(objects, call).why;

const ports = [{ operation: { ports: ['3306'] } }];
const from = (source: object) => [{ source }];
const CHECKOUT = 'cluster.local/ns/payments/sa/checkout';
const AMBIENT = { dataPlane: 'Ambient' } as const;
const PLAIN = { transport: 'plaintext' } as const;
const STRICT = meshObjects(`
kind: PeerAuthentication
metadata: {name: strict, namespace: data}
spec: {mtls: {mode: STRICT}}
`);

describe('mesh-model', () => {
  it('allows where nothing says anything', () => {
    equal(
      why(meshObjects('{kind: Service, metadata: {name: a, namespace: data}}')),
      'no-allow-policy',
    );
    equal(why([], { facts: { dataPlane: 'None' } }), 'outside-mesh');
  });

  it('does not guess what a kind or field means that it does not know', () => {
    const filter = (namespace: string) =>
      meshObjects(`
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: a, namespace: ${namespace}}
`);
    for (const namespace of ['data', 'istio-system']) {
      const { effect, why: reason, detail } = verdict(filter(namespace));
      deepEqual([effect, reason], ['unknown', 'kind-unknown']);
      equal(detail, 'EnvoyFilter of networking.istio.io/v1alpha3');
    }
    equal(why(filter('other')), 'no-allow-policy');
    const misspelt = [policy('a', { rules: [{ from: from({ principls: ['a'] }), to: ports }] })];
    const { why: reason, detail, object } = verdict(misspelt);
    deepEqual(
      [reason, detail, object?.name],
      ['field-unknown', 'spec/rules/0/from/0/source/principls', 'a'],
    );
    equal(why([policy('a', { action: 'Deny', rules: [{}] })]), 'field-unknown');
    equal(why([policy('a', { rules: [{}], extra: 1 })]), 'field-unknown');
  });

  it('keeps a denial that does not depend on what is unknown', () => {
    const deny = policy('d', { action: 'DENY', rules: [{ to: ports }] });
    equal(why([policy('a', { rules: [{ strange: 1 }] }), deny]), 'deny-rule');
    const [other] = meshObjects('{apiVersion: x.io/v1, kind: Guard, metadata: {name: g}}');
    equal(why([...(other ? [other] : []), deny]), 'deny-rule');
  });

  it('knows the declaration line of a part', () => {
    const rule = (name: string) => ({ name, position: { file: 'p.yaml', line: 1, column: 1 } });
    const traced = meshObject({
      apiVersion: 'security.istio.io/v1',
      kind: 'AuthorizationPolicy',
      metadata: { name: 'a', namespace: 'data', labels: {} },
      rules: [rule('Target/b/t')],
      content: {
        spec: {
          rules: [
            { to: [{ operation: { ports: ['1'] } }] },
            new Traced({ from: [{ source: { principals: [CHECKOUT] } }] }, [rule('Grant/b/g')]),
          ],
        },
      },
    });
    deepEqual(rulesAt(traced, 'spec/rules/1/from'), [rule('Grant/b/g')]);
    deepEqual(rulesAt(traced, 'spec/rules/0'), [rule('Target/b/t')]);
    const { why: reason, rules } = verdict([traced]);
    deepEqual([reason, rules], ['allow-rule', [rule('Grant/b/g')]]);
  });

  it('refuses plaintext by the narrowest mode, and a port without TLS shows no name', () => {
    const workload = (spec: string) => [
      ...STRICT,
      ...meshObjects(`
kind: PeerAuthentication
metadata: {name: own, namespace: data}
spec: {selector: {matchLabels: {app: db}}, ${spec}}
`),
    ];
    const plain = (objects: readonly MeshObject[], call?: Call) =>
      why(objects, { ...call, caller: PLAIN });
    equal(plain(STRICT), 'plaintext-refused');
    equal(plain(workload('mtls: {mode: UNSET}')), 'plaintext-refused');
    equal(plain(workload('mtls: {mode: PERMISSIVE}')), 'no-allow-policy');
    equal(plain(workload('portLevelMtls: {"3306": {mode: PERMISSIVE}}')), 'no-allow-policy');
    equal(plain(workload('portLevelMtls: {"3307": {mode: PERMISSIVE}}')), 'plaintext-refused');
    const disabled = workload('portLevelMtls: {"3306": {mode: DISABLE}}');
    const allow = policy('a', { rules: [{ from: from({ principals: ['*'] }) }] });
    equal(why([...disabled, allow]), 'no-allow-rule');
    // ztunnel: DISABLE among STRICT ports alone is not looked for.
    equal(plain(disabled, { facts: AMBIENT }), 'plaintext-refused');
    const both = workload('portLevelMtls: {"3306": {mode: DISABLE}, "1": {mode: PERMISSIVE}}');
    equal(plain(both, { facts: AMBIENT }), 'no-allow-policy');
    equal(why([...both, allow], { facts: AMBIENT }), 'allow-rule');
  });

  it('does not choose between two policies of one scope without their age', () => {
    const two = (times: readonly string[]) =>
      times.flatMap((time, index) =>
        meshObjects(`
kind: PeerAuthentication
metadata: {name: p${index}, namespace: data${time && `, creationTimestamp: "${time}"`}}
spec: {mtls: {mode: ${index === 0 ? 'PERMISSIVE' : 'STRICT'}}}
`),
      );
    equal(why(two(['', '']), { caller: PLAIN }), 'field-unknown');
    const dated = two(['2026-01-02T00:00:00Z', '2026-01-01T00:00:00Z']);
    equal(why(dated, { caller: PLAIN }), 'plaintext-refused');
  });

  it('refuses names of other trust domains, and takes aliases for the mesh', () => {
    const spiffeId = (domain: string) => ({
      spiffeId: `spiffe://${domain}/ns/payments/sa/checkout`,
    });
    const allow = [policy('a', { rules: [{ from: from({ principals: [CHECKOUT] }) }] })];
    equal(why(allow, { caller: spiffeId('old.example') }), 'allow-rule');
    equal(why(allow, { caller: spiffeId('evil.example') }), 'trust-domain-refused');
    equal(why([], { caller: spiffeId('old.example'), facts: AMBIENT }), 'version-unknown');
    equal(why([], { caller: { cluster: 'other' } }), 'caller-unknown');
  });

  it('counts nothing but NetworkPolicy at a port that goes around the sidecar', () => {
    const deny = policy('d', { action: 'DENY', rules: [{ to: ports }] });
    const annotations = (text: string) => ({
      facts: {
        workloads: [{ namespace: 'data', labels: { app: 'db' }, annotations: JSON.parse(text) }],
      },
    });
    const excluded = '{"traffic.sidecar.istio.io/excludeInboundPorts": "15, 3306"}';
    equal(why([deny, ...STRICT], { ...annotations(excluded), caller: PLAIN }), 'outside-mesh');
    equal(why([deny], { ...annotations(excluded), to: { labels: { app: 'other' } } }), 'deny-rule');
    equal(why([deny], annotations('{"sidecar.istio.io/inject": "false"}')), 'outside-mesh');
    const some = '{"traffic.sidecar.istio.io/includeInboundPorts": "80"}';
    equal(why([deny], annotations(some)), 'outside-mesh');
    const deployment = meshObjects(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: db, namespace: data}
spec: {template: {metadata: {labels: {app: db}, annotations: ${excluded}}}}
`);
    equal(why([deny, ...deployment]), 'outside-mesh');
  });

  it('leaves what is bound to gateways to them, and takes the root namespace for the mesh', () => {
    const rules = [{ to: ports }];
    const bound = policy('t', {
      action: 'DENY',
      rules,
      targetRefs: [{ kind: 'Gateway', name: 'g' }],
    });
    equal(why([bound]), 'no-allow-policy');
    const selector = { matchLabels: { app: 'db' } };
    equal(why([policy('r', { action: 'DENY', rules, selector }, 'istio-system')]), 'deny-rule');
    equal(why([policy('r', { action: 'DENY', rules }, 'other')]), 'no-allow-policy');
    const others = { matchLabels: { app: 'x' } };
    equal(why([policy('r', { action: 'DENY', rules, selector: others })]), 'no-allow-policy');
  });

  it('bounds the host by the sidecar of a confined caller, last of all', () => {
    const confined = meshObjects(`
kind: Sidecar
metadata: {name: s, namespace: payments}
spec:
  egress: [{hosts: ["./*", "gate/db.gate.svc.cluster.local"]}]
  outboundTrafficPolicy: {mode: REGISTRY_ONLY}
`);
    const to = (host: string) => ({ to: { host } });
    equal(why(confined, to('db.gate.svc.cluster.local')), 'no-allow-policy');
    equal(why(confined, to('x.gate.svc.cluster.local')), 'egress-registry');
    equal(why(confined, to('own.payments.svc.cluster.local')), 'no-allow-policy');
    equal(why(confined, to('sql.example')), 'egress-registry');
    equal(why(confined), 'destination-unknown');
    const deny = policy('d', { action: 'DENY', rules: [{ to: ports }] });
    equal(why([...confined, deny], to('sql.example')), 'deny-rule');
    // A caller without sidecar is not held.
    equal(why(confined, { ...to('sql.example'), caller: PLAIN }), 'no-allow-policy');
  });
});
