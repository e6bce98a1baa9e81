// SPDX-License-Identifier: Apache-2.0
import { systemClock } from '../../model/clock.ts';
import { placeText } from '../../policy/explanation.ts';
import { type Holder, whoCan } from '../../policy/who-can.ts';
import { type AskingOptions, askedPolicy, askingOptions, targetNamed } from '../asking.ts';
import type { CommandContext, ExitCode, RegisterCommand } from '../command.ts';
import { needNamed } from '../question-text.ts';

interface WhoCanOptions extends AskingOptions {
  readonly on: string;
  readonly resolve?: boolean;
}

const HELP = `
RIGHT is an action and an object; without it: who may connect at all.

  postern who-can "select shop.orders" --on orders
  postern who-can --on orders --resolve

Members that only a cluster or an identity provider knows are listed as unknown.
Exit code: 0 somebody can, 1 nobody can, 2 usage or faults in the declaration.`;

export const registerWhoCan: RegisterCommand = (program, context, run) => {
  const command = program
    .command('who-can [right]')
    .description('who has a right on a Target, by which rule and when')
    .requiredOption('--on <target>', 'name of a Target')
    .option('--resolve', 'list the members the rules name');
  askingOptions(command)
    .addHelpText('after', HELP)
    .action((right: string | undefined, options: WhoCanOptions) =>
      run(() => whoCanCommand(right, options, context)),
    );
};

async function whoCanCommand(
  right: string | undefined,
  options: WhoCanOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const policy = await askedPolicy(options, context);
  const target = targetNamed(options.on, policy);
  const need = right === undefined ? undefined : needNamed(right);
  const holders = whoCan(policy, target.id, need, systemClock.now());
  const effective = holders.filter(({ denied }) => denied !== 'always');
  if (options.json) {
    const shown = holders.map(({ members, ...rest }) =>
      options.resolve ? { ...rest, members } : rest,
    );
    context.out(
      JSON.stringify({ target: target.id, right: right ?? null, holders: shown }, null, 2),
    );
  } else {
    const what = right ?? 'connect';
    if (holders.length === 0) context.out(`No Grant gives anybody: ${what} at ${target.id}.`);
    else context.out(`${what} at ${target.id}:`);
    for (const holder of holders) {
      for (const line of lines(holder, options.resolve ?? false)) context.out(line);
    }
    if (target.enforcement === 'Observe') {
      context.out(`${target.id} is in Observe mode: everybody who is identified can.`);
    }
    const question = right === undefined ? '' : ` "${right}"`;
    context.out(`Next: postern explain --as PRINCIPAL --to ${target.name}${question}`);
  }
  return effective.length > 0 || target.enforcement === 'Observe' ? 0 : 1;
}

function* lines(holder: Holder, resolve: boolean): Generator<string> {
  const { grant, subjects, when, until, denied, except, members } = holder;
  yield '';
  for (const subject of subjects) yield `  ${subject}`;
  yield `    by ${grant.name}  ${placeText(grant)}`;
  if (when !== '') yield `    when ${when}`;
  if (until !== undefined) yield `    until ${until}`;
  for (const { deny, subjects: whom, when: condition } of except) {
    const only = condition === '' ? '' : ` when ${condition}`;
    yield `    except ${whom.join(', ')}${only}  by ${deny.name}  ${placeText(deny)}`;
  }
  if (denied === 'always') yield '    so nobody: that Deny covers all of it';
  if (denied === 'undecided') yield '    how much is left was not decided: too many combinations';
  if (!resolve) return;
  for (const { principal, access } of members) yield `    - ${access.padEnd(9)}  ${principal}`;
}
