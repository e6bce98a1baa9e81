// SPDX-License-Identifier: Apache-2.0
import type { KubeObject } from '../compile/kube/object.ts';
import type { Kind } from './apply.ts';
import type { KubeClient } from './client.ts';

/** Kinds of which any object, whosever it is, can decide who reaches whom. */
const DECIDING: readonly Kind[] = [
  { apiVersion: 'v1', kind: 'Namespace' },
  { apiVersion: 'v1', kind: 'Service' },
  { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy' },
  { apiVersion: 'security.istio.io/v1', kind: 'AuthorizationPolicy' },
  { apiVersion: 'security.istio.io/v1', kind: 'PeerAuthentication' },
  { apiVersion: 'security.istio.io/v1', kind: 'RequestAuthentication' },
  { apiVersion: 'networking.istio.io/v1', kind: 'Sidecar' },
  { apiVersion: 'networking.istio.io/v1', kind: 'ServiceEntry' },
  { apiVersion: 'networking.istio.io/v1alpha3', kind: 'EnvoyFilter' },
  { apiVersion: 'extensions.istio.io/v1alpha1', kind: 'WasmPlugin' },
  { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'Gateway' },
  { apiVersion: 'policy.networking.k8s.io/v1alpha1', kind: 'AdminNetworkPolicy' },
  { apiVersion: 'policy.networking.k8s.io/v1alpha1', kind: 'BaselineAdminNetworkPolicy' },
];
/** Where istiod leaves the roots that its proxies trust, in every namespace. */
const ROOTS = { apiVersion: 'v1', kind: 'ConfigMap', name: 'istio-ca-root-cert' } as const;

export interface MeshReading {
  readonly objects: readonly KubeObject[];
  /** PEM; empty where the mesh shows none. */
  readonly roots: string;
}

/**
 * Everything in a cluster that decides who reaches the pods of these namespaces. Reads only; a kind
 * that the cluster does not serve has no objects. Rejects as the client does.
 */
export async function readMesh(
  client: KubeClient,
  { podsIn, rootsIn }: { readonly podsIn: readonly string[]; readonly rootsIn: string },
): Promise<MeshReading> {
  const objects: KubeObject[] = [];
  for (const kind of DECIDING) {
    if (!(await client.serves(kind.apiVersion, kind.kind))) continue;
    objects.push(...(await client.list(kind)).items);
  }
  for (const namespace of new Set(podsIn)) {
    objects.push(...(await client.list({ apiVersion: 'v1', kind: 'Pod', namespace })).items);
  }
  const roots = await client.get({ ...ROOTS, namespace: rootsIn });
  const data = roots?.['data'] as Readonly<Record<string, string>> | undefined;
  return { objects, roots: data?.['root-cert.pem'] ?? '' };
}
