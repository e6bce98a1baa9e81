// SPDX-License-Identifier: Apache-2.0

import { lintMesh } from '../../lint/lint-mesh.ts';
import { systemClock } from '../../model/clock.ts';
import { runExpectations } from '../../policy/expectation.ts';
import { lintDeclaration } from '../../policy/lint/lint-declaration.ts';
import { lintRules } from '../../policy/lint-rules.ts';
import { loadPolicy } from '../../policy/load.ts';
import { readSources } from '../../policy/read-sources.ts';
import { collect } from '../asking.ts';
import { type CheckFindings, checkJson, checkText } from '../check-report.ts';
import type { CommandContext, ExitCode, RegisterCommand } from '../command.ts';
import { declarationAtHand, declarationPaths } from '../declaration.ts';

interface CheckCommandOptions {
  readonly json?: boolean;
  readonly strict?: boolean;
  readonly mesh?: readonly string[];
}

export const registerCheck: RegisterCommand = (program, context, run) => {
  program
    .command('check [paths...]')
    .description('check a declaration and run its expectations')
    .option('--mesh <path>', 'look at these Kubernetes and Istio objects too (repeatable)', collect)
    .option('--strict', 'warnings fail the check')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
  postern check --strict policy/
  postern check policy/ --mesh manifests/

Without paths: "policy:" of ./postern.yaml, else ./policy.
With --mesh the objects of your mesh are looked through for known traps, and against the
declaration; a mesh without a declaration needs none.
Exit code: 0 sound, 1 an expectation fails (with --strict also a warning), 2 faults.`,
    )
    .action((paths: string[], options: CheckCommandOptions) =>
      run(async () => {
        const found = await findings(paths, options, context);
        const json = options.json ?? false;
        context.out(json ? JSON.stringify(checkJson(found), null, 2) : checkText(found));
        return exitCodeOf(found, options.strict ?? false);
      }),
    );
};

async function findings(
  paths: readonly string[],
  options: CheckCommandOptions,
  context: CommandContext,
): Promise<CheckFindings> {
  const nowMs = systemClock.now();
  const mesh = options.mesh && (await readSources(options.mesh, context.cwd));
  if (mesh && paths.length === 0 && declarationAtHand(context) === undefined) {
    const diagnostics = [...mesh.faults, ...lintMesh(mesh.sources)];
    return { diagnostics, sources: mesh.sources, results: [] };
  }
  const loaded = await loadPolicy(declarationPaths(paths, context), { cwd: context.cwd, nowMs });
  const { policy, documents } = loaded;
  const sources = [...loaded.sources, ...(mesh?.sources ?? [])];
  const read = [...loaded.diagnostics, ...(mesh?.faults ?? [])];
  if (policy === undefined) return { diagnostics: read, sources, results: [] };
  return {
    policy,
    diagnostics: [
      ...read,
      ...lintDeclaration(policy, documents),
      ...lintRules(policy, { nowMs }),
      ...(mesh ? lintMesh(mesh.sources, policy) : []),
    ],
    sources,
    results: runExpectations(policy, nowMs),
  };
}

function exitCodeOf({ diagnostics, results }: CheckFindings, strict: boolean): ExitCode {
  if (diagnostics.some((one) => one.severity === 'error')) return 2;
  if (results.some((result) => !result.held)) return 1;
  return strict && diagnostics.length > 0 ? 1 : 0;
}
