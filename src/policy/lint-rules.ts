// SPDX-License-Identifier: Apache-2.0
import type { Access } from './access.ts';
import { allHold } from './condition.ts';
import { DecisionEngine } from './decide.ts';
import { isActive, isExpired } from './denial.ts';
import { type Diagnostic, DiagnosticList } from './diagnostic.ts';
import { distinguishedNeeds } from './needs.ts';
import type { Deny, Grant, Policy } from './policy.ts';
import { principalAtoms, targetRules } from './principal-atoms.ts';
import { asEnforced } from './question.ts';
import { accessContent } from './rule-content.ts';
import { type Situation, situations } from './situations.ts';

export interface LintOptions {
  /** From when on rules are judged, ms since the epoch. */
  readonly nowMs: number;
  /** How many situations may be looked at; more, and the Target is `undecided`. */
  readonly budget?: number;
}

const SITUATIONS_BUDGET = 500_000;

/** What was seen of one rule over all situations of all its targets. */
interface Observed {
  active: boolean;
  /** Somebody who was not denied while it was active. */
  undenied: Situation | undefined;
  denied: { readonly by: Deny; readonly situation: Situation } | undefined;
}

/**
 * Rules that could go without anybody noticing, and Grants that a Deny takes away altogether.
 * Found by looking at every situation the rules tell apart; where that is too much, the finding
 * says so.
 */
export function lintRules(
  policy: Policy,
  { nowMs, budget = SITUATIONS_BUDGET }: LintOptions,
): readonly Diagnostic[] {
  const found = new DiagnosticList();
  const lint = new RuleLint(asEnforced(policy), nowMs, budget);
  for (const target of policy.targets.values()) {
    if (lint.look(target.id)) continue;
    found.add('rules-undecided', target.rule.position, { target: target.id });
  }
  lint.report(found);
  return found.sorted();
}

class RuleLint {
  readonly #policy: Policy;
  readonly #engine: DecisionEngine;
  readonly #nowMs: number;
  #budget: number;
  readonly #grants = new Map<Grant, Observed>();
  readonly #denies = new Map<Deny, Observed>();
  /** Which rules do the same thing at once: sets of grants that cover a right, sets of denies. */
  readonly #together = new Map<string, readonly (Grant | Deny)[]>();
  readonly #unsure = new Set<Grant | Deny>();
  readonly #number = new Map<Grant | Deny, number>();

  constructor(policy: Policy, nowMs: number, budget: number) {
    this.#policy = policy;
    this.#engine = new DecisionEngine(policy);
    this.#nowMs = nowMs;
    this.#budget = budget;
    for (const rule of [...policy.grants, ...policy.denies]) {
      this.#number.set(rule, this.#number.size);
    }
  }

