// SPDX-License-Identifier: Apache-2.0
import { planDeclaration } from '../../app/plan-declaration.ts';
import { ADMINISTRATOR_HELP, administratorOptions } from '../administrator-options.ts';
import type { CommandContext, ExitCode, RegisterCommand } from '../command.ts';
import { layerOptions } from '../layer-options.ts';
import { jsonText, planJson } from '../plan-json.ts';
import { type PlanOptions, planRequest } from '../plan-request.ts';
import { planSummary, summaryText } from '../plan-summary.ts';
import { planText } from '../plan-text.ts';
import { savePlan } from '../saved-plan.ts';

interface PlanCommandOptions extends PlanOptions {
  readonly out?: string;
}

const HELP = `
Compares the declaration with every cluster that has a mesh and with every MariaDB, and
changes nothing. Databases are read through mariadb.reader, where a Target declares it,
or by an administrator.

  postern plan
  postern plan --cluster prod-weu --context prod-weu=aks-weu-admin
  postern plan --only database --admin-user root --socket orders=/run/mysqld/mysqld.sock
  postern plan --out monday.plan      then: postern apply --plan monday.plan

${ADMINISTRATOR_HELP}

Exit code: 0 nothing to do, 1 changes, 2 usage or faults, 3 a layer could not be reached.`;

export const registerPlan: RegisterCommand = (program, context, run) => {
  const command = program
    .command('plan [paths...]')
    .description('what an apply would do to clusters and databases, and who gains and loses what');
  administratorOptions(layerOptions(command))
    .option('--out <file>', 'save the plan, for: postern apply --plan FILE')
    .option('--json', 'print JSON')
    .addHelpText('after', HELP)
    .action((paths: string[], options: PlanCommandOptions) =>
      run(() => planCommand(paths, options, context)),
    );
};

async function planCommand(
  paths: readonly string[],
  options: PlanCommandOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const request = await planRequest(paths, options, 'reader', context);
  const { revision } = request.declaration.policy;
  const plan = await planDeclaration(request);
  const summary = planSummary(plan);
  if (options.json) context.out(jsonText(planJson(plan, revision)));
  else context.out(`${planText(plan)}\n\n${summaryText(summary)}`);
  const { empty, unreached } = summary;
  if (unreached.length > 0) {
    if (options.out !== undefined) context.err('Nothing was saved: a layer was not reached.');
    return 3;
  }
  if (options.out !== undefined) savePlan(options.out, plan, revision, options, context);
  if (!options.json) context.out(nextText(empty, options.out));
  return empty ? 0 : 1;
}

function nextText(empty: boolean, out: string | undefined): string {
  if (empty) return 'Nothing to do. Next: postern prove';
  return `Next: postern apply${out === undefined ? '' : ` --plan ${out}`}`;
}
