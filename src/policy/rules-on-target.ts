// SPDX-License-Identifier: Apache-2.0
import type { DataRole, Deny, Grant, Policy } from './policy.ts';

export interface RulesOnTarget {
  readonly grants: readonly Grant[];
  readonly denies: readonly Deny[];
  /** Roles that the grants give there, each once. */
  readonly roles: readonly DataRole[];
}

const NOTHING: RulesOnTarget = { grants: [], denies: [], roles: [] };
const byPolicy = new WeakMap<Policy, ReadonlyMap<string, RulesOnTarget>>();

/** The rules that select a target; sorted out once per policy. */
export function rulesOnTarget(policy: Policy, targetId: string): RulesOnTarget {
  let byTarget = byPolicy.get(policy);
  if (!byTarget) {
    byTarget = sortOut(policy);
    byPolicy.set(policy, byTarget);
  }
  return byTarget.get(targetId) ?? NOTHING;
}

function sortOut(policy: Policy): ReadonlyMap<string, RulesOnTarget> {
  const grants = byTarget(policy.grants);
  const denies = byTarget(policy.denies);
  const targets = new Set([...grants.keys(), ...denies.keys()]);
  return new Map(
    [...targets].map((target) => {
      const given = grants.get(target) ?? [];
      const ids = new Set(given.flatMap(({ roles }) => roles.get(target) ?? []));
      const roles = [...ids].flatMap((id) => policy.roles.get(id) ?? []);
      return [target, { grants: given, denies: denies.get(target) ?? [], roles }];
    }),
  );
}

function byTarget<Rule extends Grant | Deny>(rules: readonly Rule[]): Map<string, Rule[]> {
  const sorted = new Map<string, Rule[]>();
  for (const rule of rules) {
    for (const target of rule.targets) {
      const there = sorted.get(target);
      if (there) there.push(rule);
      else sorted.set(target, [rule]);
    }
  }
  return sorted;
}
