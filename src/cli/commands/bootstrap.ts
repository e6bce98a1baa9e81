// SPDX-License-Identifier: Apache-2.0
import {
  type BootstrapOutcome,
  bootstrapTarget,
  printBootstrap,
} from '../../app/bootstrap-target.ts';
import { PosternError, toPosternError } from '../../model/errors.ts';
import { POSTERN_TARGET_ID, type Target } from '../../policy/policy.ts';
import {
  type AdministratorOptions,
  administratorOf,
  administratorOptions,
  withAdministratorHint,
} from '../administrator-options.ts';
import { askedDeclaration, targetNamed } from '../asking.ts';
import { printable } from '../audit-text.ts';
import type { CommandContext, ExitCode, RegisterCommand } from '../command.ts';

interface BootstrapOptions extends AdministratorOptions {
  readonly print?: boolean;
  readonly fix?: boolean;
  readonly json?: boolean;
}

export const registerBootstrap: RegisterCommand = (program, context, run) => {
  const command = program
    .command('bootstrap <target> [paths...]')
    .description(
      'prepare a MariaDB or MySQL for leases: registry, procedures, broker account, roles',
    );
  administratorOptions(command)
    .option('--print', 'print what would be run, and connect to nothing')
    .option('--fix', 'print the statements that remove rights every account has; run them yourself')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\n  postern bootstrap orders --print | less\n  postern bootstrap orders --admin-user root --socket /run/mysqld/mysqld.sock\n\nRun it again after a DataRole changed: new roles are added, then unused ones removed.\nExit code: 0 ready, 1 installed but with findings, 2 usage or faults, 3 no way in.',
    )
    .action((name: string, paths: string[], options: BootstrapOptions) =>
      run(() => bootstrap(name, paths, options, context)),
    );
};

async function bootstrap(
  name: string,
  paths: readonly string[],
  options: BootstrapOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const declaration = await askedDeclaration({ policy: paths }, context);
  const { policy } = declaration;
  const target = targetNamed(name, policy);
  if (target.id === POSTERN_TARGET_ID) {
    throw new PosternError('usage', {
      problem: `${target.id} is built in and needs no bootstrap.`,
    });
  }
  if (options.print) {
    context.out(printBootstrap(policy, target).trimEnd());
    return 0;
  }
  const outcome = await bootstrapTarget(
    declaration,
    target,
    administratorOf(target, options, policy, context),
  ).catch((thrown: unknown) => {
    throw withAdministratorHint(toPosternError(thrown));
  });
  if (options.json) context.out(JSON.stringify(outcome, null, 2));
  else printOutcome(target, outcome, options.fix ?? false, context);
  return hasFindings(outcome) ? 1 : 0;
}

function hasFindings(outcome: BootstrapOutcome): boolean {
  const { findings, excess, missing, surplusBrokerGrants } = outcome;
  return [findings.filter(isRefused), excess, missing, surplusBrokerGrants].some(
    (list) => list.length > 0,
  );
}

function isRefused({ severity }: BootstrapOutcome['findings'][number]): boolean {
  return severity === 'refused';
}

function printOutcome(
  target: Target,
  outcome: BootstrapOutcome,
  fix: boolean,
  context: CommandContext,
): void {
  const say = (text: string) => context.out(printable(text));
  say(
    `${target.id}: registry, procedures and broker account are in place (${outcome.serverVersion}).`,
  );
  for (const file of outcome.passwordFilesWritten) {
    say(`A password was made and written to ${file} (mode 0600).`);
  }
  for (const role of outcome.added) say(`+ role ${role}`);
  for (const role of outcome.removed) say(`- role ${role}`);
  for (const role of outcome.stillLent) say(`  role ${role} is still lent; run this again later.`);
  for (const { step, problem } of outcome.missing) {
    const position = step.rule?.position;
    say(`! ${problem} (${position?.file}:${position?.line}); run this again when it exists.`);
  }
  for (const { rule, message, remedy } of outcome.findings) {
    say(`! ${message} (${rule.position.file}:${rule.position.line}) ${remedy}`);
  }
  for (const grant of outcome.surplusBrokerGrants) {
    say(`! The broker account holds more than its three procedures: ${grant}`);
  }
  for (const { text } of outcome.excess) say(`! ${text}: every lease would hold that too.`);
  if (outcome.excess.length > 0) printFix(outcome, fix, say);
  if (hasFindings(outcome)) return;
  say('Next: postern serve');
}

/** Only printed: taking rights from PUBLIC may concern others, so a person must do it. */
function printFix(outcome: BootstrapOutcome, fix: boolean, say: (text: string) => void): void {
  if (!fix) {
    say('Nothing is served on this target until that is gone; --fix prints the statements.');
    return;
  }
  say('Run these as root on the target, then bootstrap again:');
  for (const { revoke } of outcome.excess) {
    for (const statement of revoke) say(`  ${statement};`);
  }
}
