// SPDX-License-Identifier: Apache-2.0
import type { Surroundings } from '../policy/decide.ts';
import type { Deny, Grant } from '../policy/policy.ts';
import type { Declared, MatchedRules } from './declared.ts';
import type { DeclaredAnswer } from './proof.ts';

/** Why the declaration says so, with its lines. `moment` absent: at any time. */
export function declaredAnswer(
  declared: Declared,
  rules: MatchedRules,
  need: number | undefined,
  allowed: boolean,
  moment?: Surroundings,
): DeclaredAnswer {
  const grants = rules.steps.flatMap((step) => step.grants);
  const giving = grants.filter((rule) => need === undefined || declared.gives(rule, need));
  if (allowed) return answer('allow', 'It is declared by', giving);
  const denies = rules.steps.flatMap((step) => step.denies);
  if (denies.length > 0 && giving.length > 0) return answer('deny', 'It is kept out by', denies);
  if (giving.length > 0) {
    const when = moment ? 'does not hold then' : 'never holds';
    return answer('deny', `What gives it ${when}:`, giving);
  }
  if (grants.length > 0) return answer('deny', 'What it is granted does not give this:', grants);
  return { effect: 'deny', text: 'No Grant names it.', rules: [] };
}

function answer(
  effect: DeclaredAnswer['effect'],
  text: string,
  rules: readonly (Grant | Deny)[],
): DeclaredAnswer {
  const named = [...new Map(rules.map(({ rule }) => [rule.name, rule])).values()];
  const names = named.map(({ name }) => name).join(', ');
  return { effect, text: `${text} ${names}.`, rules: named };
}
