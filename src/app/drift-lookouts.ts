// SPDX-License-Identifier: Apache-2.0
import { MESH_KINDS } from '../compile/istio/desired-objects.ts';
import { MANAGED_BY, MANAGED_BY_LABEL } from '../compile/kube/object.ts';
import type { Settings } from '../config/settings.ts';
import { KubeClient } from '../kube/client.ts';
import { NEIGHBOURS } from '../kube/drift.ts';
import { watchObjects } from '../kube/watch.ts';
import type { Clock } from '../model/clock.ts';
import { PosternError, problemText } from '../model/errors.ts';
import type { Log } from '../model/log.ts';
import type { Cluster, Policy } from '../policy/policy.ts';
import { type ClusterAccess, connectionTo } from './cluster-connection.ts';
import type { Lookout } from './drift-monitor.ts';
import { examineTarget } from './examine-target.ts';
import { type ClusterLayer, layersOf } from './layers.ts';
import { clusterFindings } from './look-for-drift.ts';

type ClusterSettings = Settings['drift']['clusters'][number];

/** Every place that a gateway with these settings can look at under this declaration. */
export function lookoutsOf(
  policy: Policy,
  settings: Settings,
  clock: Clock,
  log: Log,
): readonly Lookout[] {
  const clusters = settings.drift.clusters.flatMap((given) => {
    const cluster = policy.clusters.get(given.name);
    return cluster?.istio ? [clusterLookout(policy, cluster, { given, settings, clock, log })] : [];
  });
  return [...databaseLookouts(policy, settings.limits.targetTimeout), ...clusters];
}

/** Those with a reader account. */
function databaseLookouts(policy: Policy, deadlineMs: number): readonly Lookout[] {
  return [...policy.targets.values()]
    .filter(({ system }) => system.type === 'mariadb' && system.reader !== undefined)
    .map((target) => ({
      layer: 'database',
      where: target.id,
      examine: () => examineTarget(policy, target, deadlineMs),
    }));
}

interface ClusterParts {
  readonly given: ClusterSettings;
  readonly settings: Settings;
  readonly clock: Clock;
  readonly log: Log;
}

function clusterLookout(policy: Policy, cluster: Cluster, parts: ClusterParts): Lookout {
  const { given, settings, clock, log } = parts;
  const connect = () => new KubeClient(connectionTo(cluster, accessOf(given)));
  return {
    layer: 'mesh',
    where: cluster.name,
    examine: async () => {
      // Compiled anew each time: a Grant that has ended opens nothing any more.
      const layer = layerOf(policy, cluster, settings.instance, clock.now());
      const client = connect();
      try {
        return await clusterFindings(client, policy, layer);
      } finally {
        client.close();
      }
    },
    watch: async (changed, stop) => {
      const client = connect();
      try {
        await watchEverything(client, changed, stop, {
          again: (problem) =>
            log.debug('a watch is begun again', { cluster: cluster.name, problem }),
          // The looks at intervals go on, and so do the other watches.
          ended: (kind, problem) =>
            log.warn('a watch ended', { cluster: cluster.name, kind, problem }),
        });
      } finally {
        client.close();
      }
    },
  };
}

function accessOf({ name, kubeconfig, context }: ClusterSettings): ClusterAccess {
  const contexts = new Map(context === undefined ? [] : [[name, context]]);
  if (kubeconfig === undefined) return { environment: process.env, contexts, inCluster: name };
  return { environment: { KUBECONFIG: kubeconfig }, contexts };
}

/** Throws `policy-invalid` when it does not compile: from half a mesh nothing can be concluded. */
function layerOf(policy: Policy, { name }: Cluster, instance: string, nowMs: number): ClusterLayer {
  const choice = { clusters: [name], targets: [] };
  const { layers, diagnostics } = layersOf(policy, choice, { instance, nowMs });
  const count = diagnostics.filter(({ severity }) => severity === 'error').length;
  const [layer] = layers.clusters;
  if (count > 0 || !layer) throw new PosternError('policy-invalid', { count: Math.max(1, count) });
  return layer;
}

interface WatchTold {
  again(problem: string): void;
  /** Of that kind nothing more is heard. */
  ended(kind: string, problem: string): void;
}

/** Objects with our label; of kinds that open what ours close, those of everybody. */
async function watchEverything(
  client: KubeClient,
  changed: () => void,
  stop: AbortSignal,
  told: WatchTold,
): Promise<void> {
  const labelSelector = `${MANAGED_BY_LABEL}=${MANAGED_BY}`;
  const watch = async (kind: (typeof MESH_KINDS)[number]) => {
    if (!(await client.serves(kind.apiVersion, kind.kind))) return;
    const ofAll = NEIGHBOURS.some((one) => one.kind === kind.kind);
    const selection = ofAll ? kind : { ...kind, labelSelector };
    const onTrouble = ({ message }: PosternError) => told.again(message);
    let first = true;
    for await (const _ of watchObjects(client, selection, stop, { onTrouble })) {
      // The first is what was there already.
      if (!first) changed();
      first = false;
    }
  };
  await Promise.all(
    MESH_KINDS.map((kind) =>
      watch(kind).catch((cause: unknown) => {
        if (!stop.aborted) told.ended(kind.kind, problemText(cause));
      }),
    ),
  );
}
