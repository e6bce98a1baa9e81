// SPDX-License-Identifier: Apache-2.0
import type { Principal } from '../model/principal.ts';
import { accessConditions, accessExpiries, type ConditionalRules } from './access.ts';
import { type AttributeAtoms, attributeAtoms } from './claim-atoms.ts';
import type { Surroundings } from './condition.ts';
import type { Grant } from './policy.ts';
import { surroundingsAtoms } from './surroundings-atoms.ts';

/** One principal with its attributes at one moment. */
export interface Situation {
  readonly principal: Principal;
  readonly surroundings: Surroundings;
}

/** The rules that match a principal, and at each step those of whom it acts for. */
export interface SituationRules {
  readonly grants: readonly Pick<Grant, 'expires'>[];
  readonly rights: readonly ConditionalRules[];
}

export interface Situations {
  readonly principals: readonly Principal[];
  readonly surroundings: readonly Surroundings[];
  /** False when not every combination of claims was built. */
  readonly complete: boolean;
}

/**
 * All ways in which the conditions of the rules that match a principal can hold, from `nowMs` on:
 * its claims and method, those of whom it acts for, and the moments.
 */
export function situations(
  principal: Principal,
  accesses: readonly SituationRules[],
  nowMs: number,
): Situations {
  const depth = Math.max(0, ...accesses.map(({ rights }) => rights.length));
  const levels = Array.from({ length: depth }, (_, level) =>
    attributeAtoms(
      accesses.flatMap((access) =>
        accessConditions({ rights: access.rights.slice(level, level + 1) }),
      ),
    ),
  );
  return {
    principals: variants(principal, levels),
    surroundings: surroundingsAtoms(
      accesses.flatMap(accessConditions),
      accesses.flatMap(accessExpiries),
      nowMs,
    ),
    complete: levels.every(({ complete }) => complete),
  };
}

function variants(principal: Principal, levels: readonly AttributeAtoms[]): readonly Principal[] {
  const [own, ...others] = levels;
  const person = principal.onBehalfOf;
  const people = person ? variants(person, others) : [undefined];
  return (own?.atoms ?? [{ claims: {} }]).flatMap(({ claims, method }) =>
    people.map((onBehalfOf) => ({
      ...principal,
      claims,
      ...(method && { method }),
      ...(onBehalfOf && { onBehalfOf }),
    })),
  );
}
