// SPDX-License-Identifier: Apache-2.0

import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { systemClock } from '../../model/clock.ts';
import { checkSources } from '../../policy/check.ts';
import { diffPolicies, type PolicyDiff } from '../../policy/compare.ts';
import { loadPolicy } from '../../policy/load.ts';
import type { Policy } from '../../policy/policy.ts';
import { type AskingOptions, askingOptions, soundPolicy } from '../asking.ts';
import type { CommandContext, ExitCode, RegisterCommand } from '../command.ts';
import { declarationPaths } from '../declaration.ts';
import { diffMarkdown, diffText } from '../diff-text.ts';
import { declarationAt } from '../git-declaration.ts';

interface DiffOptions extends AskingOptions {
  readonly markdown?: boolean;
}

const HELP = `
REF is a git commit, branch or tag, or a path: the state before. The state after is the
declaration as it is now.

  postern diff main
  postern diff HEAD~1 --markdown

Exit code: 0 nothing changes, 1 something changes or could not be decided, 2 usage or faults.`;

export const registerDiff: RegisterCommand = (program, context, run) => {
  const command = program
    .command('diff <ref>')
    .description('who gains and who loses what, each with a witness')
    .option('--markdown', 'print a table for a pull request');
  askingOptions(command)
    .addHelpText('after', HELP)
    .action((ref: string, options: DiffOptions) => run(() => diffCommand(ref, options, context)));
};

async function diffCommand(
  ref: string,
  options: DiffOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const paths = declarationPaths(options.policy ?? [], context);
  const before = await policyBefore(ref, paths, context);
  const after = soundPolicy(await loadPolicy(paths, { cwd: context.cwd }), context);
  const diff = diffPolicies(before, after, { nowMs: systemClock.now() });
  if (options.json) context.out(JSON.stringify(diff, jsonValue, 2));
  else if (options.markdown) context.out(diffMarkdown(diff));
  else printDiff(diff, ref, context);
  return isEmpty(diff) ? 0 : 1;
}

async function policyBefore(
  ref: string,
  paths: readonly string[],
  context: CommandContext,
): Promise<Policy> {
  if (existsSync(resolve(context.cwd, ref))) {
    return soundPolicy(await loadPolicy([ref], { cwd: context.cwd }), context);
  }
  const sources = await declarationAt(ref, paths, context.cwd);
  return soundPolicy({ ...checkSources(sources), sources }, context);
}

function isEmpty({ changes, settings, undecided }: PolicyDiff): boolean {
  return changes.length + settings.length + undecided.length === 0;
}

function printDiff(diff: PolicyDiff, ref: string, context: CommandContext): void {
  if (isEmpty(diff)) {
    context.out(`Nobody gains or loses anything against ${ref}.`);
    return;
  }
  context.out(diffText(diff));
  const [change] = diff.changes;
  if (!change) return;
  const { witness, target } = change;
  const { action, object } = witness.need ?? {};
  const name = object?.type === 'schema' ? '*' : object?.name;
  const right = action ? ` "${action} ${object?.schema}.${name}"` : '';
  context.out(`Next: postern who-can${right} --on ${target}`);
}

function jsonValue(_: string, value: unknown): unknown {
  return value instanceof Set ? [...value] : value;
}
