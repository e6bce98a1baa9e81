// SPDX-License-Identifier: Apache-2.0
import type { RuleReference } from '../../model/decision.ts';
import { subjectText } from '../../policy/subject-text.ts';
import type { Difference } from './difference.ts';
import { differences } from './differences.ts';
import { isForExisting, type Scope } from './managed.ts';
import type { ObservedState } from './observed.ts';
import { type Right, rightKey, rightsText } from './right.ts';
import { ServerState } from './server-state.ts';

/** What the holders of one DataRole can do on the server after the plan and could not before. */
export interface EffectiveChange {
  /** DataRole id. */
  readonly dataRole: string;
  /** Whom Grants give it to; empty: nobody any more. */
  readonly who: readonly string[];
  readonly gains: string;
  readonly loses: string;
  readonly rule?: RuleReference;
}

/** The differences by what happens to them. Nothing is carried out while something is blocked. */
export interface DatabasePlan {
  /** In this order: what is new first, what is no longer declared last. */
  readonly steps: readonly Difference[];
  readonly blocked: readonly Difference[];
  readonly waiting: readonly Difference[];
  /** Of others: for a person to judge. */
  readonly findings: readonly Difference[];
  readonly access: readonly EffectiveChange[];
}

export function planDatabase(scope: Scope, observed: ObservedState): DatabasePlan {
  const found = differences(scope, observed);
  const blocks = ({ by, code }: Difference) =>
    by === 'bootstrap' || code === 'role-foreign' || code === 'view-foreign';
  return {
    steps: found.filter(({ by }) => by === 'apply'),
    blocked: found.filter(blocks),
    waiting: found.filter(({ by }) => by === 'wait'),
    findings: found.filter((one) => one.by === 'operator' && !blocks(one)),
    access: effectiveChanges(scope, new ServerState(observed)),
  };
}

function effectiveChanges(scope: Scope, state: ServerState): readonly EffectiveChange[] {
  const { desired, broker, policy, target } = scope;
  const registered = state.all.registry.roles.filter((role) => role.broker === broker);
  const ids = [...desired.roles, ...registered].map(({ dataRole }) => dataRole);
  return [...new Set(ids)].sort().flatMap((dataRole) => {
    const now = registered
      .filter((role) => role.dataRole === dataRole && role.ready)
      .flatMap(({ name }) => state.rights(name, ''));
    const role = desired.roles.find((one) => one.dataRole === dataRole);
    const then = desired.steps
      .filter((step) => step.kind === 'grant' && step.part === role?.name)
      .filter((step) => isForExisting(step, state))
      .flatMap(({ rights = [] }) => rights);
    const gains = without(then, now, viewTexts(scope, state));
    const loses = without(now, then, viewTexts(scope, state));
    if (gains.length === 0 && loses.length === 0) return [];
    const grants = policy.grants.filter(
      (grant) => grant.targets.has(target.id) && grant.roles.get(target.id) === dataRole,
    );
    const change: EffectiveChange = {
      dataRole,
      who: [...new Set(grants.flatMap(({ subjects }) => subjects.map(subjectText)))],
      gains: rightsText(gains),
      loses: rightsText(loses),
      ...(role && { rule: role.rule }),
    };
    return [change];
  });
}

/** Views that say something else, or are not there, give something else. */
function viewTexts({ desired }: Scope, state: ServerState): ReadonlySet<string> {
  const changed = desired.views.filter((view) => {
    const there = state.all.views.find(
      (one) => one.schema === view.schema && one.name === view.name,
    );
    return there?.text !== view.text;
  });
  return new Set(changed.map(({ schema, name }) => JSON.stringify([schema, name])));
}

function without(
  rights: readonly Right[],
  others: readonly Right[],
  changedViews: ReadonlySet<string>,
): readonly Right[] {
  const known = new Set(others.map(rightKey));
  return rights.filter(
    (right) =>
      !known.has(rightKey(right)) ||
      (right.level === 'table' && changedViews.has(JSON.stringify([right.schema, right.object]))),
  );
}
