// SPDX-License-Identifier: Apache-2.0
import { resolve } from 'node:path';
import { type Artifact, artifactId, plainObject } from '../../compile/istio/artifact.ts';
import { compileCluster } from '../../compile/istio/compile-cluster.ts';
import { artifactYaml } from '../../compile/istio/yaml.ts';
import { systemClock } from '../../model/clock.ts';
import { PosternError } from '../../model/errors.ts';
import type { Diagnostic } from '../../policy/diagnostic.ts';
import { diagnosticsText } from '../../policy/diagnostic-text.ts';
import { loadPolicy } from '../../policy/load.ts';
import type { Cluster, Policy } from '../../policy/policy.ts';
import type { CommandContext, ExitCode, RegisterCommand } from '../command.ts';
import { declarationPaths } from '../declaration.ts';
import { type OutputChange, outputChanges, writeOutput } from '../render-output.ts';

interface RenderOptions {
  readonly out?: string;
  readonly cluster?: string;
  readonly check?: boolean;
  readonly json?: boolean;
}

export const registerRender: RegisterCommand = (program, context, run) => {
  program
    .command('render [paths...]')
    .description('write what the meshes of the declared clusters must hold, as files for GitOps')
    .option('--out <directory>', 'where to write, a directory per cluster; by default print')
    .option('--cluster <name>', 'this cluster only')
    .option('--check', 'write nothing; exit 1 when --out is not up to date')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
  postern render --out mesh/
  postern render --out mesh/ --check
  postern render --cluster prod-weu | kubectl diff -f -

In --out only files that an earlier run wrote are changed or removed.
Without paths: "policy:" of ./postern.yaml, else ./policy.
Exit code: 0 done, 1 not up to date (--check), 2 faults.`,
    )
    .action((paths: string[], options: RenderOptions) =>
      run(async () => render(paths, options, context)),
    );
};

interface Rendered {
  readonly cluster: string;
  readonly artifacts: readonly Artifact[];
}

async function render(
  paths: readonly string[],
  options: RenderOptions,
  context: CommandContext,
): Promise<ExitCode> {
  if (options.check && options.out === undefined) {
    throw new PosternError('usage', { problem: '--check needs --out, the directory to look at.' });
  }
  const nowMs = systemClock.now();
  const loaded = await loadPolicy(declarationPaths(paths, context), { cwd: context.cwd, nowMs });
  const { policy, sources } = loaded;
  const compiled = policy
    ? clustersOf(policy, options.cluster).map((cluster) => ({
        cluster: cluster.name,
        ...compileCluster(policy, cluster, nowMs),
      }))
    : [];
  const found = policy ? compiled.flatMap((one) => one.diagnostics) : loaded.diagnostics;
  if (found.length > 0 && !options.json) context.err(diagnosticsText(found, sources));
  if (!policy || found.some(({ severity }) => severity === 'error')) {
    if (options.json) context.out(JSON.stringify({ diagnostics: found }, null, 2));
    else context.err('Nothing was rendered.');
    return 2;
  }
  return show(compiled, found, options, context);
}

function show(
  compiled: readonly Rendered[],
  found: readonly Diagnostic[],
  options: RenderOptions,
  context: CommandContext,
): ExitCode {
  const files = filesOf(compiled);
  const directory = options.out === undefined ? undefined : resolve(context.cwd, options.out);
  const write = options.check ? outputChanges : writeOutput;
  const changes = directory === undefined ? [] : write(directory, files);
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
function clustersOf({ clusters }: Policy, name: string | undefined): readonly Cluster[] {
  const all = [...clusters.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  if (name === undefined) return all.filter(({ istio }) => istio !== undefined);
  const one = clusters.get(name);
  if (one?.istio) return [one];
  const problem = one
    ? `Cluster ${name} declares no mesh: add "istio" to its spec.`
    : `There is no Cluster ${name}; declared: ${all.map((cluster) => cluster.name).join(', ')}.`;
  throw new PosternError('usage', { problem });
}

/** One file per object: a change of one rule is a change of one file. */
function filesOf(compiled: readonly Rendered[]): ReadonlyMap<string, string> {
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
