// SPDX-License-Identifier: Apache-2.0
import { objectText } from '../model/request.ts';
import type { Diagnostic } from '../policy/diagnostic.ts';
import { diagnosticsText } from '../policy/diagnostic-text.ts';
import type { ExpectationResult } from '../policy/expectation.ts';
import type { Source } from '../policy/parse.ts';
import type { Expectation, Policy } from '../policy/policy.ts';

/** What `postern check` found. */
export interface CheckFindings {
  /** Absent when there is any error. */
  readonly policy?: Policy;
  readonly diagnostics: readonly Diagnostic[];
  readonly sources: readonly Source[];
  readonly results: readonly ExpectationResult[];
}

/** For a person: every finding, a summary, and the command to type next. */
export function checkText({ policy, diagnostics, sources, results }: CheckFindings): string {
  const found = diagnostics.length > 0 ? [diagnosticsText(diagnostics, sources)] : [];
  if (policy === undefined) {
    if (diagnostics.every(({ severity }) => severity === 'warning')) {
      const next =
        'Next: postern init begins a declaration; postern check POLICY --mesh PATH compares the two';
      return [...found, `${amount(diagnostics.length, 'finding')}.`, next].join('\n');
    }
    const errors = diagnostics.filter((one) => one.severity === 'error').length;
    const count = `${amount(errors, 'fault')}${warningCount(diagnostics)}`;
    return [...found, `${count}. The declaration cannot be used.`].join('\n');
  }
  const failed = results.filter((result) => !result.held);
  return [
    ...found,
    ...failed.map(failureText),
    `${summary(policy, failed.length)}${warningCount(diagnostics)}.`,
    nextStep(failed, policy),
  ].join('\n');
}

/** For tools; stable. */
export function checkJson({ policy, diagnostics, results }: CheckFindings): unknown {
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

function failureText({ expectation, detail }: ExpectationResult): string {
  const { as, do: asked, expect, rule, to } = expectation;
  const { file, line, column } = rule.position;
  const question = asked ? `${asked.action} ${objectText(asked.object)}` : 'connecting';
  return [
    `${file}:${line}:${column}: ${rule.name} does not hold`,
    `  expected ${expect}: ${as} at ${to}, ${question}`,
    `  ${detail}\n`,
  ].join('\n');
}

function summary(policy: Policy, failed: number): string {
  const { rules, targets, expectations } = counts(policy);
  const held =
    failed === 0
      ? `${amount(expectations, 'expectation')} hold${expectations === 1 ? 's' : ''}`
      : `${failed} of ${amount(expectations, 'expectation')} fail${failed === 1 ? 's' : ''}`;
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
  if (first) return `Next: ${explainCommand(first.expectation)}`;
  if (policy.expectations.length === 0) {
    return 'Next: add an Expectation for each rule you rely on, then: postern serve';
  }
  const [target] = [...policy.targets.keys()].filter((id) => !id.startsWith('postern-system/'));
  return `Next: postern who-can --on ${target ?? 'postern'}, or postern serve`;
}

/** The same question to `postern explain`, ready to be pasted into a shell. */
function explainCommand({ as, groups, appRoles, claims, ci, to, do: asked, at }: Expectation) {
  const options: readonly (readonly [string, readonly string[]])[] = [
    ['as', [as]],
    ['group', groups],
    ['app-role', appRoles],
    [
      'claim',
      Object.entries(claims).flatMap(([name, all]) => [all].flat().map((one) => `${name}=${one}`)),
    ],
    ['owner-id', ci?.ownerId === undefined ? [] : [ci.ownerId]],
    ['repository-id', ci?.repositoryId === undefined ? [] : [ci.repositoryId]],
    ['ref', ci?.ref === undefined ? [] : [ci.ref]],
    ['at', at === undefined ? [] : [new Date(at).toISOString()]],
    ['to', [to]],
  ];
  const given = options.flatMap(([name, all]) => all.flatMap((one) => [`--${name}`, one]));
  const question = asked ? [`${asked.action} ${objectText(asked.object)}`] : [];
  return ['postern', 'explain', ...given, ...question].map(shellWord).join(' ');
}

/** A declaration may be a stranger's: nothing of it may act in the shell it is pasted into. */
function shellWord(text: string): string {
  return /^[\w./:@=+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
