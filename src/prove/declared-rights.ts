// SPDX-License-Identifier: Apache-2.0
import { exactSchema } from '../compile/sql/name-pattern.ts';
import type { Action } from '../model/request.ts';
import type { DataRole, Privilege } from '../policy/policy.ts';
import type { ObjectReach, ReachEntry } from './database/question.ts';

/**
 * `declared`: the roles say so. `behind`: it comes with an object that the roles name and whose
 * insides the declaration does not know. `beyond`: neither.
 */
export type Standing = 'declared' | 'behind' | 'beyond';

/** The rights that some roles give, as far as a database can hold them. */
export class DeclaredRights {
  readonly #privileges: readonly Privilege[];
  readonly #fold: boolean;

  constructor(roles: readonly DataRole[], foldNames: boolean) {
    this.#privileges = roles.flatMap(({ privileges }) => privileges);
    this.#fold = foldNames;
  }

  standing(entry: ReachEntry): Standing {
    if (isImplied(entry)) return 'declared';
    if (this.#privileges.some((one) => this.#gives(one, entry))) return 'declared';
    if (this.#privileges.some((one) => this.#hasBehind(one, entry))) return 'declared';
    return entry.by.hops.some((hop) => {
      if (hop.kind !== 'definer-view' && hop.kind !== 'definer-routine') return false;
      const type = hop.kind === 'definer-view' ? 'table' : 'routine';
      return this.#names(type, hop.schema, hop.name);
    })
      ? 'behind'
      : 'beyond';
  }

  #gives({ as, objects, actions, columns }: Privilege, { action, on, columns: of }: ReachEntry) {
    if (!actions.has(action)) return false;
    if (as) return on.type === 'table' && this.#same(as, on);
    return objects.some((object) => {
      if (object.type === 'schema') return this.#isWithin(object.schema, action, on);
      if (object.type !== on.type || !this.#same(object, on)) return false;
      // Without a view of their own, columns are a promise that the server does not keep.
      return columns === undefined || isSubset(of, columns);
    });
  }

  /** The table behind a view that the privilege offers, with its columns and no others. */
  #hasBehind({ as, objects, actions, columns }: Privilege, entry: ReachEntry): boolean {
    const { on, columns: of, by, action } = entry;
    if (!as || on.type !== 'table') return false;
    const through = by.hops.some((hop) => hop.kind === 'definer-view' && this.#same(hop, as));
    const [table] = objects;
    if (!through || table?.type !== 'table' || !this.#same(table, on)) return false;
    // A view that cannot read cannot do anything else; DELETE knows no columns.
    if (action === 'delete') return actions.has('delete');
    return (action === 'select' || actions.has(action)) && isSubset(of, columns ?? []);
  }

  #isWithin(schema: string, action: Action, on: ObjectReach): boolean {
    if (on.type === 'table') return this.#name(on.schema) === this.#name(schema);
    if (on.type !== 'schemas' || action === 'execute') return false;
    const exact = exactSchema(on.pattern);
    return exact !== undefined && this.#name(exact) === this.#name(schema);
  }

  #names(type: 'table' | 'routine', schema: string, name: string): boolean {
    return this.#privileges.some(({ as, objects }) =>
      (as ? [] : objects).some(
        (object) => object.type === type && this.#same(object, { type, schema, name }),
      ),
    );
  }

  #same(
    one: { readonly schema: string; readonly name: string; readonly type?: string },
    other: { readonly schema: string; readonly name: string; readonly type?: string },
  ): boolean {
    const isRoutine = one.type === 'routine' && other.type === 'routine';
    const name = (text: string) => (isRoutine ? text.toLowerCase() : this.#name(text));
    return (
      this.#name(one.schema) === this.#name(other.schema) && name(one.name) === name(other.name)
    );
  }

  #name(name: string): string {
    return this.#fold ? name.toLowerCase() : name;
  }
}

/** Whoever may read or write a table may let a key of his own point at it; no Grant says more. */
function isImplied({ action, by }: ReachEntry): boolean {
  return action === 'references' && by.right.privilege !== 'REFERENCES';
}

function isSubset(columns: readonly string[] | undefined, of: readonly string[]): boolean {
  if (!columns) return false;
  const known = new Set(of.map((name) => name.toLowerCase()));
  return columns.every((name) => known.has(name.toLowerCase()));
}

/** `shop.orders (email)`, and for a pattern the least name that nobody meant: `shopax.*`. */
export function reachText(on: ObjectReach, columns: readonly string[] | undefined): string {
  const part = columns ? ` (${columns.join(', ')})` : '';
  switch (on.type) {
    case 'everything':
      return '*.*';
    case 'schemas':
      return `${exactSchema(on.pattern) ?? sampleSchema(on)}.*`;
    case 'table':
      return `${on.schema}.${on.name}${part}`;
    case 'routine':
      return `${on.schema}.${on.name}()`;
  }
}

/** A name for which the pattern's wildcards stand for something. */
function sampleSchema({ pattern }: { readonly pattern: string }): string {
  let name = '';
  for (let index = 0; index < pattern.length; index += 1) {
    const char = pattern[index] ?? '';
    if (char === '\\' && index + 1 < pattern.length) {
      index += 1;
      name += pattern[index] ?? '';
    } else if (char === '_') name += 'a';
    else if (char !== '%') name += char;
  }
  return name === '' ? 'any_schema' : name;
}