  /** False when there was too much to look at. */
  look(target: string): boolean {
    const needs = distinguishedNeeds([this.#policy], target);
    const seen = new Set<string>();
    for (const { principal } of principalAtoms(targetRules([this.#policy], target))) {
      const access = this.#engine.access(principal, target, this.#nowMs);
      if (!access || access.grants.length + access.denies.length === 0) continue;
      // The same rules meet for everybody with the same set of them.
      const rules = [...access.grants, ...access.denies].map((rule) => this.#number.get(rule));
      const signature = `${rules.join()} ${accessContent(access)}`;
      if (seen.has(signature)) continue;
      seen.add(signature);
      const { principals, surroundings, complete } = situations(principal, [access], this.#nowMs);
      this.#budget -= principals.length * surroundings.length;
      if (!complete || this.#budget < 0) return this.#giveUp(target);
      for (const one of principals) {
        const same = this.#engine.access(one, target, this.#nowMs);
        if (!same) continue;
        for (const moment of surroundings) this.#observe(same, one, moment, needs);
      }
    }
    return true;
  }

  #giveUp(target: string): false {
    for (const rule of [...this.#policy.grants, ...this.#policy.denies]) {
      if (rule.targets.has(target)) this.#unsure.add(rule);
    }
    return false;
  }

  #observe(
    access: Access,
    principal: Situation['principal'],
    surroundings: Situation['surroundings'],
    needs: ReturnType<typeof distinguishedNeeds>,
  ): void {
    const { target } = access;
    const situation = { principal, surroundings };
    for (const rights of access.rights) {
      const denies = rights.denies.filter(
        ({ deny, certain }) =>
          certain && allHold(deny.when, rights.principal, target, surroundings, 'deny'),
      );
      for (const { deny } of denies) observed(this.#denies, deny).active = true;
      if (denies.length > 0) this.#meet(denies.map(({ deny }) => deny));
      const grants = rights.grants.filter((one) => isActive(one, rights, target, surroundings));
      const [first] = denies;
      for (const { grant } of grants) {
        const seen = observed(this.#grants, grant);
        seen.active = true;
        if (first) seen.denied ??= { by: first.deny, situation };
        else seen.undenied ??= situation;
      }
      for (const need of needs) {
        const covering = grants.filter(({ coverage }) => coverage.covers(need));
        if (covering.length > 0) this.#meet(covering.map(({ grant }) => grant));
      }
    }
  }

  #meet(rules: readonly (Grant | Deny)[]): void {
    const sorted = [...rules].sort((a, b) => this.#rank(a) - this.#rank(b));
    this.#together.set(sorted.map((rule) => this.#rank(rule)).join(), sorted);
  }

  #rank(rule: Grant | Deny): number {
    return this.#number.get(rule) ?? 0;
  }

  report(found: DiagnosticList): void {
    const redundant = this.#redundant();
    for (const grant of this.#policy.grants) {
      if (this.#unsure.has(grant) || isExpired(grant.expires, this.#nowMs)) continue;
      this.#reportGrant(grant, redundant.get(grant), found);
    }
    for (const deny of this.#policy.denies) {
      if (this.#unsure.has(deny) || deny.targets.size === 0) continue;
      const { name: rule, position } = deny.rule;
      const others = redundant.get(deny);
      if (!this.#denies.get(deny)?.active) found.add('rule-dead', position, { rule });
      else if (others) found.add('rule-shadowed', position, { rule, others: names(others) });
    }
  }

  #reportGrant(grant: Grant, others: ReadonlySet<Grant | Deny> | undefined, found: DiagnosticList) {
    const { name: rule, position } = grant.rule;
    const seen = this.#grants.get(grant);
    if (!seen?.active) found.add('rule-dead', position, { rule });
    else if (seen.denied && !seen.undenied) {
      const { by, situation } = seen.denied;
      const facts = { rule, deny: by.rule.name, witness: situation.principal.id };
      found.add('grant-denied', position, facts);
    } else if (others) found.add('rule-shadowed', position, { rule, others: names(others) });
  }

  /**
   * Rules whose part others play every time. Looked for from the last to the first, so that all
   * that are reported could go together: what made one superfluous is not itself reported.
   */
  #redundant(): ReadonlyMap<Grant | Deny, ReadonlySet<Grant | Deny>> {
    const sets = new Map<Grant | Deny, (readonly (Grant | Deny)[])[]>();
    for (const set of this.#together.values()) {
      for (const rule of set) sets.set(rule, [...(sets.get(rule) ?? []), set]);
    }
    const redundant = new Map<Grant | Deny, Set<Grant | Deny>>();
    for (const rule of [...sets.keys()].sort((a, b) => this.#rank(b) - this.#rank(a))) {
      const kept = (sets.get(rule) ?? []).map((set) =>
        set.find((other) => other !== rule && !redundant.has(other) && !this.#unsure.has(other)),
      );
      const others = new Set(kept.flatMap((other) => other ?? []));
      if (kept.every((other) => other !== undefined)) redundant.set(rule, others);
    }
    return redundant;
  }
}

function observed<Rule>(all: Map<Rule, Observed>, rule: Rule): Observed {
  let seen = all.get(rule);
  if (!seen) {
    seen = { active: false, undenied: undefined, denied: undefined };
    all.set(rule, seen);
  }
  return seen;
}

function names(rules: ReadonlySet<Grant | Deny>): string {
  return [...rules].map(({ rule }) => rule.name).join(', ');
}
