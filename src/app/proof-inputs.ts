// SPDX-License-Identifier: Apache-2.0
import { databaseScope } from '../broker/installation.ts';
import { observe } from '../broker/observe.ts';
import type { CompiledCluster } from '../compile/istio/compile-cluster.ts';
import { databases } from '../compile/istio/database.ts';
import { readMesh } from '../kube/read-mesh.ts';
import type { PosternError } from '../model/errors.ts';
import { rootsIn, rootsOf } from '../policy/bundle-overlap.ts';
import type { Policy } from '../policy/policy.ts';
import type { DatabaseInput } from '../prove/database-input.ts';
import { declaredMesh } from '../prove/declared-mesh.ts';
import { liveMesh } from '../prove/live-mesh.ts';
import type { MeshInput } from '../prove/mesh-input.ts';
import type { Layers } from './layers.ts';
import { eachCluster, eachDatabase, type LayerAccess } from './survey.ts';

export interface ProofInputs {
  readonly meshes: readonly MeshInput[];
  readonly databases: ReadonlyMap<string, DatabaseInput>;
  /** What was to be read and could not be. */
  readonly unread: readonly { readonly place: string; readonly problem: PosternError }[];
}

/**
 * What a proof looks at: what is rendered and would be granted, or with `live` what the API servers
 * and databases show. Changes nothing; what cannot be read is told and left out.
 */
export async function proofInputs(
  policy: Policy,
  layers: Layers,
  live: LayerAccess | undefined,
): Promise<ProofInputs> {
  if (live) return liveInputs(policy, layers, live);
  const meshes: MeshInput[] = [];
  for (const { cluster, compiled } of layers.clusters) {
    const { context, artifacts } = compiled;
    if (!context) continue;
    const trusts = await trustedClusters(policy, context, await rootsOf(cluster.bundle));
    meshes.push(declaredMesh(context, artifacts, trusts));
  }
  const servers = layers.databases.map((target) => {
    return [
      target.id,
      { source: 'declared' as const, scope: databaseScope(policy, target) },
    ] as const;
  });
  return { meshes, databases: new Map(servers), unread: [] };
}

async function liveInputs(
  policy: Policy,
  layers: Layers,
  access: LayerAccess,
): Promise<ProofInputs> {
  const [clusters, servers] = await Promise.all([
    eachCluster(layers.clusters, access.clusters, async (client, { cluster, compiled }) => {
      const { context, artifacts } = compiled;
      if (!context) return [];
      const { namespace } = context.gateway;
      const pods = databases(context).map((one) => one.pods.namespace);
      const reading = await readMesh(client, { podsIn: [namespace, ...pods], rootsIn: namespace });
      const shown = rootsIn(reading.roots);
      const roots = shown.size > 0 ? shown : await rootsOf(cluster.bundle);
      const trusts = await trustedClusters(policy, context, roots);
      return [liveMesh(context, artifacts, reading, trusts)];
    }),
    eachDatabase(
      layers.databases,
      (target) => access.administrator(target),
      async (connection, target) => ({
        source: 'live' as const,
        scope: databaseScope(policy, target),
        observed: await observe(connection, target.id),
      }),
    ),
  ]);
  const found = new Map<string, DatabaseInput>();
  const unread: { place: string; problem: PosternError }[] = [];
  for (const one of clusters) {
    if ('problem' in one)
      unread.push({ place: `mesh ${one.of.cluster.name}`, problem: one.problem });
  }
  for (const one of servers) {
    if ('found' in one) found.set(one.of.id, one.found);
    else unread.push({ place: `database ${one.of.id}`, problem: one.problem });
  }
  const meshes = clusters.flatMap((one) => ('found' in one ? one.found : []));
  return { meshes, databases: found, unread };
}

/** Other clusters of which a certificate would verify in this mesh. */
async function trustedClusters(
  policy: Policy,
  { cluster }: NonNullable<CompiledCluster['context']>,
  roots: ReadonlySet<string>,
): Promise<ReadonlySet<string>> {
  const trusted = new Set<string>();
  for (const other of policy.clusters.values()) {
    if (other.name === cluster.name) continue;
    const theirs = await rootsOf(other.bundle);
    if ([...theirs].some((root) => roots.has(root))) trusted.add(other.name);
  }
  return trusted;
}
