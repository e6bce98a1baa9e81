// SPDX-License-Identifier: Apache-2.0
import type { Action } from '../../model/request.ts';
import type { ObjectPattern } from '../../policy/policy.ts';

/** How a target calls the right to an action, per kind of object; absent: it has no such right. */
interface ActionPrivileges {
  readonly name: string;
  readonly on: readonly ObjectPattern['type'][];
  /** May be given for single columns. */
  readonly columns?: true;
}

/**
 * Actions that leave code behind which later runs with its definer's rights. A lease account does
 * not live long enough to own it: after it is dropped the object is broken, or worse, belongs to
 * whoever gets the name next.
 */
export const DEFINER_ACTIONS: ReadonlySet<Action> = new Set([
  'view',
  'routine',
  'trigger',
  'event',
] as const);

const TABLE_OR_SCHEMA = ['table', 'schema'] as const;

/** LOCK TABLES and CREATE TEMPORARY TABLES exist for schemas only. */
const PRIVILEGES: Readonly<Partial<Record<Action, ActionPrivileges>>> = {
  select: { name: 'SELECT', on: TABLE_OR_SCHEMA, columns: true },
  insert: { name: 'INSERT', on: TABLE_OR_SCHEMA, columns: true },
  update: { name: 'UPDATE', on: TABLE_OR_SCHEMA, columns: true },
  delete: { name: 'DELETE', on: TABLE_OR_SCHEMA },
  execute: { name: 'EXECUTE', on: ['routine'] },
  lock: { name: 'LOCK TABLES', on: ['schema'] },
  temporary: { name: 'CREATE TEMPORARY TABLES', on: ['schema'] },
  create: { name: 'CREATE', on: TABLE_OR_SCHEMA },
  alter: { name: 'ALTER', on: TABLE_OR_SCHEMA },
  drop: { name: 'DROP', on: TABLE_OR_SCHEMA },
  index: { name: 'INDEX', on: TABLE_OR_SCHEMA },
  references: { name: 'REFERENCES', on: TABLE_OR_SCHEMA, columns: true },
};

/** The privilege that allows `action` on an object of this type and on nothing else. */
export function privilegeFor(action: Action, type: ObjectPattern['type']): string | undefined {
  const entry = PRIVILEGES[action];
  return entry?.on.includes(type) ? entry.name : undefined;
}

export function columnPrivilegeFor(action: Action): string | undefined {
  const entry = PRIVILEGES[action];
  return entry?.columns ? entry.name : undefined;
}
