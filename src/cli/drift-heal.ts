// SPDX-License-Identifier: Apache-2.0
import { healDrift } from '../app/heal-drift.ts';
import { type DriftSurvey, lookForDrift } from '../app/look-for-drift.ts';
import type { PlanRequest } from '../app/plan-declaration.ts';
import type { Finding } from '../model/finding.ts';
import { printable } from './audit-text.ts';
import type { CommandContext, ExitCode } from './command.ts';
import { confirmed } from './confirmation.ts';
import {
  allFindings,
  driftExitCode,
  driftJson,
  driftLines,
  lookedAt,
  problemLines,
} from './drift-report.ts';

interface HealOptions {
  readonly yes?: boolean;
  readonly json?: boolean;
}

/** Shows what is to be healed, asks, does it, and looks again: what is left is the answer. */
export async function heal(
  { declaration: { policy }, layers, access }: PlanRequest,
  survey: DriftSurvey,
  options: HealOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const say = (lines: readonly string[]) => {
    for (const line of lines) context.err(printable(line));
  };
  if (lookedAt(survey).some(({ problem }) => problem)) {
    say(driftLines(survey));
    say(['Nothing was healed. Name the layers that can be reached.']);
    return 3;
  }
  const ours = allFindings(survey).filter(isHealed);
  if (!options.json) for (const line of driftLines(survey)) context.out(line);
  if (ours.length === 0) {
    if (options.json) context.out(driftJson(survey));
    else if (driftExitCode(survey) !== 0) context.out('None of it is ours to heal.');
    return driftExitCode(survey);
  }
  const places = [...new Set(ours.map(({ where }) => where))].join(', ');
  const question = `Heal ${ours.length} of these, which are ours, on ${places}?`;
  if (!(await confirmed(question, 'leave --heal out to look only', options, context))) {
    context.err('Nothing was healed.');
    return 1;
  }
  const healed = await healDrift(policy, layers, access, {
    progress: (layer, step) => context.err(printable(`${layer}  ${step}`)),
  });
  for (const one of healed.clusters) {
    if ('problem' in one) say(problemLines(one.of.cluster.name, one.problem));
  }
  for (const one of healed.databases) {
    if ('problem' in one) say(problemLines(one.of.id, one.problem));
    else say(one.found.map((problem) => `${one.of.id}: ${problem}`));
  }
  const left = await lookForDrift(policy, layers, access);
  if (options.json) context.out(driftJson(left));
  else for (const line of ['', 'After healing:', ...driftLines(left)]) context.out(line);
  const failed = [...healed.clusters, ...healed.databases].some((one) => 'problem' in one);
  return failed ? 3 : driftExitCode(left);
}

function isHealed({ by, cause }: Finding): boolean {
  return by === 'apply' && cause === 'drift';
}
