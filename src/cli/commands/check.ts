// SPDX-License-Identifier: Apache-2.0
import { systemClock } from '../../model/clock.ts';
import { runExpectations } from '../../policy/expectation.ts';
import { lintDeclaration } from '../../policy/lint/lint-declaration.ts';
import { lintRules } from '../../policy/lint-rules.ts';
import { loadPolicy } from '../../policy/load.ts';
import { type CheckFindings, checkJson, checkText } from '../check-report.ts';
import type { CommandContext, ExitCode, RegisterCommand } from '../command.ts';
import { declarationPaths } from '../declaration.ts';

interface CheckCommandOptions {
  readonly json?: boolean;
  readonly strict?: boolean;
}

export const registerCheck: RegisterCommand = (program, context, run) => {
  program
    .command('check [paths...]')
    .description('check a declaration and run its expectations')
    .option('--strict', 'warnings fail the check')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
  postern check --strict policy/

Without paths: "policy:" of ./postern.yaml, else ./policy.
Exit code: 0 sound, 1 an expectation fails (with --strict also a warning), 2 faults.`,
    )
    .action((paths: string[], options: CheckCommandOptions) =>
      run(async () => {
        const found = await findings(paths, context);
        const json = options.json ?? false;
        context.out(json ? JSON.stringify(checkJson(found), null, 2) : checkText(found));
        return exitCodeOf(found, options.strict ?? false);
      }),
    );
};

async function findings(paths: readonly string[], context: CommandContext): Promise<CheckFindings> {
  const nowMs = systemClock.now();
  const loaded = await loadPolicy(declarationPaths(paths, context), { cwd: context.cwd, nowMs });
  const { policy, diagnostics, sources, documents } = loaded;
  if (policy === undefined) return { diagnostics, sources, results: [] };
  return {
    policy,
    diagnostics: [
      ...diagnostics,
      ...lintDeclaration(policy, documents),
      ...lintRules(policy, { nowMs }),
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
