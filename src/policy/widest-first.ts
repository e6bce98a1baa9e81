// SPDX-License-Identifier: Apache-2.0
import type { PrincipalAtom } from './principal-atom.ts';

/**
 * Collects what principals gain and lose, leaving out what a wider principal gains and loses
 * already: whoever is in two groups is not told apart from whoever is in one of them. Atoms have
 * to come in the order of how wide they are.
 */
export class WidestFirst<Difference> {
  readonly #groupKey: (differences: ReadonlyMap<string, Difference>) => string;
  readonly #told = new Map<string, ReadonlySet<string>[]>();
  readonly #groups = new Map<string, [PrincipalAtom[], ReadonlyMap<string, Difference>]>();

  constructor(groupKey: (differences: ReadonlyMap<string, Difference>) => string) {
    this.#groupKey = groupKey;
  }

  /** `differences` by right. */
  add(atom: PrincipalAtom, differences: ReadonlyMap<string, Difference>): void {
    const left = new Map<string, Difference>();
    for (const [right, difference] of differences) {
      const told = this.#told.get(right) ?? [];
      if (told.some((parts) => isSubset(parts, atom.parts))) continue;
      told.push(atom.parts);
      this.#told.set(right, told);
      left.set(right, difference);
    }
    if (left.size === 0) return;
    const key = this.#groupKey(left);
    const group = this.#groups.get(key);
    if (group) group[0].push(atom);
    else this.#groups.set(key, [[atom], left]);
  }

  groups(): readonly (readonly [readonly PrincipalAtom[], ReadonlyMap<string, Difference>])[] {
    return [...this.#groups.values()];
  }
}

function isSubset(small: ReadonlySet<string>, large: ReadonlySet<string>): boolean {
  if (small.size > large.size) return false;
  for (const part of small) if (!large.has(part)) return false;
  return true;
}
