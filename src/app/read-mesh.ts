// SPDX-License-Identifier: Apache-2.0
import { KubeClient } from '../kube/client.ts';
import { chooseConnection } from '../kube/kubeconfig.ts';
import { PosternError } from '../model/errors.ts';

const KINDS: readonly (readonly [apiVersion: string, kind: string])[] = [
  ['v1', 'Namespace'],
  ['v1', 'Service'],
  ['v1', 'ServiceAccount'],
  ['apps/v1', 'Deployment'],
  ['apps/v1', 'StatefulSet'],
  ['security.istio.io/v1', 'AuthorizationPolicy'],
  ['security.istio.io/v1', 'PeerAuthentication'],
  ['security.istio.io/v1', 'RequestAuthentication'],
  ['networking.istio.io/v1', 'ServiceEntry'],
];

/** What the API server writes into every object and nobody declared. */
const OF_THE_SERVER = new Set([
  'managedFields',
  'resourceVersion',
  'uid',
  'creationTimestamp',
  'generation',
  'annotations',
]);

/**
 * The objects of a cluster as texts, one for each, as `kubectl get -o json` has them. Rejects as the
 * client does, and with `cluster-unfit` where Istio is not installed.
 */
export async function readMeshOf(
  kubeContext: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<readonly { readonly path: string; readonly text: string }[]> {
  const client = new KubeClient(chooseConnection({ environment, context: kubeContext }));
  const sources: { path: string; text: string }[] = [];
  try {
    for (const [apiVersion, kind] of KINDS) {
      if (!(await client.serves(apiVersion, kind))) {
        // Of a kind that is not served there is nothing; without policies there is no mesh at all.
        if (kind !== 'AuthorizationPolicy') continue;
        throw new PosternError('cluster-unfit', { server: client.server, kind, apiVersion });
      }
      const { items } = await client.list({ apiVersion, kind });
      for (const item of items) {
        const { metadata } = item;
        const kept = Object.entries(metadata).filter(([key]) => !OF_THE_SERVER.has(key));
        const dryRun = metadata.annotations?.['istio.io/dry-run'];
        const annotations =
          dryRun === undefined ? {} : { annotations: { 'istio.io/dry-run': dryRun } };
        const { status: _, ...object } = item as typeof item & { status?: unknown };
        const shown = {
          ...object,
          apiVersion,
          kind,
          metadata: { ...Object.fromEntries(kept), ...annotations },
        };
        const path = `${kind}/${metadata.namespace ?? ''}/${metadata.name}`;
        sources.push({ path, text: JSON.stringify(shown, null, 2) });
      }
    }
  } finally {
    client.close();
  }
  return sources;
}
