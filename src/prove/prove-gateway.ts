// SPDX-License-Identifier: Apache-2.0
import type { Decision } from '../model/decision.ts';
import type { Principal } from '../model/principal.ts';
import { objectText } from '../model/request.ts';
import type { Surroundings } from '../policy/decide.ts';
import type { PrincipalAtom } from '../policy/principal-atom.ts';
import { type Declared, type MatchedRules, withPrincipal } from './declared.ts';
import { declaredAnswer } from './declared-text.ts';
import { counted, Findings, type LayerOutcome, OVER_BUDGET } from './findings.ts';
import type { Gateway } from './gateway.ts';
import type { WorkBudget } from './work-budget.ts';

/** Asks the gateway about each kind of principal, moment and right, and compares. */
export function proveGateway(
  declared: Declared,
  gateway: Gateway,
  atoms: readonly PrincipalAtom[],
  budget: WorkBudget,
): LayerOutcome {
  const comparison = new GatewayComparison(declared, gateway, budget);
  const complete = atoms.every((atom) => comparison.look(atom));
  const { findings, kinds, decisions } = comparison;
  const text = `${counted(decisions, 'decision')} for ${counted(kinds, 'kind')} of principal`;
  return findings.outcome(text, complete ? undefined : OVER_BUDGET);
}

class GatewayComparison {
  readonly findings = new Findings();
  decisions = 0;
  readonly #declared: Declared;
  readonly #gateway: Gateway;
  readonly #budget: WorkBudget;
  readonly #seen = new Set<string>();

  constructor(declared: Declared, gateway: Gateway, budget: WorkBudget) {
    this.#declared = declared;
    this.#gateway = gateway;
    this.#budget = budget;
  }

  get kinds(): number {
    return this.#seen.size;
  }

  /** False: over the budget. */
  look(atom: PrincipalAtom): boolean {
    const { target, needs } = this.#declared;
    const rules = this.#declared.rulesFor(atom.principal);
    const signature = `${rules.key} ${this.#gateway.content(atom.principal, target.id)}`;
    if (this.#seen.has(signature)) return true;
    this.#seen.add(signature);
    const own = this.#gateway.rules(atom.principal, target.id);
    const also = own ? [own] : [];
    const { principals, surroundings, complete } = this.#declared.situations(
      atom.principal,
      rules,
      also,
    );
    const cases = principals.length * surroundings.length * (needs.length + 1);
    if (!complete || !this.#budget.take(cases)) return false;
    this.decisions += cases;
    for (const principal of principals) {
      const varied = withPrincipal(rules, principal);
      for (const moment of surroundings) this.#compare(atom, principal, varied, moment);
    }
    return true;
  }

  #compare(
    atom: PrincipalAtom,
    principal: Principal,
    rules: MatchedRules,
    moment: Surroundings,
  ): void {
    const { target, needs } = this.#declared;
    const decide = this.#gateway.decide(principal, target.id, moment);
    for (const index of [undefined, ...needs.keys()]) {
      const need = index === undefined ? undefined : needs[index];
      const decision = decide(need);
      const declared = this.#declared.allows(rules, index, moment);
      if ((decision.effect === 'allow') === declared) continue;
      this.findings.add({
        layer: 'gateway',
        kind: declared ? 'refuses' : 'exceeds',
        target: target.id,
        identity: atom.text,
        ...(need && { object: objectText(need.object), action: need.action }),
        where: momentText(moment),
        by: decidedBy(decision),
        why: decision.effect === 'deny' ? decision.reason : 'allowed',
        rules: decision.rules,
        declared: declaredAnswer(this.#declared, rules, index, declared, moment),
      });
    }
  }
}

function decidedBy({ rules }: Decision): string {
  return rules.length === 0 ? 'decide' : rules.map(({ name }) => name).join(', ');
}

function momentText({ now, sourceIp }: Surroundings): string {
  const from = sourceIp === undefined ? '' : ` from ${sourceIp}`;
  return `at ${new Date(now).toISOString()}${from}`;
}
