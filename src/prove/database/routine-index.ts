// SPDX-License-Identifier: Apache-2.0
import type { ObservedRoutine } from '../../compile/sql/observed.ts';
import type { FoldName } from './grantee.ts';

export interface IndexedRoutine extends ObservedRoutine {
  readonly kind: 'procedure' | 'function';
}

/** Procedures and functions by name. Packages are ORACLE mode's; nobody can be granted one here. */
export class RoutineIndex {
  readonly all: readonly IndexedRoutine[];
  readonly #fold: FoldName;
  readonly #byName = new Map<string, IndexedRoutine[]>();

  constructor(routines: readonly ObservedRoutine[], fold: FoldName) {
    this.#fold = fold;
    this.all = routines.flatMap((routine) => {
      if (routine.type !== 'PROCEDURE' && routine.type !== 'FUNCTION') return [];
      return { ...routine, kind: routine.type === 'PROCEDURE' ? 'procedure' : 'function' };
    });
    for (const routine of this.all) {
      const key = this.#key(routine);
      this.#byName.set(key, [...(this.#byName.get(key) ?? []), routine]);
    }
  }

  of(wanted: {
    readonly schema: string;
    readonly name: string;
    readonly kind?: 'procedure' | 'function';
  }): readonly IndexedRoutine[] {
    const named = this.#byName.get(this.#key(wanted)) ?? [];
    return named.filter(({ kind }) => wanted.kind === undefined || kind === wanted.kind);
  }

  #key({ schema, name }: { readonly schema: string; readonly name: string }): string {
    return JSON.stringify([this.#fold(schema), name.toLowerCase()]);
  }
}
