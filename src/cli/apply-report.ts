// SPDX-License-Identifier: Apache-2.0
import type { ApplyOutcome } from '../app/apply-declaration.ts';
import type { ErrorCode } from '../model/errors.ts';
import { printable } from './audit-text.ts';
import type { ExitCode } from './command.ts';
import { problemJson } from './plan-json.ts';
import type { PlanSummary } from './plan-summary.ts';
import { counted, problemLines } from './plan-text.ts';

interface LayerOutcome {
  readonly layer: string;
  readonly code: ExitCode;
  readonly lines: readonly string[];
}

/** What another manager or a changed object refused is somebody's decision, not a broken layer. */
const DECISIONS: ReadonlySet<ErrorCode> = new Set(['cluster-conflict', 'plan-blocked']);
const AGAIN = 'What was done stays. Run it again: postern apply goes on from there.';

/** How an apply ended, in words. */
export function applyReport(
  outcome: ApplyOutcome,
  { steps }: PlanSummary,
): { readonly code: ExitCode; readonly lines: readonly string[] } {
  const layers = [...clusterOutcomes(outcome), ...databaseOutcomes(outcome)];
  const wrong = layers.filter(({ code }) => code !== 0);
  const code = wrong.some((one) => one.code === 3) ? 3 : wrong.length > 0 ? 1 : 0;
  if (code === 0) {
    const done = steps === 0 ? 'Nothing had to be done' : `Applied, ${counted(steps, 'step')}`;
    return { code, lines: [`${done}. Next: postern prove`] };
  }
  const lines = wrong.flatMap((one) => [one.layer, ...one.lines]).map(printable);
  return { code, lines: [...lines, outcome.finished ? 'The rest was applied.' : AGAIN] };
}

function clusterOutcomes({ clusters }: ApplyOutcome): readonly LayerOutcome[] {
  return clusters.map((one) => {
    const layer = `Cluster ${one.of.cluster.name}`;
    if ('problem' in one) return failedLayer(layer, one.problem);
    const { steps } = one.found;
    const lines = [`  ! ${counted(steps.length, 'object')} changed meanwhile; apply again`];
    return steps.length === 0 ? { layer, code: 0, lines: [] } : { layer, code: 1, lines };
  });
}

function databaseOutcomes({ databases }: ApplyOutcome): readonly LayerOutcome[] {
  return databases.map((one) => {
    const layer = `Target ${one.of.id}`;
    if ('problem' in one) return failedLayer(layer, one.problem);
    const { missing, left } = one.found;
    const lines = [
      ...missing.map(
        ({ place, problem }) => `  ! ${place}: ${problem}; apply again when it exists`,
      ),
      ...left.waiting.map(({ place, text }) => `  . ${place}. ${text} Apply again later.`),
      ...left.blocked.map(({ place, text }) => `  ! ${place}. ${text}`),
      ...(left.steps.length > 0 && missing.length === 0
        ? [`  ! ${counted(left.steps.length, 'thing')} changed meanwhile; apply again`]
        : []),
    ];
    return { layer, code: lines.length > 0 ? 1 : 0, lines };
  });
}

function failedLayer(layer: string, problem: Parameters<typeof problemLines>[0]): LayerOutcome {
  return { layer, code: DECISIONS.has(problem.code) ? 1 : 3, lines: problemLines(problem) };
}

export function applyJson({ finished, clusters, databases }: ApplyOutcome) {
  return {
    finished,
    clusters: clusters.map((one) => ({
      name: one.of.cluster.name,
      ...('problem' in one ? { problem: problemJson(one.problem) } : { left: one.found.steps }),
    })),
    databases: databases.map((one) => ({
      target: one.of.id,
      ...('problem' in one ? { problem: problemJson(one.problem) } : one.found),
    })),
  };
}
