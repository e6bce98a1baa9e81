// SPDX-License-Identifier: Apache-2.0
import { lookForDrift } from '../../app/look-for-drift.ts';
import { PosternError } from '../../model/errors.ts';
import { ADMINISTRATOR_HELP, administratorOptions } from '../administrator-options.ts';
import { askingOptions } from '../asking.ts';
import type { CommandContext, ExitCode, RegisterCommand } from '../command.ts';
import { adopt } from '../drift-adopt.ts';
import { heal } from '../drift-heal.ts';
import { driftExitCode, driftJson, driftLines } from '../drift-report.ts';
import { gatewayDrift } from '../gateway-drift.ts';
import { layerOptions } from '../layer-options.ts';
import { type PlanOptions, planRequest } from '../plan-request.ts';

interface DriftOptions extends PlanOptions {
  readonly policy?: readonly string[];
  readonly heal?: boolean;
  readonly yes?: boolean;
  readonly adopt?: boolean;
  readonly gateway?: boolean;
  readonly gatewaySocket?: string;
  readonly config: string;
  readonly tokenFile?: string;
}

const HELP = `
Looks at the databases through the account that mariadb.reader of the Target names, or an
administrator, and at the clusters as kubectl would; changes nothing without --heal. Each
finding comes with who holds it, the declaration it departs from, what undoes it and what
would make it legal. Names are those of Targets and Clusters; without any: all.

  postern drift
  postern drift orders prod-weu
  postern drift --heal --admin-user root
  postern drift --adopt > adopted.yaml
  postern drift --gateway

--heal puts right what is Postern's own, after asking; what is somebody else's it leaves
alone and prints what an administrator would have to do.
--adopt prints the documents of the declaration as they would have to be for what is there
to be legal, and what nothing can make legal.
--gateway tells what a running gateway found at its last look (settings: drift); that needs
a grant on the built-in Target postern: auditor or operator.

${ADMINISTRATOR_HELP}

Exit code: 0 as declared, 1 findings (with --heal: some are left, with --adopt: some nothing
makes legal), 2 usage or faults, 3 a layer could not be looked at.`;

export const registerDrift: RegisterCommand = (program, context, run) => {
  const command = program
    .command('drift [names...]')
    .description('what in clusters and databases is not as declared, who did it, what undoes it');
  administratorOptions(layerOptions(askingOptions(command)))
    .option('--heal', 'put right what is ours, after asking')
    .option('--yes', 'with --heal: do not ask')
    .option('--adopt', 'print the declaration that makes what is there legal')
    .option('--gateway', 'ask a running gateway what it found')
    .option('--gateway-socket <path>', 'its administration socket (default: from its settings)')
    .option('--config <file>', 'its settings', 'postern.yaml')
    .option('--token-file <file>', 'with --gateway: your token (default: as for sessions)')
    .addHelpText('after', HELP)
    .action((names: string[], options: DriftOptions) => run(() => drift(names, options, context)));
};

async function drift(
  names: readonly string[],
  options: DriftOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const { gateway, heal: healing, adopt: adopting, json, yes } = options;
  if ([gateway, healing, adopting].filter(Boolean).length > 1) {
    const problem = '--heal, --adopt and --gateway are different questions: give one.';
    throw new PosternError('usage', { problem });
  }
  if (yes && !healing) {
    throw new PosternError('usage', { problem: '--yes answers what --heal asks: give both.' });
  }
  if (gateway) {
    const { target = [], cluster = [] } = options;
    return gatewayDrift([...names, ...target, ...cluster], gatewayCall(options), context);
  }
  const who = healing ? 'administrator' : 'reader';
  const chosen = { ...options, names };
  const request = await planRequest(options.policy ?? [], chosen, who, context);
  const { declaration, layers, access } = request;
  const survey = await lookForDrift(declaration.policy, layers, access);
  if (healing) return heal(request, survey, options, context);
  if (adopting) return adopt(request, survey, chosen, context);
  if (json) context.out(driftJson(survey));
  else for (const line of driftLines(survey)) context.out(line);
  return driftExitCode(survey);
}

function gatewayCall({ config, gatewaySocket, tokenFile, json, only }: DriftOptions) {
  return {
    config,
    ...(only !== undefined && { only }),
    ...(gatewaySocket !== undefined && { socket: gatewaySocket }),
    ...(tokenFile !== undefined && { tokenFile }),
    ...(json !== undefined && { json }),
  };
}
