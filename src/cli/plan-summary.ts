// SPDX-License-Identifier: Apache-2.0
import type { DeclarationPlan } from '../app/plan-declaration.ts';
import { referenceText } from '../compile/kube/object.ts';
import type { ObjectPlan } from '../compile/kube/plan.ts';
import type { PosternError } from '../model/errors.ts';
import { counted } from './plan-text.ts';

/** What a plan comes to. */
export interface PlanSummary {
  readonly steps: number;
  /** What keeps an apply from beginning at all. */
  readonly blocks: readonly string[];
  /** Fields that other managers hold and that would change. */
  readonly conflicts: readonly string[];
  readonly unreached: readonly { readonly layer: string; readonly problem: PosternError }[];
  /** Nothing to do and nobody gains or loses anything; not claimed of what was not reached. */
  readonly empty: boolean;
}

export function planSummary({ clusters, databases, access }: DeclarationPlan): PlanSummary {
  const blocks: string[] = [];
  const conflicts: string[] = [];
  const unreached: { layer: string; problem: PosternError }[] = [];
  let steps = 0;
  let left = 0;
  for (const one of clusters) {
    const layer = `Cluster ${one.of.cluster.name}`;
    if ('problem' in one) unreached.push({ layer, problem: one.problem });
    else {
      const { plan } = one.found;
      steps += plan.steps.length;
      for (const { severity, problem } of plan.obstacles) {
        if (severity === 'blocks') blocks.push(`${layer}: ${problem}`);
      }
      conflicts.push(...conflictsOf(plan).map((text) => `${layer}: ${text}`));
    }
  }
  for (const one of databases) {
    const layer = `Target ${one.of.id}`;
    if ('problem' in one) unreached.push({ layer, problem: one.problem });
    else {
      const { plan } = one.found;
      steps += plan.steps.length;
      left += plan.waiting.length;
      blocks.push(...plan.blocked.map(({ place, text }) => `${layer}: ${place}. ${text}`));
    }
  }
  const { changes, settings, undecided, repairs } = access;
  const told = changes.length + settings.length + undecided.length + repairs.length;
  const empty = steps + left + blocks.length + told === 0;
  return { steps, blocks, conflicts, unreached, empty };
}

function conflictsOf({ steps }: ObjectPlan): readonly string[] {
  return steps.flatMap((step) => {
    if (step.action !== 'update') return [];
    return step.changes
      .filter(({ holders }) => holders.length > 0)
      .map(({ field, holders }) => {
        return `${holders.join(' and ')} holds ${field} of ${referenceText(step.reference)}`;
      });
  });
}

/** The last line but one of a plan. */
export function summaryText({ steps, blocks, conflicts, unreached }: PlanSummary): string {
  const parts = [
    counted(steps, 'step'),
    ...(blocks.length > 0 ? [`${blocks.length} in the way`] : []),
    ...(conflicts.length > 0 ? [`${conflicts.length} held by others`] : []),
    ...(unreached.length > 0 ? [`${counted(unreached.length, 'layer')} not reached`] : []),
  ];
  return `Plan: ${parts.join(', ')}.`;
}
