// SPDX-License-Identifier: Apache-2.0
import { type Command, Option } from 'commander';
import type { ClusterAccess } from '../app/cluster-connection.ts';
import { layersOf } from '../app/layers.ts';
import { PosternError } from '../model/errors.ts';
import { diagnosticsText } from '../policy/diagnostic-text.ts';
import type { Source } from '../policy/parse.ts';
import type { Policy } from '../policy/policy.ts';
import { collect, targetNamed } from './asking.ts';
import type { CommandContext } from './command.ts';
import { instanceAtHand } from './declaration.ts';

/** Which layers a command is about, and how their API servers are reached. */
export interface LayerOptions {
  /** Of Targets and Clusters; as if each had been given to its option. */
  readonly names?: readonly string[];
  readonly cluster?: readonly string[];
  readonly target?: readonly string[];
  readonly only?: 'mesh' | 'database';
  readonly context?: readonly string[];
  readonly inCluster?: string;
  readonly instance?: string;
}

export function layerOptions(command: Command): Command {
  return command
    .option('--cluster <name>', 'this Cluster, and what else is named (repeatable)', collect)
    .option('--target <name>', 'this Target, and what else is named (repeatable)', collect)
    .addOption(
      new Option('--only <layer>', 'leave the other layer alone').choices(['mesh', 'database']),
    )
    .option(
      '--context <cluster=name>',
      'context of the kubeconfig that is a Cluster (repeatable; default: the one of its name)',
      collect,
    )
    .option('--in-cluster <name>', 'the Cluster in a pod of which this runs')
    .option('--instance <name>', 'name of the installation (default: that of ./postern.yaml)');
}

/** Throws `usage` for a name that is not declared. Errors among the diagnostics: see `layersOf`. */
function chosenLayers(
  policy: Policy,
  options: LayerOptions,
  context: CommandContext,
  nowMs: number,
): ReturnType<typeof layersOf> {
  const { names = [], cluster = [], target = [] } = options;
  const isCluster = (name: string) => policy.clusters.has(name);
  const clusters = [...cluster, ...names.filter(isCluster)];
  const targets = [...target, ...names.filter((name) => !isCluster(name))];
  const choice = {
    clusters: clusters.map((name) => meshCluster(name, policy)),
    targets: targets.map((name) => targetNamed(name, policy).id),
    ...(options.only && { only: options.only }),
  };
  const instance = options.instance ?? instanceAtHand(context);
  return layersOf(policy, choice, { instance, nowMs });
}

/** The same where all of it compiles; faults are printed. Throws `policy-invalid` too. */
export function soundLayers(
  { policy, sources }: { readonly policy: Policy; readonly sources: readonly Source[] },
  options: LayerOptions,
  context: CommandContext,
  nowMs: number,
): ReturnType<typeof chosenLayers> {
  const chosen = chosenLayers(policy, options, context, nowMs);
  const faults = chosen.diagnostics.filter(({ severity }) => severity === 'error');
  if (faults.length === 0) return chosen;
  context.err(diagnosticsText(faults, sources));
  throw new PosternError('policy-invalid', { count: faults.length });
}

/** Throws `usage`. */
export function clusterAccess(
  policy: Policy,
  { context: given = [], inCluster }: LayerOptions,
  { env }: CommandContext,
): ClusterAccess {
  const contexts = new Map<string, string>();
  for (const text of given) {
    const at = text.indexOf('=');
    if (at < 1 || at === text.length - 1) {
      throw new PosternError('usage', { problem: `--context ${text} is not CLUSTER=CONTEXT.` });
    }
    contexts.set(meshCluster(text.slice(0, at), policy), text.slice(at + 1));
  }
  return {
    environment: { ...env },
    contexts,
    ...(inCluster !== undefined && { inCluster: meshCluster(inCluster, policy) }),
  };
}

/** A Cluster with a mesh, or `usage`. */
export function meshCluster(name: string, { clusters }: Policy): string {
  const cluster = clusters.get(name);
  if (cluster?.istio) return name;
  const known = [...clusters.keys()].sort().join(', ');
  const problem = cluster
    ? `Cluster ${name} declares no mesh: add "istio" to its spec.`
    : `There is no Cluster ${name}; declared: ${known}.`;
  throw new PosternError('usage', { problem });
}
