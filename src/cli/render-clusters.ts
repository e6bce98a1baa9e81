// SPDX-License-Identifier: Apache-2.0
import { resolve } from 'node:path';
import { type Artifact, artifactId, plainObject } from '../compile/istio/artifact.ts';
import { type CompiledCluster, compileCluster } from '../compile/istio/compile-cluster.ts';
import { artifactYaml } from '../compile/istio/yaml.ts';
import { systemClock } from '../model/clock.ts';
import { PosternError } from '../model/errors.ts';
import type { Diagnostic } from '../policy/diagnostic.ts';
import { diagnosticsText } from '../policy/diagnostic-text.ts';
import { loadPolicy } from '../policy/load.ts';
import type { Source } from '../policy/parse.ts';
import type { Cluster, Policy } from '../policy/policy.ts';
import type { CommandContext, ExitCode } from './command.ts';
import { declarationPaths } from './declaration.ts';
import { meshCluster } from './layer-options.ts';
import { type OutputChange, outputChanges, writeOutput } from './render-output.ts';

/** Options that both ways of rendering have. */
export interface RenderOptions {
  readonly out?: string;
  readonly cluster?: string;
  readonly check?: boolean;
  readonly json?: boolean;
}

interface Renderable {
  readonly cluster: string;
  readonly artifacts: readonly Artifact[];
}

interface RenderedCluster extends CompiledCluster {
  readonly cluster: string;
}

interface Declared {
  readonly policy: Policy;
  readonly sources: readonly Source[];
  readonly clusters: readonly RenderedCluster[];
  readonly found: readonly Diagnostic[];
}

/** Reads, checks and compiles; findings are printed. Undefined: there are faults, exit code 2. */
export async function renderClusters(
  paths: readonly string[],
  options: RenderOptions,
  context: CommandContext,
): Promise<Declared | undefined> {
  if (options.check && options.out === undefined) {
    throw new PosternError('usage', { problem: '--check needs --out, the directory to look at.' });
  }
  const nowMs = systemClock.now();
  const loaded = await loadPolicy(declarationPaths(paths, context), { cwd: context.cwd, nowMs });
  const { policy, sources } = loaded;
  const clusters = policy
    ? clustersOf(policy, options.cluster).map((cluster) => ({
        cluster: cluster.name,
        ...compileCluster(policy, cluster, nowMs),
      }))
    : [];
  const found = policy ? clusters.flatMap((one) => one.diagnostics) : loaded.diagnostics;
  if (found.length > 0 && !options.json) context.err(diagnosticsText(found, sources));
  if (policy && found.every(({ severity }) => severity !== 'error')) {
    return { policy, sources, clusters, found };
  }
  if (options.json) context.out(JSON.stringify({ diagnostics: found }, null, 2));
  else context.err('Nothing was rendered.');
  return undefined;
}

/** Prints, writes or compares. `manifest`: which files of `--out` are this command's own. */
export function showArtifacts(
  compiled: readonly Renderable[],
  {
    options,
    found,
    manifest,
  }: { options: RenderOptions; found: readonly Diagnostic[]; manifest: string },
  context: CommandContext,
): ExitCode {
  const files = filesOf(compiled);
  const directory = options.out === undefined ? undefined : resolve(context.cwd, options.out);
  const write = options.check ? outputChanges : writeOutput;
  const changes = directory === undefined ? [] : write(directory, files, manifest);
  if (options.json) {
    const clusters = compiled.map(({ cluster, artifacts }) => ({
      name: cluster,
      objects: artifacts.map((one) => ({ object: plainObject(one), rules: one.rules })),
    }));
    context.out(JSON.stringify({ clusters, changes, diagnostics: found }, null, 2));
  } else if (directory === undefined) {
    context.out([...files.values()].join('---\n').trimEnd());
  } else {
    context.out(changesText(changes, files.size, options));
  }
  return options.check && changes.length > 0 ? 1 : 0;
}

/** With a mesh, or the one that was asked for. Throws `usage` for a name that is not declared. */
function clustersOf(policy: Policy, name: string | undefined): readonly Cluster[] {
  const all = [...policy.clusters.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  if (name === undefined) return all.filter(({ istio }) => istio !== undefined);
  const named = meshCluster(name, policy);
  return all.filter((cluster) => cluster.name === named);
}

/** One file per object: a change of one rule is a change of one file. */
function filesOf(compiled: readonly Renderable[]): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const { cluster, artifacts } of compiled) {
    for (const artifact of artifacts) {
      const name = artifactId(artifact).replaceAll('/', '.').toLowerCase();
      files.set(`${cluster}/${name}.yaml`, artifactYaml(artifact));
    }
  }
  return files;
}

function changesText(
  changes: readonly OutputChange[],
  size: number,
  { check, out = '' }: RenderOptions,
): string {
  const lines = changes.map(({ path, change }) => `${change.padEnd(8)} ${path}`);
  const whole = `${size} object${size === 1 ? '' : 's'}`;
  if (changes.length === 0) return `${out} is up to date (${whole}).`;
  const summary = check
    ? `${out} is not up to date: ${changes.length} of its files differ. Next: postern render --out ${out}`
    : `${whole} in ${out}; ${changes.length} changed. Next: review the difference and commit it.`;
  return [...lines, summary].join('\n');
}
