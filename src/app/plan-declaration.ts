// SPDX-License-Identifier: Apache-2.0
import { settledPlan } from '../broker/apply-plan.ts';
import type { Declaration } from '../broker/declaration-record.ts';
import { databaseScope } from '../broker/installation.ts';
import type { ObjectPlan } from '../compile/kube/plan.ts';
import { planForCluster } from '../kube/apply.ts';
import type { Target } from '../policy/policy.ts';
import { type AccessOutlook, accessOutlook, type PlannedDatabase } from './access-outlook.ts';
import type { ClusterLayer, Layers } from './layers.ts';
import { eachCluster, eachDatabase, type LayerAccess, type Reached } from './survey.ts';

/** What is to be planned or applied, where, and as whom. */
export interface PlanRequest {
  readonly declaration: Declaration;
  readonly layers: Layers;
  readonly access: LayerAccess;
  /** ms since the epoch. */
  readonly nowMs: number;
  /** Where files of a declaration that was applied before are taken to be. */
  readonly cwd: string;
}

export interface PlannedCluster {
  readonly server: string;
  readonly plan: ObjectPlan;
}

export interface DeclarationPlan {
  readonly clusters: readonly Reached<ClusterLayer, PlannedCluster>[];
  readonly databases: readonly Reached<Target, PlannedDatabase>[];
  /** Of the databases that were reached. */
  readonly access: AccessOutlook;
}

/** Looks at every layer, in parallel, and changes nothing. Never rejects for what a layer answers. */
export async function planDeclaration(request: PlanRequest): Promise<DeclarationPlan> {
  const { declaration, layers, access } = request;
  const { policy } = declaration;
  const [clusters, databases] = await Promise.all([
    eachCluster(layers.clusters, access.clusters, async (client, { input }) => ({
      server: client.server,
      plan: await planForCluster(client, input),
    })),
    eachDatabase(
      layers.databases,
      (target) => access.administrator(target),
      async (connection, target): Promise<PlannedDatabase> => {
        const scope = databaseScope(policy, target);
        const { plan, observed } = await settledPlan(connection, scope);
        const applied = observed.registry.applied.find(({ broker }) => broker === scope.broker);
        return { plan, ...(applied && { applied }) };
      },
    ),
  ]);
  const looked = databases.flatMap((one) =>
    'found' in one ? [[one.of.id, one.found] as const] : [],
  );
  return { clusters, databases, access: accessOutlook(policy, new Map(looked), request) };
}
