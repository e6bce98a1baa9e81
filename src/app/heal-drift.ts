// SPDX-License-Identifier: Apache-2.0
import { applyDatabase } from '../broker/apply-plan.ts';
import { databaseScope } from '../broker/installation.ts';
import { objectKey } from '../compile/kube/object.ts';
import { planObjects } from '../compile/kube/plan.ts';
import { takenBack } from '../compile/kube/taken-back.ts';
import { applyPlan, observeObjects } from '../kube/apply.ts';
import type { KubeClient } from '../kube/client.ts';
import { clusterDrift } from '../kube/drift.ts';
import type { Policy, Target } from '../policy/policy.ts';
import type { ClusterLayer, Layers } from './layers.ts';
import { eachCluster, eachDatabase, type LayerAccess, type Reached } from './survey.ts';

export interface HealRun {
  /** After each step: the layer, and what was done there. */
  progress(layer: string, step: string): void;
}

/** What stopped a layer, or what the declaration names and the database does not have. */
export interface Healed {
  readonly clusters: readonly Reached<ClusterLayer, number>[];
  readonly databases: readonly Reached<Target, readonly string[]>[];
}

/**
 * Puts right what is ours and was changed by somebody else, and nothing that is only declared anew:
 * that is for `postern apply`. Every step may be repeated. Never rejects for what a layer answers.
 */
export async function healDrift(
  policy: Policy,
  layers: Layers,
  access: LayerAccess,
  run: HealRun,
): Promise<Healed> {
  const [clusters, databases] = await Promise.all([
    eachCluster(layers.clusters, access.clusters, (client, layer) =>
      healCluster(client, layer, run),
    ),
    eachDatabase(
      layers.databases,
      (target) => access.administrator(target),
      async (connection, target) => {
        const scope = databaseScope(policy, target);
        const report = await applyDatabase(connection, scope, {
          only: ({ cause }) => cause === 'drift',
          progress: ({ code, place }) => run.progress(target.id, `${code}: ${place}`),
        });
        const blocked = report.left.blocked.map(({ place, text }) => `${place}: ${text}`);
        return [...blocked, ...report.missing.map(({ problem }) => problem)];
      },
    ),
  ]);
  return { clusters, databases };
}

/** The number of objects that were put right. */
async function healCluster(
  client: KubeClient,
  { cluster, input }: ClusterLayer,
  run: HealRun,
): Promise<number> {
  const drifted = await clusterDrift(client, input);
  const isAhead = ({ kind, changes }: (typeof drifted)[number]) =>
    kind === 'edited' && changes.every(({ ours }) => ours);
  const changed = drifted.filter((one) => !isAhead(one));
  const wanted = new Set(changed.map(({ reference }) => objectKey(reference)));
  const observed = await observeObjects(client, input);
  const { steps } = planObjects({ ...input, observed });
  const ours = [...steps, ...takenBack(changed, steps)].filter(({ reference }) =>
    wanted.has(objectKey(reference)),
  );
  // What blocks is somebody else's, and is not among the steps.
  await applyPlan(
    client,
    input.installation,
    { steps: ours, obstacles: [] },
    {
      forceConflicts: true,
      onStep: ({ action, reference }) => {
        const { kind, namespace, name } = reference;
        const place = namespace === undefined ? name : `${namespace}/${name}`;
        run.progress(cluster.name, `${action}: ${kind} ${place}`);
      },
    },
  );
  return ours.length;
}
