// SPDX-License-Identifier: Apache-2.0
import { applyDatabase } from '../broker/apply-plan.ts';
import { recordStatement } from '../broker/declaration-record.ts';
import { databaseScope } from '../broker/installation.ts';
import type { ObjectPlan } from '../compile/kube/plan.ts';
import { isRemoval } from '../compile/sql/difference.ts';
import type { DatabasePlan } from '../compile/sql/plan.ts';
import { applyPlan, planForCluster } from '../kube/apply.ts';
import type { KubeClient } from '../kube/client.ts';
import type { Target } from '../policy/policy.ts';
import type { AdminConnection } from '../target/mysql/connection.ts';
import type { PlannedDatabase } from './access-outlook.ts';
import type { ClusterLayer } from './layers.ts';
import type { DeclarationPlan, PlannedCluster, PlanRequest } from './plan-declaration.ts';
import { eachCluster, eachDatabase, type Reached } from './survey.ts';

export interface ApplyRun {
  /** Take fields from other field managers instead of stopping. */
  readonly forceConflicts: boolean;
  /** After each step: the layer, and what was done there. */
  progress(layer: string, step: string): void;
}

export interface AppliedDatabase {
  readonly missing: readonly { readonly place: string; readonly problem: string }[];
  readonly left: DatabasePlan;
}

/** What came of it, for the layers that there was something to do on. */
export interface ApplyOutcome {
  /** False: something went wrong, and what would have come after it was not begun. */
  readonly finished: boolean;
  readonly clusters: readonly Reached<ClusterLayer, ObjectPlan>[];
  readonly databases: readonly Reached<Target, AppliedDatabase>[];
}

/** One look more after a round, for what changed while it ran. */
const CLUSTER_ROUNDS = 2;

/**
 * Brings every planned layer to the declaration, in an order in which nobody who may have access is
 * without it, and nobody who loses it keeps a road: what databases gain, then the clusters (denials
 * first, removals last), then what databases lose. Layers of one kind go side by side; when one
 * fails, its like finish and nothing after them begins. Every statement and request may be repeated,
 * so a run that ended anywhere is finished by another. Never rejects for what a layer answers.
 */
export async function applyDeclaration(
  request: PlanRequest,
  plan: DeclarationPlan,
  run: ApplyRun,
): Promise<ApplyOutcome> {
  const databases = found(plan.databases);
  const gaining = databases.filter(([, one]) => one.plan.steps.some((step) => !isRemoval(step)));
  const gained = await onDatabases(gaining, request, (connection, target) =>
    bringDatabase(connection, target, 'additions', request, run),
  );
  // Also where something came in its way meanwhile: no road is opened to what is not there.
  if (gained.some((one) => failed(one) || isBlocked(one))) {
    return { finished: false, clusters: [], databases: gained };
  }

  const changing = found(plan.clusters).filter(([, one]) => one.plan.steps.length > 0);
  const clusters = await onClusters(changing, request, run);
  if (clusters.some(failed)) return { finished: false, clusters, databases: gained };

  const { revision } = request.declaration.policy;
  const rest = databases.filter(
    ([, one]) => one.plan.steps.length > 0 || one.applied?.revision !== revision,
  );
  const done = await onDatabases(rest, request, async (connection, target) => {
    const outcome = await bringDatabase(connection, target, 'everything', request, run);
    const { broker } = databaseScope(request.declaration.policy, target);
    // Noted last: until then the next plan says what is still to come.
    if (isReached(outcome)) await connection.query(recordStatement(broker, request.declaration));
    return outcome;
  });
  return { finished: !done.some(failed), clusters, databases: done };
}

function isBlocked(one: Reached<Target, AppliedDatabase>): boolean {
  return 'found' in one && one.found.left.blocked.length > 0;
}

function isReached({ missing, left }: AppliedDatabase): boolean {
  return [missing, left.steps, left.waiting, left.blocked].every((list) => list.length === 0);
}

async function bringDatabase(
  connection: AdminConnection,
  target: Target,
  part: 'additions' | 'everything',
  { declaration }: PlanRequest,
  run: ApplyRun,
): Promise<AppliedDatabase> {
  const report = await applyDatabase(connection, databaseScope(declaration.policy, target), {
    part,
    progress: ({ code, place }) => run.progress(target.id, `${code}: ${place}`),
  });
  const missing = report.missing.map(({ difference, problem }) => ({
    place: difference.place,
    problem,
  }));
  return { missing, left: report.left };
}

async function bringCluster(
  client: KubeClient,
  { cluster, input }: ClusterLayer,
  plan: ObjectPlan,
  run: ApplyRun,
): Promise<ObjectPlan> {
  let left = plan;
  for (let round = 0; round < CLUSTER_ROUNDS && left.steps.length > 0; round += 1) {
    await applyPlan(client, input.installation, left, {
      forceConflicts: run.forceConflicts,
      onStep: ({ action, reference }) => {
        const { kind, namespace, name } = reference;
        const place = namespace === undefined ? name : `${namespace}/${name}`;
        run.progress(cluster.name, `${action}: ${kind} ${place}`);
      },
    });
    left = await planForCluster(client, input);
  }
  return left;
}

type Found<Of, What> = readonly (readonly [Of, What])[];

function found<Of, What>(layers: readonly Reached<Of, What>[]): Found<Of, What> {
  return layers.flatMap((one) => ('found' in one ? [[one.of, one.found] as const] : []));
}

function failed(one: Reached<unknown, unknown>): boolean {
  return 'problem' in one;
}

function onDatabases(
  chosen: Found<Target, PlannedDatabase>,
  { access }: PlanRequest,
  work: (connection: AdminConnection, target: Target) => Promise<AppliedDatabase>,
) {
  const targets = chosen.map(([target]) => target);
  return eachDatabase(targets, (target) => access.administrator(target), work);
}

function onClusters(
  chosen: Found<ClusterLayer, PlannedCluster>,
  { access }: PlanRequest,
  run: ApplyRun,
) {
  const plans = new Map(chosen.map(([layer, { plan }]) => [layer, plan]));
  return eachCluster([...plans.keys()], access.clusters, (client, layer) =>
    bringCluster(client, layer, plans.get(layer) ?? { steps: [], obstacles: [] }, run),
  );
}
