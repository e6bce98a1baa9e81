// SPDX-License-Identifier: Apache-2.0
import { parse } from 'yaml';
import * as z from 'zod';
import type { KubeObject } from '../compile/kube/object.ts';
import { PosternError } from '../model/errors.ts';
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
  { apiVersion: 'policy.networking.k8s.io/v1alpha2', kind: 'ClusterNetworkPolicy' },
  // Of network plugins: what they allow comes on top of what NetworkPolicies do.
  { apiVersion: 'cilium.io/v2', kind: 'CiliumNetworkPolicy' },
  { apiVersion: 'cilium.io/v2', kind: 'CiliumClusterwideNetworkPolicy' },
  { apiVersion: 'crd.projectcalico.org/v1', kind: 'NetworkPolicy' },
  { apiVersion: 'crd.projectcalico.org/v1', kind: 'GlobalNetworkPolicy' },
];
/** Where istiod leaves the roots that its proxies trust, in every namespace. */
const ROOTS = { apiVersion: 'v1', kind: 'ConfigMap', name: 'istio-ca-root-cert' } as const;

/** Where istiod reads what holds for the whole mesh. */
const MESH_ROOT = 'istio-system';
const MESH_CONFIG = { apiVersion: 'v1', kind: 'ConfigMap', name: 'istio' } as const;

/** What of the mesh's own configuration decides who is who; absent: the mesh's default. */
const meshConfig = z.object({
  trustDomain: z.string().optional(),
  trustDomainAliases: z.array(z.string()).optional(),
  rootNamespace: z.string().optional(),
  outboundTrafficPolicy: z
    .object({ mode: z.enum(['ALLOW_ANY', 'REGISTRY_ONLY']).optional() })
    .optional(),
});
export type MeshConfig = z.infer<typeof meshConfig>;

export interface MeshReading {
  readonly objects: readonly KubeObject[];
  /** Undefined: the cluster shows none. */
  readonly config?: MeshConfig;
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
  const shown = await client.get({ ...MESH_CONFIG, namespace: MESH_ROOT });
  const config = textOf(shown, 'mesh');
  return {
    objects,
    roots: textOf(roots, 'root-cert.pem') ?? '',
    ...(config !== undefined && { config: readConfig(config, client.server) }),
  };
}

function textOf(configMap: KubeObject | undefined, key: string): string | undefined {
  const data = configMap?.['data'] as Readonly<Record<string, string>> | undefined;
  return data?.[key];
}

/** What cannot be read could say anything about who is trusted. */
function readConfig(text: string, server: string): MeshConfig {
  const reading = meshConfig.safeParse(parse(text) ?? {});
  if (reading.success) return reading.data;
  const action = 'show a mesh configuration that can be read';
  throw new PosternError('cluster-refused', { server, action, problem: reading.error.message });
}
