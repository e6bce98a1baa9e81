// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { differences } from './difference.ts';
import type { JsonObject, KubeObject, ManagedField } from './object.ts';

function object(kind: string, spec: JsonObject, managedFields?: ManagedField[]): KubeObject {
  const metadata = { name: 'x', namespace: 'shop', ...(managedFields && { managedFields }) };
  return {
    apiVersion: kind === 'NetworkPolicy' ? 'networking.k8s.io/v1' : 'v1',
    kind,
    metadata,
    spec,
  };
}

const fields = (desired: KubeObject, observed: KubeObject) =>
  differences(desired, observed).map(({ field }) => field);
const mine = (fieldsV1: JsonObject): ManagedField => ({
  manager: 'postern',
  operation: 'Apply',
  fieldsV1,
});

describe('difference', () => {
  const port = { name: 'mysql', port: 3306, targetPort: 3306 };
  const service = object('Service', { selector: { app: 'postern' }, ports: [port] });

  it('passes what the API server fills in, in lists that it merges by key too', () => {
    const ports = [{ ...port, protocol: 'TCP' }];
    const spec = { clusterIP: '10.0.0.1', type: 'ClusterIP', selector: { app: 'postern' }, ports };
    assert.deepEqual(fields(service, object('Service', spec)), []);
  });

  it('sees a label that others add to a selector that is one value', () => {
    const spec = { selector: { app: 'postern', more: 'x' }, ports: [port] };
    assert.deepEqual(fields(service, object('Service', spec)), ['spec.selector']);
  });

  it('drops a field of ours that is no longer declared, unless another holds it too', () => {
    const spec = { selector: { app: 'postern' }, ports: [port], type: 'NodePort' };
    const held = { 'f:spec': { 'f:type': {} } };
    assert.deepEqual(fields(service, object('Service', spec, [mine(held)])), ['spec.type']);
    const both = [mine(held), { manager: 'kubectl', operation: 'Update', fieldsV1: held }];
    assert.deepEqual(fields(service, object('Service', spec, both)), []);
  });

  it('drops a port of ours, and leaves one of others', () => {
    const health = { port: 9000, protocol: 'TCP' };
    const spec = { selector: { app: 'postern' }, ports: [port, health] };
    assert.deepEqual(fields(service, object('Service', spec)), []);
    const key = 'k:{"port":9000,"protocol":"TCP"}';
    const held = { 'f:spec': { 'f:ports': { [key]: { '.': {}, 'f:port': {} } } } };
    assert.deepEqual(fields(service, object('Service', spec, [mine(held)])), [
      'spec.ports[port=9000,protocol=TCP].port',
    ]);
  });

  it('takes every field of a NetworkPolicy for what it is: access', () => {
    const desired = object('NetworkPolicy', { podSelector: {}, policyTypes: ['Ingress'] });
    const spec = { podSelector: {}, policyTypes: ['Ingress'], ingress: [{}] };
    assert.deepEqual(fields(desired, object('NetworkPolicy', spec)), ['spec.ingress']);
  });
});
