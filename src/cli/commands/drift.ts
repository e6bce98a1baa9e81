// SPDX-License-Identifier: Apache-2.0
import { examineTarget } from '../../app/examine-target.ts';
import { POSTERN_TARGET_ID } from '../../policy/policy.ts';
import { type AskingOptions, askedPolicy, askingOptions, targetNamed } from '../asking.ts';
import { printable } from '../audit-text.ts';
import type { CommandContext, ExitCode, RegisterCommand } from '../command.ts';
import { findingLines } from '../finding-text.ts';
import { gatewayDrift } from '../gateway-drift.ts';

interface DriftOptions extends AskingOptions {
  readonly gateway?: string | true;
  readonly config: string;
  readonly tokenFile?: string;
}

const HELP = `
Reads through the account that mariadb.reader of the Target names, and changes nothing.
Each difference comes with the statements that undo it, for an administrator to run, and
says whether a declaration can make it legal.

  postern drift orders
  postern drift --gateway

With --gateway a running gateway tells what it found at its last look (settings: drift); that
needs a grant on the built-in Target postern: auditor or operator.
Exit code: 0 as declared, 1 differences, 2 usage or faults, 3 no way in.`;

export const registerDrift: RegisterCommand = (program, context, run) => {
  const command = program
    .command('drift [names...]')
    .description('what on databases is not as declared: grants, roles, views, leases, strangers');
  askingOptions(command)
    .option('--gateway [socket]', 'ask a running gateway, by its administration socket')
    .option('--config <file>', 'with --gateway: its settings', 'postern.yaml')
    .option('--token-file <file>', 'with --gateway: your token (default: as for sessions)')
    .addHelpText('after', HELP)
    .action((names: string[], options: DriftOptions) => run(() => drift(names, options, context)));
};

async function drift(
  names: readonly string[],
  options: DriftOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const { gateway, config, tokenFile, json } = options;
  if (gateway !== undefined) {
    const call = {
      config,
      ...(typeof gateway === 'string' && { socket: gateway }),
      ...(tokenFile !== undefined && { tokenFile }),
      ...(json !== undefined && { json }),
    };
    return gatewayDrift(names, call, context);
  }
  const policy = await askedPolicy(options, context);
  const targets =
    names.length > 0
      ? names.map((name) => targetNamed(name, policy))
      : [...policy.targets.values()].filter(({ id }) => id !== POSTERN_TARGET_ID);
  let differ = false;
  for (const target of targets) {
    const found = await examineTarget(policy, target);
    differ ||= found.length > 0;
    if (json) context.out(JSON.stringify({ target: target.id, findings: found }, null, 2));
    else if (found.length === 0) context.out(`${target.id}: the database is as declared.`);
    else for (const line of found.flatMap(findingLines)) context.out(printable(line));
  }
  return differ ? 1 : 0;
}
