// SPDX-License-Identifier: Apache-2.0
import { values } from './claim-atoms.ts';
import type { TextPattern } from './policy.ts';
import {
  atom,
  type Matcher,
  OTHER,
  ofKind,
  type PrincipalAtom,
  type TargetRules,
} from './principal-atom.ts';
import { textMatches } from './subject-match.ts';
import { subjectText } from './subject-text.ts';

/** What a CI subject asks for, several of them together; fields left out are those of no rule. */
interface CiChoice {
  readonly provider: string;
  readonly fields: ReadonlyMap<Field, string>;
  readonly refs: readonly TextPattern[];
}

const FIELDS = ['ownerId', 'repositoryId', 'repository', 'environment'] as const;
type Field = (typeof FIELDS)[number];

/** The least each CI subject asks for, alone and together with each Deny subject it can meet. */
export function ciAtoms(rules: TargetRules): readonly PrincipalAtom[] {
  const denied = ofKind(rules.denySubjects, 'ci').map(choice);
  const all = [...ofKind(rules.grantSubjects, 'ci').map(choice), ...denied];
  const pairs = all.flatMap((one) => denied.flatMap((other) => merged(one, other) ?? []));
  const providers = new Set(all.map(({ provider }) => provider));
  const anybody = [...providers].map((provider) => ({ provider, fields: new Map(), refs: [] }));
  return [...anybody, ...all, ...pairs].flatMap((one) => ciAtom(one, rules));
}

function choice(matcher: Matcher<'ci'>): CiChoice {
  const fields = new Map<Field, string>();
  for (const field of FIELDS) {
    const value = matcher[field];
    if (value !== undefined) fields.set(field, value);
  }
  return { provider: matcher.provider, fields, refs: matcher.ref ? [matcher.ref] : [] };
}

function merged(one: CiChoice, other: CiChoice): CiChoice | undefined {
  if (one.provider !== other.provider) return undefined;
  const conflict = FIELDS.some((field) => {
    const [a, b] = [one.fields.get(field), other.fields.get(field)];
    return a !== undefined && b !== undefined && a !== b;
  });
  if (conflict) return undefined;
  return {
    provider: one.provider,
    fields: new Map([...one.fields, ...other.fields]),
    refs: [...one.refs, ...other.refs],
  };
}

function ciAtom(
  { provider, fields, refs }: CiChoice,
  { policies }: TargetRules,
): readonly PrincipalAtom[] {
  const ref =
    refs.length === 0
      ? OTHER
      : values(refs).find((text) => refs.every((pattern) => textMatches(pattern, text)));
  if (ref === undefined) return [];
  const value = (field: Field) => fields.get(field) ?? OTHER;
  const id = `ci/${provider}/${value('repository')}@${value('environment')}`;
  const ci = { ownerId: value('ownerId'), repositoryId: value('repositoryId'), ref };
  const [pattern] = refs;
  const text = subjectText({
    kind: 'ci',
    provider,
    ...Object.fromEntries(fields),
    ...(pattern && { ref: pattern }),
  });
  const parts = [...fields].map(([field, chosen]) => `${field} ${chosen}`);
  const refParts = refs.map((one) => `ref ${one.match} ${one.value}`);
  return atom(id, { ci }, policies, text, ['ci', provider, ...parts, ...refParts]);
}
