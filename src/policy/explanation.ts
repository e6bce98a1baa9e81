// SPDX-License-Identifier: Apache-2.0
import type { Decision, Denied, RuleReference } from '../model/decision.ts';
import { type Need, objectText } from '../model/request.ts';
import type { Surroundings } from './condition.ts';
import { type Access, decideLogin, decideRequest, type RequestQuestion } from './decide.ts';
import type { Policy, Target } from './policy.ts';
import { needQuestion } from './question.ts';
import { RoleCoverage } from './role-coverage.ts';

export interface ExplainedNeed {
  readonly need: string;
  readonly allowed: boolean;
  readonly rules: readonly RuleReference[];
}

export interface Explanation {
  readonly decision: Decision;
  /** Each right the request needs, asked alone. */
  readonly needs: readonly ExplainedNeed[];
  /** What would have to change for a denied request; empty for an allowed one. */
  readonly remedies: readonly string[];
}

/** The decision on a request (`undefined`: on connecting), and what it hangs on. */
export function explain(
  access: Access,
  question: RequestQuestion | undefined,
  surroundings: Surroundings,
): Explanation {
  const decision = question
    ? decideRequest(access, question, surroundings)
    : decideLogin(access, surroundings);
  const denied = decision.effect === 'deny' ? decision : decision.wouldDeny;
  const asked = question?.needs ?? [];
  const needs = asked.map((need) => {
    const alone = decideRequest(access, needQuestion(need), surroundings);
    const allowed = alone.effect === 'allow' && !alone.wouldDeny;
    return { need: needText(need), allowed, rules: alone.rules };
  });
  const missing = asked.filter((_, index) => !needs[index]?.allowed);
  return { decision, needs, remedies: denied ? remedies(denied, missing, access) : [] };
}

export function needText({ action, object }: Need): string {
  return `${action} ${objectText(object)}`;
}

function remedies(denied: Denied, missing: readonly Need[], access: Access): readonly string[] {
  const [rule] = denied.rules;
  const named = rule ? `${rule.name} (${placeText(rule)})` : 'the rule';
  switch (denied.reason) {
    case 'no-grant':
    case 'not-permitted':
      return missing.length > 0
        ? missing.map((need) => neededRole(need, access))
        : [`A Grant on ${access.target.id} with a subject that means ${access.principal.id}.`];
    case 'denied-by-rule':
      return [`A Deny wins over every Grant: ${named} would have to leave this principal out.`];
    case 'condition-not-met':
      return [`Ask again when the condition of ${named} holds (--at, --claim, --source-ip).`];
    case 'grant-expired':
      return [`A later "expires" in ${named}.`];
    case 'groups-unknown':
      return ['An identity provider that lists all groups, or app roles instead of groups.'];
    case 'require-where':
      return ['A WHERE that names a column; or a DataRole without that guardrail.'];
    case 'multi-statement':
      return ['One statement per request; or "multiStatement: Allow" in every role that gives it.'];
    case 'local-infile':
      return ['"localInfile: Allow" in every role that gives it.'];
    default:
      return [];
  }
}

/** Roles that a Grant on this target could name to give the right. */
function neededRole(need: Need, { policy, target }: Access): string {
  const roles = rolesGiving(need, policy, target);
  if (roles.length > 0) return `A Grant of role ${roles.join(' or ')} gives ${needText(need)}.`;
  return `No role that fits ${target.id} gives ${needText(need)}: a DataRole in ${target.namespace} has to.`;
}

function rolesGiving(need: Need, policy: Policy, target: Target): readonly string[] {
  const { system } = target;
  const foldNames = 'caseInsensitiveNames' in system && system.caseInsensitiveNames;
  return [...policy.roles.values()]
    .filter(({ id, builtIn }) =>
      builtIn ? id.startsWith(`${target.id}#`) : id.startsWith(`${target.namespace}/`),
    )
    .filter((role) => new RoleCoverage(role, foldNames).covers(need))
    .map(({ name }) => name);
}

export function placeText({ position }: RuleReference): string {
  return `${position.file}:${position.line}`;
}
