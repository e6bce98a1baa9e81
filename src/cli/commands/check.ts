// SPDX-License-Identifier: Apache-2.0
import { systemClock } from '../../model/clock.ts';
import { objectText } from '../../model/request.ts';
import type { Diagnostic } from '../../policy/diagnostic.ts';
import { diagnosticsText } from '../../policy/diagnostic-text.ts';
import { type ExpectationResult, runExpectations } from '../../policy/expectation.ts';
import { type LoadedPolicy, loadPolicy } from '../../policy/load.ts';
import type { Expectation, Policy } from '../../policy/policy.ts';
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
      '\nWithout paths: "policy:" of ./postern.yaml, else ./policy.\nExit code: 0 sound, 1 an expectation fails (with --strict also a warning), 2 faults.',
    )
    .action((paths: string[], options: CheckCommandOptions) =>
      run(() => check(paths, options, context)),
    );
};

async function check(
  paths: readonly string[],
  options: CheckCommandOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const from = declarationPaths(paths, context);
  const nowMs = systemClock.now();
  const loaded = await loadPolicy(from, { cwd: context.cwd, nowMs });
  const results = loaded.policy ? runExpectations(loaded.policy, nowMs) : [];
  const exitCode = exitCodeOf(loaded.diagnostics, results, options.strict ?? false);
  if (options.json) context.out(JSON.stringify(jsonReport(loaded, results), null, 2));
  else printReport(loaded, results, context);
  return exitCode;
}

function exitCodeOf(
  diagnostics: readonly Diagnostic[],
  results: readonly ExpectationResult[],
  strict: boolean,
): ExitCode {
  if (diagnostics.some((one) => one.severity === 'error')) return 2;
  if (results.some((result) => !result.held)) return 1;
  return strict && diagnostics.length > 0 ? 1 : 0;
}

function jsonReport(loaded: LoadedPolicy, results: readonly ExpectationResult[]): unknown {
  const { policy, diagnostics } = loaded;
  return {
    ...(policy && { revision: policy.revision, counts: counts(policy) }),
    diagnostics,
    expectations: results.map(({ expectation, held, decision, detail }) => ({
      rule: expectation.rule,
      expect: expectation.expect,
      held,
      decision,
      detail,
    })),
  };
}

function counts(policy: Policy): { rules: number; targets: number; expectations: number } {
  return {
    rules: policy.grants.length + policy.denies.length,
    // The built-in one is not something the reader declared.
    targets: policy.targets.size - 1,
    expectations: policy.expectations.length,
  };
}

function printReport(
  loaded: LoadedPolicy,
  results: readonly ExpectationResult[],
  context: CommandContext,
): void {
  const { policy, diagnostics, sources } = loaded;
  if (diagnostics.length > 0) context.out(diagnosticsText(diagnostics, sources));
  if (policy === undefined) {
    const errors = diagnostics.filter((one) => one.severity === 'error').length;
    context.out(`${amount(errors, 'fault')}${warningCount(diagnostics)}. Nothing was applied.`);
    return;
  }
  const failed = results.filter((result) => !result.held);
  for (const result of failed) context.out(failureText(result));
  context.out(`${summary(policy, failed.length)}${warningCount(diagnostics)}.`);
  context.out(nextStep(failed, policy));
}

function failureText({ expectation, detail }: ExpectationResult): string {
  const { file, line, column } = expectation.rule.position;
  return [
    `${file}:${line}:${column}: ${expectation.rule.name} does not hold`,
    `  expected ${expectation.expect}: ${expectation.as} at ${expectation.to}, ${askedText(expectation)}`,
    `  ${detail}\n`,
  ].join('\n');
}

function askedText({ do: asked }: Expectation): string {
  return asked ? `${asked.action} ${objectText(asked.object)}` : 'connecting';
}

function summary(policy: Policy, failed: number): string {
  const { rules, targets, expectations } = counts(policy);
  const held =
    failed === 0
      ? `${amount(expectations, 'expectation')} hold${expectations === 1 ? 's' : ''}`
      : `${failed} of ${amount(expectations, 'expectation')} fail`;
  return `${amount(rules, 'rule')}, ${amount(targets, 'target')}, ${held}`;
}

function warningCount(diagnostics: readonly Diagnostic[]): string {
  const warnings = diagnostics.filter((one) => one.severity === 'warning').length;
  return warnings === 0 ? '' : `, ${amount(warnings, 'warning')}`;
}

function amount(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}

function nextStep(failed: readonly ExpectationResult[], policy: Policy): string {
  const [first] = failed;
  if (first) {
    const { as, to } = first.expectation;
    return `Next: postern explain --as ${as} --to ${to}`;
  }
  if (policy.expectations.length === 0) {
    return 'Next: add an Expectation for each rule you rely on; then postern serve';
  }
  return 'Next: postern who-can --to TARGET, or postern serve';
}
