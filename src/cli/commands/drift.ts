// SPDX-License-Identifier: Apache-2.0
import { type DatabaseDifference, examineTarget } from '../../app/examine-target.ts';
import { askedPolicy, targetNamed } from '../asking.ts';
import { printable } from '../audit-text.ts';
import type { CommandContext, ExitCode, RegisterCommand } from '../command.ts';

interface DriftOptions {
  readonly json?: boolean;
}

const HELP = `
Reads through the account that mariadb.reader of the Target names, and changes nothing.
Each difference comes with the statements that undo it, for an administrator to run, and
with the declaration that would make it legal, where there is one.

  postern drift orders

Exit code: 0 as declared, 1 differences, 2 usage or faults, 3 no way in.`;

export const registerDrift: RegisterCommand = (program, context, run) => {
  program
    .command('drift <target> [paths...]')
    .description('what on a MariaDB is not as declared: grants, roles, views, leases, strangers')
    .option('--json', 'print JSON')
    .addHelpText('after', HELP)
    .action((name: string, paths: string[], options: DriftOptions) =>
      run(() => drift(name, paths, options, context)),
    );
};

async function drift(
  name: string,
  paths: readonly string[],
  options: DriftOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const policy = await askedPolicy({ policy: paths }, context);
  const target = targetNamed(name, policy);
  const found = await examineTarget(policy, target);
  if (options.json) context.out(JSON.stringify({ target: target.id, differences: found }, null, 2));
  else if (found.length === 0) context.out(`${target.id}: the database is as declared.`);
  else for (const line of found.flatMap(differenceLines)) context.out(printable(line));
  return found.length === 0 ? 0 : 1;
}

const NEXT: Readonly<Record<DatabaseDifference['by'], string>> = {
  apply: 'undo:',
  operator: 'undo, if it is not meant:',
  bootstrap: 'run postern bootstrap',
  wait: 'nothing to do but wait',
};

function differenceLines(found: DatabaseDifference): readonly string[] {
  const { code, place, text, rule, by, ...rest } = found;
  const line = rule ? ` (${rule.position.file}:${rule.position.line})` : '';
  return [
    `! ${code}: ${place}. ${text}${line}`,
    `  ${NEXT[by]}`,
    ...rest.statements.map((statement) => `    ${statement};`),
    ...(rest.adopt === undefined ? [] : [`  or declare on the Target: ${rest.adopt}`]),
  ];
}
