// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, ok } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { schemaFaults } from '../../../test/support/structural-schema.ts';
import { settingsSchema } from '../../config/settings.ts';
import { checkSources } from '../../policy/check.ts';
import { artifactId, type Plain, plainObject } from '../istio/artifact.ts';
import { compileCluster } from '../istio/compile-cluster.ts';
import { installation } from './installation.ts';
import { materialsOf } from './material-file.ts';

const declaration = (dataPlane: string, tokens = '') => `
apiVersion: postern.dev/v1alpha1
kind: Cluster
metadata: {name: prod}
spec:
  bundle: {file: /policy/ca.pem}
  ${tokens}
  istio: {version: "1.29", dataPlane: ${dataPlane}, gateway: {namespace: gate, serviceAccount: door}}
---
apiVersion: postern.dev/v1alpha1
kind: Target
metadata: {name: orders, namespace: data, labels: {app: orders}}
spec:
  expose: {port: 3306}
  mariadb:
    endpoints: [{host: db.example}]
    tls: {ca: {file: /policy/ca.pem}}
    broker: {user: broker, password: {env: ORDERS_PASSWORD}}
    schemas: [shop]
---
apiVersion: postern.dev/v1alpha1
kind: Grant
metadata: {name: g, namespace: data}
spec: {subjects: [{serviceAccount: prod/a/b}], targetSelector: {matchLabels: {app: orders}}, role: reader}
`;

function install(dataPlane: string, tokens?: string) {
  const text = declaration(dataPlane, tokens);
  const { policy } = checkSources([{ path: 'p.yaml', text }], { nowMs: 0 });
  const cluster = policy?.clusters.get('prod');
  const context = policy && cluster && compileCluster(policy, cluster, 0).context;
  ok(policy && context);
  const materials = materialsOf(policy);
  const artifacts = installation(context, {
    image: 'postern:1',
    replicas: 2,
    storage: '10Gi',
    documents: [{ key: 'k-p.yaml', path: 'p.yaml', text }],
    files: [{ key: 'k-ca.pem', path: 'ca.pem' }],
    variables: materials.variables,
    readsOwnToken: false,
  });
  const objects = new Map(artifacts.map((one) => [artifactId(one), plainObject(one)]));
  return { objects, materials };
}

type Tree = { readonly [key: string]: Plain };
const at = (value: Plain | undefined, ...path: readonly string[]): Plain | undefined =>
  path.reduce<Plain | undefined>((inner, key) => (inner as Tree | undefined)?.[key], value);

function settingsOf(dataPlane: string) {
  const map = install(dataPlane).objects.get('ConfigMap/gate/postern-settings');
  return settingsSchema.parse(JSON.parse(String(at(map, 'data', 'postern.yaml'))));
}

describe('installation', () => {
  it('fits the published schemas, for each data plane', () => {
    for (const dataPlane of ['Sidecar', 'Ambient', 'None']) {
      for (const [id, object] of install(dataPlane).objects) {
        deepEqual(schemaFaults(object), [], `${dataPlane} ${id}`);
      }
    }
  });

  it('has settings that the gateway takes, with the listener of the data plane', () => {
    equal(settingsOf('Sidecar').listeners[0]?.accept, 'MeshTls');
    equal(settingsOf('None').listeners[0]?.accept, 'ProtocolTls');
    const [ztunnel] = settingsOf('Ambient').listeners;
    deepEqual([ztunnel?.accept, ztunnel?.target], ['ProxyV2', 'data/orders']);
    deepEqual(ztunnel?.address, { host: '127.0.0.1', port: 15_088 });
  });

  it('takes the port away from the sidecar, which would hide who calls', () => {
    const set = install('Sidecar').objects.get('StatefulSet/gate/postern');
    const annotations = at(set, 'spec', 'template', 'metadata', 'annotations') as Tree;
    equal(annotations['traffic.sidecar.istio.io/excludeInboundPorts'], '3306');
  });

  it('is selected by every object that means the gateway', () => {
    for (const dataPlane of ['Sidecar', 'Ambient', 'None']) {
      const { objects } = install(dataPlane);
      const set = objects.get('StatefulSet/gate/postern');
      const labels = at(set, 'spec', 'template', 'metadata', 'labels') as Tree;
      for (const id of ['Service/gate/postern', 'PodDisruptionBudget/gate/postern']) {
        const selector = at(objects.get(id), 'spec', 'selector') as Tree;
        const wanted = (selector['matchLabels'] ?? selector) as Tree;
        for (const [key, value] of Object.entries(wanted)) equal(labels[key], value, id);
      }
    }
  });

  it('asks for one right, and only where tokens are reviewed', () => {
    const rights = (tokens?: string) =>
      [...install('None', tokens).objects.keys()].filter((id) => /Role/.test(id));
    deepEqual(rights(), []);
    const review =
      'tokenReview: {server: "https://api:6443", ca: {file: /policy/ca.pem}, token: {file: /policy/t}}';
    const tokens = `serviceAccountTokens: {issuer: "https://i.example", audiences: [postern], ${review}}`;
    deepEqual(rights(tokens), ['ClusterRoleBinding/postern-token-review']);
  });

  it('names what must be mounted, and prints no secret', () => {
    const { objects, materials } = install('None');
    deepEqual(materials, { files: ['/policy/ca.pem'], variables: ['ORDERS_PASSWORD'] });
    ok([...objects.keys()].every((id) => !id.startsWith('Secret/')));
  });
});
