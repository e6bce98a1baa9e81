// SPDX-License-Identifier: Apache-2.0
import type { DeclarationPlan } from '../app/plan-declaration.ts';
import type { ObjectStep } from '../compile/kube/plan.ts';
import type { PosternError } from '../model/errors.ts';

/** A plan for programs: what `--json` prints and a saved plan holds. */
export function planJson(plan: DeclarationPlan, revision: string) {
  return {
    revision,
    clusters: plan.clusters.map((one) => ({
      name: one.of.cluster.name,
      installation: one.of.input.installation,
      ...('problem' in one
        ? { problem: problemJson(one.problem) }
        : {
            server: one.found.server,
            steps: one.found.plan.steps.map(stepJson),
            obstacles: one.found.plan.obstacles,
          }),
    })),
    databases: plan.databases.map((one) => ({
      target: one.of.id,
      ...('problem' in one
        ? { problem: problemJson(one.problem) }
        : {
            appliedRevision: one.found.applied?.revision ?? null,
            steps: one.found.plan.steps,
            blocked: one.found.plan.blocked,
            waiting: one.found.plan.waiting,
            findings: one.found.plan.findings,
          }),
    })),
    access: plan.access,
  };
}

export function problemJson({ code, message, facts }: PosternError) {
  return { code, message, facts };
}

function stepJson(step: ObjectStep) {
  const { action, reference, rules } = step;
  if (step.action === 'create') return { action, reference, rules, object: step.object };
  if (step.action === 'delete') return { action, reference, rules, uid: step.uid };
  const { uid, changes, object } = step;
  return { action, reference, rules, uid, changes, object };
}

/** Sets of a policy as lists. */
export function jsonText(value: unknown): string {
  return JSON.stringify(value, (_, inner) => (inner instanceof Set ? [...inner] : inner), 2);
}
