// SPDX-License-Identifier: Apache-2.0
import { quoteIdentifier } from './quote.ts';

export type RightLevel = 'global' | 'schema' | 'table' | 'column' | 'procedure' | 'function';

/** One privilege on one place, as MariaDB keeps it; what a level does not have is empty. */
export interface Right {
  readonly level: RightLevel;
  /** At level `schema` the LIKE pattern as it is stored, escapes included. */
  readonly schema: string;
  readonly object: string;
  readonly column: string;
  /** As in GRANT: `SELECT`, `GRANT OPTION`. */
  readonly privilege: string;
}

/** Two rights are the same right exactly if their keys are. */
export function rightKey(right: Right): string {
  return JSON.stringify([placeKey(right), right.privilege]);
}

function placeKey({ level, schema, object, column }: Right): string {
  return JSON.stringify([level, schema, object, column]);
}

/** For people: `SELECT, INSERT on shop.orders`. */
export function rightsText(rights: readonly Right[]): string {
  return places(rights)
    .map(([first, names]) => `${names.join(', ')} on ${placeText(first)}`)
    .join('; ');
}

function placeText({ level, schema, object, column }: Right): string {
  switch (level) {
    case 'global':
      return '*.*';
    case 'schema':
      return `${schema}.*`;
    case 'column':
      return `${schema}.${object} (${column})`;
    case 'table':
      return `${schema}.${object}`;
    default:
      return `${level} ${schema}.${object}`;
  }
}

/** One statement a place. `holder` is quoted already. */
export function grantStatements(rights: readonly Right[], holder: string): readonly string[] {
  return places(rights).map((place) => `GRANT ${placeSql(place)} TO ${holder}`);
}

export function revokeStatements(rights: readonly Right[], holder: string): readonly string[] {
  return places(rights).map((place) => `REVOKE ${placeSql(place)} FROM ${holder}`);
}

type Place = readonly [first: Right, privileges: readonly string[]];

function placeSql([first, names]: Place): string {
  const { level, schema, object, column } = first;
  if (level === 'global') return `${names.join(', ')} ON *.*`;
  if (level === 'schema') return `${names.join(', ')} ON ${quoteIdentifier(schema)}.*`;
  const path = `${quoteIdentifier(schema)}.${quoteIdentifier(object)}`;
  if (level === 'table') return `${names.join(', ')} ON ${path}`;
  if (level !== 'column') return `${names.join(', ')} ON ${level.toUpperCase()} ${path}`;
  return `${names.map((name) => `${name} (${quoteIdentifier(column)})`).join(', ')} ON ${path}`;
}

function places(rights: readonly Right[]): readonly Place[] {
  const found = new Map<string, [Right, string[]]>();
  for (const right of rights) {
    const known = found.get(placeKey(right));
    if (known) known[1].push(right.privilege);
    else found.set(placeKey(right), [right, [right.privilege]]);
  }
  return [...found.values()];
}
