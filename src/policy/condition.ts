// SPDX-License-Identifier: Apache-2.0
import type { ClaimValue, Principal } from '../model/principal.ts';
import { type IpRange, parseIp, parseIpRange, rangeContains } from './ip-range.ts';
import type { Condition, Target } from './policy.ts';
import { type Side, textMatches } from './subject-match.ts';
import { inWindow } from './time-window.ts';

/** What `when` reads besides principal and target. */
export interface Surroundings {
  /** ms since the epoch. */
  readonly now: number;
  readonly sourceIp?: string;
}

/**
 * Whether all of `when` holds. A missing key never matches `values`; under `notValues` it does
 * not hold in a Grant and holds in a Deny: what is unsaid counts against the principal.
 */
export function allHold(
  when: readonly Condition[],
  principal: Principal,
  target: Target,
  surroundings: Surroundings,
  side: Side,
): boolean {
  for (const condition of when) {
    if (!holds(condition, principal, target, surroundings, side)) return false;
  }
  return true;
}

export function holds(
  condition: Condition,
  principal: Principal,
  target: Target,
  surroundings: Surroundings,
  side: Side,
): boolean {
  switch (condition.key) {
    case 'time':
      return inWindow(condition, surroundings.now);
    case 'text':
      return textHolds(condition, keyValues(condition.name, principal, target), side);
    case 'source.ip':
      return sourceHolds(condition, surroundings.sourceIp, side);
  }
}

const KEY = /^(claim|target\.label)\[(.*)\]$/s;

/** The values of a key, or undefined when it is missing; an empty list says nothing either. */
export function keyValues(
  name: string,
  principal: Principal,
  target: Target,
): readonly string[] | undefined {
  if (name === 'identity.method') return [principal.method];
  const [, holder, key = ''] = KEY.exec(name) ?? [];
  if (holder === undefined) return undefined;
  const from: Readonly<Record<string, ClaimValue>> =
    holder === 'claim' ? principal.claims : target.labels;
  const value = Object.hasOwn(from, key) ? from[key] : undefined;
  if (value === undefined) return undefined;
  const values = typeof value === 'string' ? [value] : value;
  return values.length > 0 ? values : undefined;
}

function textHolds(
  condition: Extract<Condition, { key: 'text' }>,
  values: readonly string[] | undefined,
  side: Side,
): boolean {
  if (!values) return missingHolds(condition.not, side);
  const matches = values.some((value) =>
    condition.values.some((pattern) => textMatches(pattern, value)),
  );
  return matches !== condition.not;
}

const parsedRanges = new WeakMap<readonly string[], readonly IpRange[]>();

function sourceHolds(
  condition: Extract<Condition, { key: 'source.ip' }>,
  sourceIp: string | undefined,
  side: Side,
): boolean {
  const address = sourceIp === undefined ? undefined : parseIp(sourceIp);
  if (!address) return missingHolds(condition.not, side);
  const matches = ranges(condition.cidrs).some((range) => rangeContains(range, address));
  return matches !== condition.not;
}

function missingHolds(not: boolean, side: Side): boolean {
  return not && side === 'deny';
}

/** `check` refuses a range that is none; here it would contain nothing. */
function ranges(cidrs: readonly string[]): readonly IpRange[] {
  let parsed = parsedRanges.get(cidrs);
  if (!parsed) {
    parsed = cidrs.flatMap((cidr) => parseIpRange(cidr) ?? []);
    parsedRanges.set(cidrs, parsed);
  }
  return parsed;
}
