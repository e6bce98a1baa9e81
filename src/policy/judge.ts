// SPDX-License-Identifier: Apache-2.0
import type { Allowed, Decision, Denied } from '../model/decision.ts';
import type { Need } from '../model/request.ts';
import type { Combination, MatchedGrant, Rights } from './access.ts';
import type { StatementFeatures, StatementKind } from './analyse/analysis.ts';
import { combineLimits } from './combined-limits.ts';
import { allHold, type Surroundings } from './condition.ts';
import { denied, deniedByRule, deniedLogin, deniedNeeds, isActive } from './denial.ts';
import type { Guardrails, Policy, Target } from './policy.ts';

export interface RequestQuestion {
  readonly kind: StatementKind;
  readonly needs: readonly Need[];
  readonly features: StatementFeatures;
}

const NO_NEEDS: readonly Need[] = [];
/** Sets of grants are keyed by an integer of one bit each as long as they fit. */
const BITS_IN_KEY = 31;
const COMBINATIONS_KEPT = 1_000;

/** May connect at all: some grant is active and no Deny is. */
export function judgeLogin(
  rights: Rights,
  policy: Policy,
  target: Target,
  surroundings: Surroundings,
): Decision {
  const denial = ruledOut(rights, target, surroundings);
  if (denial) return denial;
  const allowing = allowingGrants(rights, target, surroundings, NO_NEEDS);
  if (!allowing) return deniedLogin(rights, target, surroundings);
  return combination(rights, policy, allowing).allowed;
}

/** The rules of one principal applied to one request, in their fixed order. */
export function judgeRequest(
  rights: Rights,
  policy: Policy,
  target: Target,
  question: RequestQuestion,
  surroundings: Surroundings,
): Decision {
  const denial = ruledOut(rights, target, surroundings);
  if (denial) return denial;
  const allowing = allowingGrants(rights, target, surroundings, question.needs);
  if (!allowing) return deniedFor(rights, target, surroundings, question.needs);
  const { allowed, guardrails } = combination(rights, policy, allowing);
  return guarded(question, guardrails, allowed) ?? allowed;
}

/** Any matching Deny wins; one that certainly matches is told before one that may. */
function ruledOut(rights: Rights, target: Target, surroundings: Surroundings): Denied | undefined {
  const { denies, principal } = rights;
  if (denies.length === 0) return undefined;
  const active = denies.filter(
    ({ deny }) =>
      deny.when.length === 0 || allHold(deny.when, principal, target, surroundings, 'deny'),
  );
  const matched = active.find(({ certain }) => certain) ?? active[0];
  return matched && deniedByRule(matched, rights, target);
}

/**
 * One flag per grant, valid until the next decision: 1 when it is active and covers a need (or there
 * are none). Undefined when some need is covered by no active grant, or nothing is active.
 */
function allowingGrants(
  rights: Rights,
  target: Target,
  surroundings: Surroundings,
  needs: readonly Need[],
): Uint8Array | undefined {
  const { flags } = rights;
  flags.fill(0);
  if (needs.length === 0) {
    return markAllowing(flags, rights, target, surroundings, undefined) ? flags : undefined;
  }
  for (const need of needs) {
    if (!markAllowing(flags, rights, target, surroundings, need)) return undefined;
  }
  return flags;
}

function markAllowing(
  flags: Uint8Array,
  rights: Rights,
  target: Target,
  surroundings: Surroundings,
  need: Need | undefined,
): boolean {
  const { grants } = rights;
  let any = false;
  for (let index = 0; index < grants.length; index++) {
    const matched = grants[index] as MatchedGrant;
    if (need && !matched.coverage.covers(need)) continue;
    if (!isActive(matched, rights, target, surroundings)) continue;
    flags[index] = 1;
    any = true;
  }
  return any;
}

function deniedFor(
  rights: Rights,
  target: Target,
  surroundings: Surroundings,
  needs: readonly Need[],
): Denied {
  const uncovered = needs.filter(
    (need) =>
      !rights.grants.some(
        (matched) =>
          matched.coverage.covers(need) && isActive(matched, rights, target, surroundings),
      ),
  );
  return deniedNeeds(rights, target, surroundings, uncovered);
}

function combination(rights: Rights, policy: Policy, flags: Uint8Array): Combination {
  const { combinations } = rights;
  const key = flags.length <= BITS_IN_KEY ? bitsOf(flags) : flags.join('');
  let known = combinations.get(key);
  if (!known) {
    if (combinations.size >= COMBINATIONS_KEPT) combinations.clear();
    known = combine(
      rights.grants.filter((_, index) => flags[index] === 1),
      policy,
    );
    combinations.set(key, known);
  }
  return known;
}

function bitsOf(flags: Uint8Array): number {
  let bits = 0;
  for (let index = 0; index < flags.length; index++) bits |= (flags[index] as number) << index;
  return bits;
}

/**
 * Privileges add up; everything that restrains combines to the strictest: a WHERE is required as
 * soon as one role requires it, and an exception needs every role that allows the request.
 */
function combine(matched: readonly MatchedGrant[], policy: Policy): Combination {
  const guardrails = matched.map(({ role }) => role.guardrails);
  const every = (name: 'multiStatement' | 'localInfile') =>
    guardrails.every((one) => one[name] === 'Allow') ? 'Allow' : 'Deny';
  return {
    allowed: {
      effect: 'allow',
      rules: matched.map(({ grant }) => grant.rule),
      ...combineLimits(
        matched.map(({ grant }) => grant),
        policy,
      ),
    },
    guardrails: {
      requireWhere: new Set(guardrails.flatMap((one) => [...one.requireWhere])),
      multiStatement: every('multiStatement'),
      localInfile: every('localInfile'),
    },
  };
}

function guarded(
  question: RequestQuestion,
  guardrails: Guardrails,
  allowed: Allowed,
): Denied | undefined {
  const { localInfile, multiStatement } = question.features;
  if (multiStatement && guardrails.multiStatement === 'Deny') {
    return denied('multi-statement', 'send one statement at a time', allowed.rules);
  }
  if (localInfile && guardrails.localInfile === 'Deny') {
    return denied('local-infile', 'no role allows LOAD DATA LOCAL here', allowed.rules);
  }
  for (const action of guardrails.requireWhere) {
    if (!lacksWhere(question, action)) continue;
    const detail = `${action.toUpperCase()} needs a WHERE that names a column, in a statement alone`;
    return denied('require-where', detail, allowed.rules);
  }
  return undefined;
}

/** Statements that may hold an UPDATE or DELETE of their own, whatever their kind says. */
const MAY_HOLD_OTHERS: ReadonlySet<StatementKind> = new Set([
  'explain',
  'compound',
  'prepare',
  'execute',
  'other',
]);

/** `hasWhere` tells that there is one WHERE; with several statements it says nothing about each. */
function lacksWhere(question: RequestQuestion, action: 'update' | 'delete'): boolean {
  const { kind, features, needs } = question;
  const several = features.multiStatement || kind === 'compound' || kind === 'other';
  const concerned =
    kind === action ||
    ((several || MAY_HOLD_OTHERS.has(kind)) && needs.some((need) => need.action === action));
  return concerned && (several || !features.hasWhere);
}
