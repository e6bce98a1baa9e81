// SPDX-License-Identifier: Apache-2.0
import type { Principal } from '../model/principal.ts';
import type { Policy, SubjectMatcher } from './policy.ts';
import { type PrincipalDetails, principalFromId } from './principal-from-id.ts';

/** One principal for all that the same rules speak of, and what makes it one of them. */
export interface PrincipalAtom {
  readonly principal: Principal;
  /** `workload/prod/payments/*`, `user/entra/ann in group entra/g1`: `*` is whoever is not named. */
  readonly text: string;
  /** What was chosen; an atom with fewer of these choices is the wider one. */
  readonly parts: ReadonlySet<string>;
}

/** The rules of some policies that concern one target. */
export interface TargetRules {
  readonly policies: readonly Policy[];
  readonly grantSubjects: readonly SubjectMatcher[];
  readonly denySubjects: readonly SubjectMatcher[];
}

export type Matcher<Kind extends SubjectMatcher['kind']> = Extract<SubjectMatcher, { kind: Kind }>;

export function ofKind<Kind extends SubjectMatcher['kind']>(
  subjects: readonly SubjectMatcher[],
  kind: Kind,
): readonly Matcher<Kind>[] {
  return subjects.filter((one): one is Matcher<Kind> => one.kind === kind);
}

/** A name that no rule mentions. */
export const OTHER = 'anyone-else';

export function atom(
  id: string,
  details: PrincipalDetails,
  policies: readonly Policy[],
  text: string,
  parts: readonly string[],
): readonly PrincipalAtom[] {
  for (const policy of policies) {
    const reading = principalFromId(id, details, policy);
    if (reading.ok) return [{ principal: reading.principal, text, parts: new Set(parts) }];
  }
  // Nobody vouches for such a principal in either policy: it cannot exist.
  return [];
}
