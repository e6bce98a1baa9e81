// SPDX-License-Identifier: Apache-2.0
import { observedRole } from '../policy/observe.ts';
import type { DataRole, Policy } from '../policy/policy.ts';
import type { PrincipalAtom } from '../policy/principal-atom.ts';
import type { Declared, MatchedRules, Reading } from './declared.ts';
import type { Gateway } from './gateway.ts';
import type { WorkBudget } from './work-budget.ts';

/** A lease as the gateway lends it, and what the declaration says about everybody who gets it. */
export interface LeaseSet {
  readonly key: string;
  /** What the gateway would lend. */
  readonly lent: readonly DataRole[];
  /** What the declaration gives: in Observe mode the built-in writer too. */
  readonly declared: readonly DataRole[];
  /** One of each kind, widest first. */
  readonly members: readonly LeaseMember[];
}

export interface LeaseMember {
  readonly atom: PrincipalAtom;
  readonly rules: MatchedRules;
  readonly reading: Reading;
}

/** Undefined: over the budget. Who may never log in gets no lease. */
export function leaseSets(
  {
    policy,
    declared,
    gateway,
    budget,
  }: {
    readonly policy: Policy;
    readonly declared: Declared;
    readonly gateway: Gateway;
    readonly budget: WorkBudget;
  },
  atoms: readonly PrincipalAtom[],
): readonly LeaseSet[] | undefined {
  const { target } = declared;
  const sets = new Map<string, { -readonly [K in keyof LeaseSet]: LeaseSet[K] }>();
  const seen = new Set<string>();
  for (const atom of atoms) {
    const rules = declared.rulesFor(atom.principal);
    if (rules.steps.some(({ grants }) => grants.length === 0)) continue;
    const lent = gateway.lends(atom.principal, target.id);
    const given = rolesGiven(rules, policy, declared);
    const key = [lent, given].map((roles) => roles.map(({ id }) => id).join(' ')).join(' | ');
    if (seen.has(`${key} ${rules.key}`)) continue;
    seen.add(`${key} ${rules.key}`);
    const reading = declared.reading(atom.principal, budget);
    if (!reading) return undefined;
    if (reading.login === 'never') continue;
    const set = sets.get(key) ?? { key, lent, declared: given, members: [] };
    set.members = [...set.members, { atom, rules, reading }];
    sets.set(key, set);
  }
  return [...sets.values()];
}

/** One that acts for another has the roles that both have. */
function rolesGiven(
  rules: MatchedRules,
  policy: Policy,
  { target }: Declared,
): readonly DataRole[] {
  const [own = new Set<string>(), ...others] = rules.steps.map(
    ({ grants }) => new Set(grants.flatMap(({ roles }) => roles.get(target.id) ?? [])),
  );
  const ids = [...own].filter((id) => others.every((other) => other.has(id)));
  const watched = observedRole(policy, target);
  return [...new Set([...ids, ...(watched ? [watched.id] : [])])]
    .sort()
    .flatMap((id) => policy.roles.get(id) ?? []);
}
