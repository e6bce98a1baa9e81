// SPDX-License-Identifier: Apache-2.0
import { type ApplyOutcome, applyDeclaration } from '../../app/apply-declaration.ts';
import {
  type DeclarationPlan,
  type PlanRequest,
  planDeclaration,
} from '../../app/plan-declaration.ts';
import { PosternError } from '../../model/errors.ts';
import { ADMINISTRATOR_HELP, administratorOptions } from '../administrator-options.ts';
import { applyJson, applyReport } from '../apply-report.ts';
import { printable } from '../audit-text.ts';
import type { CommandContext, ExitCode, RegisterCommand } from '../command.ts';
import { confirmed } from '../confirmation.ts';
import { layerOptions } from '../layer-options.ts';
import { jsonText, planJson } from '../plan-json.ts';
import { type PlanOptions, planRequest } from '../plan-request.ts';
import { type PlanSummary, planSummary, summaryText } from '../plan-summary.ts';
import { planText, problemLines } from '../plan-text.ts';
import { checkSavedPlan, readSavedPlan } from '../saved-plan.ts';

interface ApplyOptions extends PlanOptions {
  readonly plan?: string;
  readonly yes?: boolean;
  readonly forceConflicts?: boolean;
}

const HELP = `
Shows the plan, asks, and brings clusters and databases to what is declared: first what
databases gain, then the clusters, denials first and removals last, then what databases
lose. It may be ended at any point; another apply goes on from there. Only what Postern
made is changed or removed.

  postern apply
  postern apply --yes --admin-password-file root-password
  postern apply --plan monday.plan --yes

${ADMINISTRATOR_HELP}

Exit code: 0 done, 1 not done (declined, in the way, or held by others), 2 usage or
faults, 3 a layer could not be reached or refused.`;

export const registerApply: RegisterCommand = (program, context, run) => {
  const command = program
    .command('apply [paths...]')
    .description('bring clusters and databases to what is declared');
  administratorOptions(layerOptions(command))
    .option('--plan <file>', 'do what postern plan --out saved, if it would be the same now')
    .option('--yes', 'do not ask')
    .option('--force-conflicts', 'take fields from other field managers of a cluster')
    .option('--json', 'print JSON')
    .addHelpText('after', HELP)
    .action((paths: string[], options: ApplyOptions) =>
      run(() => applyCommand(paths, options, context)),
    );
};

async function applyCommand(
  paths: readonly string[],
  given: ApplyOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const saved = given.plan === undefined ? undefined : readSavedPlan(given.plan, context);
  const options = saved ? withChoiceOf(saved.choice, given) : given;
  const request = await planRequest(paths, options, 'administrator', context);
  const { revision } = request.declaration.policy;
  const plan = await planDeclaration(request);
  const summary = planSummary(plan);
  if (!options.json) context.out(`${planText(plan)}\n\n${summaryText(summary)}`);
  const refused = refusal(summary, options, context);
  if (refused !== undefined) return refused;
  if (saved) checkSavedPlan(options.plan ?? '', saved, plan, revision);
  if (!summary.empty && !(await confirmed('Apply this?', 'use postern plan', options, context))) {
    context.err('Nothing was applied.');
    return 1;
  }
  const outcome = await carryOut(request, plan, summary, options, context);
  if (options.json) {
    context.out(jsonText({ plan: planJson(plan, revision), ...applyJson(outcome) }));
  }
  const { code, lines } = applyReport(outcome, summary);
  for (const line of lines) (code === 0 && !options.json ? context.out : context.err)(line);
  return code;
}

/** A saved plan says for which layers it is. */
function withChoiceOf(
  choice: ReturnType<typeof readSavedPlan>['choice'],
  given: ApplyOptions,
): ApplyOptions {
  const { cluster, target, only, instance } = given;
  if ([cluster, target, only, instance].some((value) => value !== undefined)) {
    const problem =
      '--plan says which layers it is for: leave --cluster, --target, --only and --instance out.';
    throw new PosternError('usage', { problem });
  }
  const chosen = Object.entries(choice).filter(([, value]) => value !== undefined);
  return { ...given, ...Object.fromEntries(chosen) };
}

/** Nothing is begun while one of the layers could not follow. */
function refusal(
  { blocks, conflicts, unreached }: PlanSummary,
  { forceConflicts }: ApplyOptions,
  { err }: CommandContext,
): ExitCode | undefined {
  const say = (lines: readonly string[], remedy: string) => {
    for (const line of lines) err(printable(line));
    err(`Nothing was applied. ${remedy}`);
  };
  if (unreached.length > 0) {
    const lines = unreached.flatMap(({ layer, problem }) => [layer, ...problemLines(problem)]);
    say(lines, 'A layer can be left out: --cluster and --target name the others, or --only.');
    return 3;
  }
  if (blocks.length > 0) {
    say(blocks, 'Clear what is in the way; the plan says how.');
    return 1;
  }
  if (conflicts.length > 0 && !forceConflicts) {
    say(conflicts, 'Take the fields away from the other manager, or use --force-conflicts.');
    return 1;
  }
  return undefined;
}

function carryOut(
  request: PlanRequest,
  plan: DeclarationPlan,
  { steps }: PlanSummary,
  { forceConflicts = false }: ApplyOptions,
  context: CommandContext,
): Promise<ApplyOutcome> {
  let done = 0;
  return applyDeclaration(request, plan, {
    forceConflicts,
    progress: (layer, step) => {
      done += 1;
      // Roles go in two steps of which a plan sees the first, so there may be more than it said.
      context.err(printable(`[${done}/${Math.max(done, steps)}] ${layer}  ${step}`));
    },
  });
}
