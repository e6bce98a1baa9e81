// SPDX-License-Identifier: Apache-2.0
import type { DesiredObject, JsonObject } from '../../src/compile/kube/object.ts';

const rules = [
  { name: 'Target/shop/orders', position: { file: 'orders.yaml', line: 4, column: 1 } },
] as unknown as DesiredObject['rules'];

/** Objects that any cluster takes: no custom resources among them. */
export function sampleObjects(namespace: string): DesiredObject[] {
  const podSelector = { matchLabels: { app: 'postern' } };
  const port = (name: string, number: number) => {
    return { name, port: number, protocol: 'TCP', targetPort: number };
  };
  const service = {
    selector: { app: 'postern' },
    ports: [port('mysql', 3306), port('health', 9000)],
  };
  const policy = {
    podSelector,
    policyTypes: ['Ingress'],
    ingress: [{ from: [{ podSelector }], ports: [{ port: 3306, protocol: 'TCP' }] }],
  };
  const inside = (apiVersion: string, kind: string, name: string, content: JsonObject) => {
    return { object: { apiVersion, kind, metadata: { name, namespace }, ...content }, rules };
  };
  return [
    { object: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }, rules },
    inside('v1', 'ServiceAccount', 'postern', { automountServiceAccountToken: false }),
    inside('v1', 'ConfigMap', 'settings', {
      data: { 'postern.yaml': 'listeners: []\n', mode: 'strict' },
    }),
    inside('v1', 'Service', 'orders', { spec: service }),
    inside('networking.k8s.io/v1', 'NetworkPolicy', 'only-postern', { spec: policy }),
  ];
}

export const SAMPLE_KINDS = [
  { apiVersion: 'v1', kind: 'Namespace' },
  { apiVersion: 'v1', kind: 'ServiceAccount' },
  { apiVersion: 'v1', kind: 'ConfigMap' },
  { apiVersion: 'v1', kind: 'Service' },
  { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy' },
];
