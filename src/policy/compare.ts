// SPDX-License-Identifier: Apache-2.0
import type { Decision, RuleReference } from '../model/decision.ts';
import type { Principal } from '../model/principal.ts';
import type { Need } from '../model/request.ts';
import { whenText } from './condition-text.ts';
import { DecisionEngine } from './decide.ts';
import { decider } from './decider.ts';
import { distinguishedNeeds, rightsTexts } from './needs.ts';
import type { Grant, Policy } from './policy.ts';
import type { PrincipalAtom } from './principal-atom.ts';
import { principalAtoms, targetRules } from './principal-atoms.ts';
import { asEnforced } from './question.ts';
import { accessContent, contentText, targetContent } from './rule-content.ts';
import { type SettingChange, settingChanges } from './setting-changes.ts';
import { type Situation, situations } from './situations.ts';
import { WidestFirst } from './widest-first.ts';

/** Somebody concrete for whom both engines gave these two decisions. */
export interface Witness extends Situation {
  /** Absent: connecting. */
  readonly need?: Need;
  readonly before: Decision;
  readonly after: Decision;
}

export interface AccessChange {
  readonly direction: 'gains' | 'loses';
  /** True when both policies give it, one of them in more situations (times, claims, ...). */
  readonly inPart: boolean;
  /** Who, as text; `*` stands for everybody no rule names. */
  readonly subjects: readonly string[];
  readonly target: string;
  /** `select, insert on shop.orders`. */
  readonly rights: readonly string[];
  /** When the granting rule applies; empty: always. */
  readonly when: string;
  /** The grants that give it, in the policy in which it is allowed. */
  readonly grants: readonly RuleReference[];
  /** The Deny that takes it away in the other policy, if one does. */
  readonly deny?: RuleReference;
  readonly witness: Witness;
}

export interface PolicyDiff {
  readonly changes: readonly AccessChange[];
  /** What is not a right: limits, guardrails, who is trusted to vouch. */
  readonly settings: readonly SettingChange[];
  /** Targets for which the work ran over the budget; nothing is claimed about them. */
  readonly undecided: readonly string[];
}

export interface CompareOptions {
  /** From when on rules are compared, ms since the epoch. */
  readonly nowMs: number;
  /** How many decisions may be taken; the default is about five seconds of work. */
  readonly budget?: number;
  /** Ids; absent: every Target of both policies. */
  readonly targets?: ReadonlySet<string>;
}

export const DECISIONS_BUDGET = 4_000_000;

/**
 * Who gains and who loses what between two policies. Rules are products of sets, so it is enough
 * to ask both engines about one principal, moment and object of each kind that the rules tell
 * apart; each change comes with such a witness. Observe mode is looked through: rights are those
 * that Enforce would give.
 */
export function diffPolicies(
  before: Policy,
  after: Policy,
  { nowMs, budget = DECISIONS_BUDGET, targets: chosen }: CompareOptions,
): PolicyDiff {
  const pair = [asEnforced(before), asEnforced(after)] as const;
  const comparison = new Comparison(pair, nowMs, budget);
  const targets = chosen ?? new Set([...before.targets.keys(), ...after.targets.keys()]);
  const undecided: string[] = [];
  const changes: AccessChange[] = [];
  for (const target of [...targets].sort()) {
    const found = comparison.target(target);
    if (found) changes.push(...found);
    else undecided.push(target);
  }
  return { changes, settings: settingChanges(before, after), undecided };
}

interface Difference extends Witness {
  inPart: boolean;
}

/** What one kind of principal gains or loses, by right. */
type Differences = ReadonlyMap<string, Difference>;

class Comparison {
  readonly #policies: readonly [Policy, Policy];
  readonly #engines: readonly [DecisionEngine, DecisionEngine];
  readonly #nowMs: number;
  readonly #sameTrust: boolean;
  #budget: number;

  constructor(policies: readonly [Policy, Policy], nowMs: number, budget: number) {
    this.#policies = policies;
    this.#engines = [new DecisionEngine(policies[0]), new DecisionEngine(policies[1])];
    this.#nowMs = nowMs;
    this.#sameTrust = trustDomains(policies[0]) === trustDomains(policies[1]);
    this.#budget = budget;
  }

