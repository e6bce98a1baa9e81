// SPDX-License-Identifier: Apache-2.0

/** Everything a rule can allow. The list is closed: the proof enumerates it. */
export const ACTIONS = [
  'select',
  'insert',
  'update',
  'delete',
  'execute',
  'lock',
  'temporary',
  'create',
  'alter',
  'drop',
  'index',
  'view',
  'routine',
  'trigger',
  'event',
  'references',
] as const;
export type Action = (typeof ACTIONS)[number];

/**
 * What an action applies to. Names are as the server compares them: schema and table names as
 * written (lower-cased only where the target says names are case-insensitive).
 * `schema` stands for a whole schema (CREATE TABLE in it, LOCK on it, `schema.*`).
 */
export type DataObject =
  | { readonly type: 'table'; readonly schema: string; readonly name: string }
  | { readonly type: 'routine'; readonly schema: string; readonly name: string }
  | { readonly type: 'schema'; readonly schema: string };

/** One right that a statement needs before it may run. */
export interface Need {
  readonly action: Action;
  readonly object: DataObject;
}

/** `shop.orders`, `shop.*`; routines as `shop.refund()`. */
export function objectText(object: DataObject): string {
  if (object.type === 'schema') return `${object.schema}.*`;
  return `${object.schema}.${object.name}${object.type === 'routine' ? '()' : ''}`;
}
