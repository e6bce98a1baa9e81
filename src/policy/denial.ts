// SPDX-License-Identifier: Apache-2.0
import type { DenialReason, Denied, RuleReference } from '../model/decision.ts';
import { type Need, objectText } from '../model/request.ts';
import type { MatchedDeny, MatchedGrant, Rights } from './access.ts';
import { allHold, type Surroundings } from './condition.ts';
import { whenText } from './condition-text.ts';
import type { Target } from './policy.ts';

/** A denial names at most this many rules; more would not help its reader. */
const RULES_NAMED = 5;

/** From the hardest obstacle to the one that goes away by waiting. */
const OBSTACLES = [
  'not-permitted',
  'groups-unknown',
  'grant-expired',
  'condition-not-met',
] as const;
type Obstacle = (typeof OBSTACLES)[number];

export function denied(
  reason: DenialReason,
  detail: string,
  rules: readonly RuleReference[],
): Denied {
  return { effect: 'deny', reason, detail, rules: rules.slice(0, RULES_NAMED) };
}

export function deniedByRule(
  { deny, certain }: MatchedDeny,
  rights: Rights,
  target: Target,
): Denied {
  const who = rights.principal.id;
  if (certain) return denied('denied-by-rule', `${deny.rule.name} keeps ${who} out`, [deny.rule]);
  const detail =
    `${deny.rule.name} keeps a group out of ${target.id}, and the identity provider did not ` +
    `list all groups of ${who}`;
  return denied('groups-unknown', detail, [deny.rule]);
}

/** Why nothing lets the principal in, when no active grant matches. */
export function deniedLogin(rights: Rights, target: Target, surroundings: Surroundings): Denied {
  const what = `access to ${target.id}`;
  return lacking(rights, target, surroundings, what, () => true, rights.grants);
}

/** Why these needs are not all covered: the hardest obstacle is told, for it has to go first. */
export function deniedNeeds(
  rights: Rights,
  target: Target,
  surroundings: Surroundings,
  uncovered: readonly Need[],
): Denied {
  let hardest: Denied | undefined;
  for (const need of uncovered) {
    const close = rights.grants.filter((matched) => matched.coverage.touches(need.object));
    const denial = lacking(
      rights,
      target,
      surroundings,
      `${need.action} on ${objectText(need.object)}`,
      (matched) => matched.coverage.covers(need),
      close.length > 0 ? close : rights.grants,
    );
    if (!hardest || hardness(denial) < hardness(hardest)) hardest = denial;
  }
  return hardest ?? deniedLogin(rights, target, surroundings);
}

function hardness(denial: Denied): number {
  // `no-grant` is found nowhere in the list and comes before all of it.
  return OBSTACLES.indexOf(denial.reason as Obstacle);
}

function lacking(
  rights: Rights,
  target: Target,
  surroundings: Surroundings,
  what: string,
  gives: (matched: MatchedGrant) => boolean,
  close: readonly MatchedGrant[],
): Denied {
  const who = rights.principal.id;
  const giving = rights.grants.filter(gives);
  const waiting = giving.filter(({ grant }) => !isExpired(grant.expires, surroundings.now));
  const [first] = waiting;
  if (first) {
    const detail = `${first.grant.rule.name} gives ${what} only when ${whenText(first.grant.when)}`;
    return denied('condition-not-met', detail, references(waiting));
  }
  const [expired] = giving;
  if (expired) {
    const end = new Date(expired.grant.expires ?? 0).toISOString();
    return denied(
      'grant-expired',
      `${expired.grant.rule.name} ended at ${end}`,
      references(giving),
    );
  }
  const unsure = rights.unsure.filter(
    (matched) => gives(matched) && isActive(matched, rights, target, surroundings),
  );
  if (unsure.length > 0) {
    const detail = `a group would give ${what}, and the provider did not list all groups of ${who}`;
    return denied('groups-unknown', detail, references(unsure));
  }
  if (rights.grants.length === 0) {
    return denied('no-grant', `no Grant gives ${who} anything on ${target.id}`, []);
  }
  return denied('not-permitted', `no Grant gives ${who} ${what}`, references(close));
}

export function isActive(
  { grant }: MatchedGrant,
  rights: Rights,
  target: Target,
  surroundings: Surroundings,
): boolean {
  if (isExpired(grant.expires, surroundings.now)) return false;
  return (
    grant.when.length === 0 || allHold(grant.when, rights.principal, target, surroundings, 'grant')
  );
}

export function isExpired(expires: number | undefined, now: number): boolean {
  return expires !== undefined && now >= expires;
}

function references(matched: readonly MatchedGrant[]): readonly RuleReference[] {
  return matched.map(({ grant }) => grant.rule);
}