  /** Undefined when the budget is used up. */
  target(target: string): readonly AccessChange[] | undefined {
    const [before, after] = this.#policies;
    // A trust domain decides which workloads a SPIFFE id means.
    if (this.#sameTrust && targetContent(before, target) === targetContent(after, target)) {
      return [];
    }
    const needs = [undefined, ...distinguishedNeeds(this.#policies, target)];
    const bySignature = new Map<string, Differences>();
    const widest = new WidestFirst(groupKey);
    for (const atom of principalAtoms(targetRules(this.#policies, target))) {
      if (--this.#budget < 0) return undefined;
      const accesses = this.#engines.map((engine) =>
        engine.access(atom.principal, target, this.#nowMs),
      );
      const [was = '', is = ''] = accesses.map(accessContent);
      if (was === is) continue;
      const signature = `${was}\n${is}`;
      let differences = bySignature.get(signature);
      if (!differences) {
        differences = this.#differences(atom, target, needs);
        if (!differences) return undefined;
        bySignature.set(signature, differences);
      }
      widest.add(atom, differences);
    }
    return widest.groups().flatMap(([atoms, found]) => {
      const [first] = atoms;
      const witnesses = [...found.values()].map((one) =>
        first ? this.#witnessOf(first, target, one) : one,
      );
      return this.#changes(target, atoms, witnesses);
    });
  }

  #differences(
    atom: PrincipalAtom,
    target: string,
    needs: readonly (Need | undefined)[],
  ): Differences | undefined {
    const [before, after] = this.#engines;
    const accesses = this.#engines.flatMap(
      (engine) => engine.access(atom.principal, target, this.#nowMs) ?? [],
    );
    const { principals, surroundings, complete } = situations(
      atom.principal,
      accesses,
      this.#nowMs,
    );
    this.#budget -= principals.length * surroundings.length * needs.length;
    if (!complete || this.#budget < 0) return undefined;
    const found = new Map<string, Difference>();
    const everAllowed = [new Set<Need | undefined>(), new Set<Need | undefined>()] as const;
    for (const principal of principals) {
      for (const moment of surroundings) {
        const decide = [
          decider(before, principal, target, moment),
          decider(after, principal, target, moment),
        ] as const;
        for (const need of needs) {
          const [was, is] = [decide[0](need), decide[1](need)];
          if (was.effect === 'allow') everAllowed[0].add(need);
          if (is.effect === 'allow') everAllowed[1].add(need);
          if (was.effect === is.effect) continue;
          const key = `${is.effect === 'allow' ? 'gains' : 'loses'} ${JSON.stringify(need)}`;
          if (found.has(key)) continue;
          const seen = { principal, surroundings: moment, before: was, after: is, inPart: false };
          found.set(key, need ? { ...seen, need } : seen);
        }
      }
    }
    for (const one of found.values()) {
      one.inPart = everAllowed.every((needs) => needs.has(one.need));
    }
    return found;
  }

  /** The same difference shown by a principal of this kind, asked of both engines again. */
  #witnessOf(atom: PrincipalAtom, target: string, witness: Difference): Difference {
    const { need, surroundings } = witness;
    const principal = withAttributes(atom.principal, witness.principal);
    const [before, after] = this.#engines.map((engine) =>
      decider(engine, principal, target, surroundings)(need),
    );
    const same = before?.effect === witness.before.effect && after?.effect === witness.after.effect;
    return same && before && after ? { ...witness, principal, before, after } : witness;
  }

  /** Changes of one group of principals, a separate one per reason. */
  #changes(
    target: string,
    atoms: readonly PrincipalAtom[],
    differences: readonly Difference[],
  ): readonly AccessChange[] {
    const byReason = new Map<string, Difference[]>();
    for (const witness of differences) {
      const { direction, grants, deny } = this.#reason(witness);
      const names = grants.map(({ rule }) => rule.name);
      const key = JSON.stringify([direction, witness.inPart, names, deny?.name]);
      byReason.set(key, [...(byReason.get(key) ?? []), witness]);
    }
    return [...byReason.values()].flatMap((witnesses) => {
      const [shown] = witnesses.filter(({ need }) => need).concat(witnesses);
      if (!shown) return [];
      const { direction, grants, deny } = this.#reason(shown);
      const { inPart, ...witness } = shown;
      return {
        direction,
        inPart,
        subjects: atoms.map(({ text }) => text),
        target,
        rights: rightsTexts(witnesses.map(({ need }) => need)),
        when: conditionsOf(grants),
        grants: grants.map(({ rule }) => rule),
        ...(deny && { deny }),
        witness,
      };
    });
  }

  #reason({ before, after }: Witness) {
    const gains = after.effect === 'allow';
    const [allowed, denied] = gains ? [after, before] : [before, after];
    const [policy, other] = gains ? [this.#policies[1], this.#policies[0]] : this.#policies;
    const named = new Set(allowed.rules.map(({ name }) => name));
    const allowing = policy.grants.filter(({ rule }) => named.has(rule.name));
    const known = new Set(other.grants.map(({ rule }) => rule.name));
    const added = allowing.filter(({ rule }) => !known.has(rule.name));
    const byDeny = denied.effect === 'deny' && denied.reason === 'denied-by-rule';
    return {
      direction: gains ? ('gains' as const) : ('loses' as const),
      // Of several grants that allow it, the one that only this policy has is the reason.
      grants: added.length > 0 && !byDeny ? added : allowing,
      deny: byDeny ? denied.rules[0] : undefined,
    };
  }
}

function trustDomains({ clusters }: Policy): string {
  return contentText(
    [...clusters.values()].map((one) => [one.name, one.trustDomain, one.trustDomainAliases]),
  );
}

/** Claims and method of another principal, at each step of a delegation. */
function withAttributes(principal: Principal, from: Principal): Principal {
  const { claims, method } = from;
  const [person, like] = [principal.onBehalfOf, from.onBehalfOf];
  return {
    ...principal,
    claims,
    method,
    ...(person && like && { onBehalfOf: withAttributes(person, like) }),
  };
}

/** Principals are told together when they gain and lose the same by the same rules. */
function groupKey(differences: Differences): string {
  const [first] = differences.values();
  const rules = [first?.before, first?.after].map((one) => one?.rules.map(({ name }) => name));
  return JSON.stringify([[...differences.keys()].sort(), rules]);
}

function conditionsOf(grants: readonly Grant[]): string {
  const texts = grants.map(({ when, expires }) => {
    const end = expires === undefined ? [] : [`until ${new Date(expires).toISOString()}`];
    return [...(when.length > 0 ? [whenText(when)] : []), ...end].join(' ');
  });
  // One grant without conditions gives it always.
  return texts.includes('') ? '' : [...new Set(texts)].join(', or ');
}
