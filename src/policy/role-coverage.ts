// SPDX-License-Identifier: Apache-2.0
import { ACTIONS, type Action, type DataObject, type Need } from '../model/request.ts';
import type { DataRole, ObjectPattern, Privilege } from './policy.ts';

const ACTION_BIT = new Map<Action, number>(ACTIONS.map((action, index) => [action, 1 << index]));

/** What a role gives inside one schema; each number is a set of actions, one bit each. */
interface SchemaCoverage {
  /** On the schema itself and on every table and view in it. */
  whole: number;
  readonly tables: Map<string, number>;
  readonly routines: Map<string, number>;
}

/**
 * The privileges of one role, arranged for the question "is this need covered?": two map look-ups,
 * no allocation. Names compare as the target compares them.
 */
export class RoleCoverage {
  readonly #schemas = new Map<string, SchemaCoverage>();
  readonly #foldNames: boolean;

  constructor(role: DataRole, caseInsensitiveNames: boolean) {
    this.#foldNames = caseInsensitiveNames;
    for (const privilege of role.privileges) {
      const actions = actionBits(privilege.actions);
      for (const object of offeredObjects(privilege)) this.#add(object, actions);
    }
  }

  covers(need: Need): boolean {
    return (this.#actionsOn(need.object) & (ACTION_BIT.get(need.action) ?? 0)) !== 0;
  }

  /** Any right at all on it: what makes a grant "close" in an explanation. */
  touches(object: DataObject): boolean {
    return this.#actionsOn(object) !== 0;
  }

  #actionsOn(object: DataObject): number {
    const schema = this.#schemas.get(this.#name(object.schema));
    if (!schema) return 0;
    switch (object.type) {
      case 'schema':
        return schema.whole;
      case 'table':
        return schema.whole | (schema.tables.get(this.#name(object.name)) ?? 0);
      case 'routine':
        return schema.routines.get(lowerAscii(object.name)) ?? 0;
    }
  }

  #add(pattern: ObjectPattern, actions: number): void {
    const name = this.#name(pattern.schema);
    let schema = this.#schemas.get(name);
    if (!schema) {
      schema = { whole: 0, tables: new Map(), routines: new Map() };
      this.#schemas.set(name, schema);
    }
    if (pattern.type === 'schema') schema.whole |= actions;
    else if (pattern.type === 'table') merge(schema.tables, this.#name(pattern.name), actions);
    // Routine names never depend on case, whatever lower_case_table_names says.
    else merge(schema.routines, lowerAscii(pattern.name), actions);
  }

  #name(name: string): string {
    return this.#foldNames ? lowerAscii(name) : name;
  }
}

/** With `as` the definer view is what is offered, and the table behind it is not. */
export function offeredObjects(privilege: Privilege): readonly ObjectPattern[] {
  return privilege.as ? [{ type: 'table', ...privilege.as }] : privilege.objects;
}

export function actionBits(actions: Iterable<Action>): number {
  let bits = 0;
  for (const action of actions) bits |= ACTION_BIT.get(action) ?? 0;
  return bits;
}

/** ASCII only: the server folds other scripts by tables of its own, and too little fails closed. */
function lowerAscii(name: string): string {
  return /[A-Z]/.test(name) ? name.replace(/[A-Z]+/g, (letters) => letters.toLowerCase()) : name;
}

function merge(into: Map<string, number>, name: string, actions: number): void {
  into.set(name, (into.get(name) ?? 0) | actions);
}
