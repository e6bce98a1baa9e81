// SPDX-License-Identifier: Apache-2.0
import { examineDatabase } from '../broker/examine-database.ts';
import type { DriftFinding } from '../compile/kube/drift.ts';
import { type DeclaredPods, meshFinding } from '../compile/kube/finding.ts';
import type { KubeClient } from '../kube/client.ts';
import { clusterDrift } from '../kube/drift.ts';
import type { Finding } from '../model/finding.ts';
import type { Policy, Target } from '../policy/policy.ts';
import type { ClusterLayer, Layers } from './layers.ts';
import { eachCluster, eachDatabase, type LayerAccess, type Reached } from './survey.ts';

/** What differs on each layer; one that cannot be looked at keeps nobody else from it. */
export interface DriftSurvey {
  readonly clusters: readonly Reached<ClusterLayer, readonly Finding[]>[];
  readonly databases: readonly Reached<Target, readonly Finding[]>[];
}

/** Looks at every layer at once and changes nothing; never rejects. */
export async function lookForDrift(
  policy: Policy,
  layers: Layers,
  access: LayerAccess,
): Promise<DriftSurvey> {
  const [clusters, databases] = await Promise.all([
    eachCluster(layers.clusters, access.clusters, (client, layer) =>
      clusterFindings(client, policy, layer),
    ),
    eachDatabase(
      layers.databases,
      (target) => access.administrator(target),
      (connection, target) => examineDatabase(connection, policy, target),
    ),
  ]);
  return { clusters, databases };
}

/** Rejects as `clusterDrift` does. */
export async function clusterFindings(
  client: KubeClient,
  policy: Policy,
  { cluster, input }: ClusterLayer,
): Promise<readonly Finding[]> {
  const found = await clusterDrift(client, input);
  const context = {
    cluster: cluster.name,
    installation: input.installation,
    podsOf: (one: DriftFinding) => podsOf(one, policy, cluster.name),
  };
  return found.map((one) => meshFinding(one, context));
}

function podsOf(
  { rules }: DriftFinding,
  { targets, clusters }: Policy,
  cluster: string,
): DeclaredPods | undefined {
  const { trustDomain = '', trustDomainAliases = [] } = clusters.get(cluster) ?? {};
  for (const { id, system } of targets.values()) {
    const pods = 'pods' in system ? system.pods : undefined;
    if (pods?.cluster !== cluster) continue;
    const { file, line } = pods.rule.position;
    const isMeant = rules.some(({ position }) => position.file === file && position.line === line);
    if (!isMeant) continue;
    return { document: `Target/${id}`, trustDomains: [trustDomain, ...trustDomainAliases] };
  }
  return undefined;
}
