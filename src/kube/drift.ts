// SPDX-License-Identifier: Apache-2.0
import { type DriftFinding, findDrift } from '../compile/kube/drift.ts';
import type { KubeObject } from '../compile/kube/object.ts';
import { type Kind, type ObservedInput, observeObjects } from './apply.ts';
import type { KubeClient } from './client.ts';

/** Kinds of which one object of others opens what ours close. */
export const NEIGHBOURS: readonly Kind[] = [
  { apiVersion: 'security.istio.io/v1', kind: 'AuthorizationPolicy' },
  { apiVersion: 'security.istio.io/v1', kind: 'PeerAuthentication' },
  { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy' },
];

export interface ClusterDriftInput extends ObservedInput {
  /** Where policies are for the whole mesh: `istio-system` unless the mesh says otherwise. */
  readonly meshRootNamespace?: string;
}

/** How a cluster differs from the declaration now. Reads only. */
export async function clusterDrift(
  client: KubeClient,
  input: ClusterDriftInput,
): Promise<DriftFinding[]> {
  const observed = await observeObjects(client, input);
  const namespaces = new Set<string>();
  for (const { object } of input.desired) {
    if (object.metadata.namespace !== undefined) namespaces.add(object.metadata.namespace);
  }
  if (input.meshRootNamespace !== undefined) namespaces.add(input.meshRootNamespace);
  const neighbours: KubeObject[] = [];
  for (const kind of NEIGHBOURS) {
    if (!(await client.serves(kind.apiVersion, kind.kind))) continue;
    for (const namespace of namespaces) {
      neighbours.push(...(await client.list({ ...kind, namespace })).items);
    }
  }
  return findDrift({ ...input, observed, neighbours });
}
