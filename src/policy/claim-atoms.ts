// SPDX-License-Identifier: Apache-2.0
import type { ClaimValue, IdentityMethod } from '../model/principal.ts';
import type { Condition, TextPattern } from './policy.ts';

/** What a principal says about itself besides who it is. */
export interface Attributes {
  readonly claims: Readonly<Record<string, ClaimValue>>;
  readonly method?: IdentityMethod;
}

export interface AttributeAtoms {
  readonly atoms: readonly Attributes[];
  /** False when a claim is tested so often that not every combination was built. */
  readonly complete: boolean;
}

const METHODS: readonly IdentityMethod[] = [
  'mesh-mtls',
  'client-certificate',
  'token',
  'ticket',
  'proxy-v2',
  'internal',
];
/** A list claim can meet one test per element; more elements than this are not tried. */
const LARGEST_LIST = 3;
/** In no declared value: makes a text that only the pattern it was made for matches. */
const FRESH = '~';

/** Attributes for each way in which conditions on claims and method can hold. */
export function attributeAtoms(conditions: readonly Condition[]): AttributeAtoms {
  const patterns = new Map<string, TextPattern[][]>();
  let methods: readonly (IdentityMethod | undefined)[] = [undefined];
  for (const condition of conditions) {
    if (condition.key !== 'text') continue;
    if (condition.name === 'identity.method') methods = METHODS;
    const claim = /^claim\[(.*)\]$/s.exec(condition.name)?.[1];
    if (claim === undefined) continue;
    const tests = patterns.get(claim) ?? [];
    tests.push([...condition.values]);
    patterns.set(claim, tests);
  }
  let atoms: readonly Attributes[] = methods.map((method) =>
    method === undefined ? { claims: {} } : { claims: {}, method },
  );
  let complete = true;
  for (const [claim, tests] of patterns) {
    const lists = subsets(values(tests.flat()), Math.min(tests.length, LARGEST_LIST));
    complete &&= tests.length <= LARGEST_LIST;
    atoms = atoms.flatMap((atom) =>
      lists.map((list) => ({ ...atom, claims: { ...atom.claims, ...claimed(claim, list) } })),
    );
  }
  return { atoms, complete };
}

function claimed(claim: string, list: readonly string[]): Record<string, ClaimValue> {
  const [only, ...others] = list;
  if (only === undefined) return {};
  return { [claim]: others.length === 0 ? only : list };
}

/** One text for each set of patterns that a single text can match. */
export function values(patterns: readonly TextPattern[]): readonly string[] {
  const found = new Set<string>([FRESH]);
  const of = (match: TextPattern['match']) =>
    patterns.filter((one) => one.match === match).map(({ value }) => value);
  for (const value of of('exact')) found.add(value);
  const [prefixes, suffixes] = [of('prefix'), of('suffix')];
  for (const prefix of prefixes) found.add(`${prefix}${FRESH}`);
  for (const suffix of suffixes) found.add(`${FRESH}${suffix}`);
  for (const prefix of prefixes) {
    for (const suffix of suffixes) found.add(`${prefix}${FRESH}${suffix}`);
  }
  return [...found];
}

/** All subsets up to a size, the empty one (the claim is missing) first. */
function subsets(from: readonly string[], largest: number): readonly (readonly string[])[] {
  let level: readonly (readonly string[])[] = [[]];
  const all: (readonly string[])[] = [[]];
  for (let size = 1; size <= largest; size++) {
    level = level.flatMap((subset) => {
      const last = subset.at(-1);
      const rest = last === undefined ? from : from.slice(from.indexOf(last) + 1);
      return rest.map((value) => [...subset, value]);
    });
    all.push(...level);
  }
  return all;
}
