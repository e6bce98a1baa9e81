// SPDX-License-Identifier: Apache-2.0
import type { Right, RightLevel } from '../../compile/sql/right.ts';
import type { Action } from '../../model/request.ts';

/** Any one of these, at one of these levels, lets the action happen on an object. */
export interface ActionPrivileges {
  readonly privileges: readonly string[];
  readonly levels: ReadonlySet<RightLevel>;
}

const levels = (...names: readonly RightLevel[]): ReadonlySet<RightLevel> => new Set(names);
const TABLE = levels('global', 'schema', 'table');
const COLUMN = levels('global', 'schema', 'table', 'column');
const SCHEMA = levels('global', 'schema');
const ROUTINE = levels('global', 'schema', 'procedure', 'function');

/** Measured on MariaDB 10.11; test/integration/database-model.test.ts repeats it. */
export const ACTION_PRIVILEGES: Readonly<Record<Action, ActionPrivileges>> = {
  select: { privileges: ['SELECT'], levels: COLUMN },
  insert: { privileges: ['INSERT'], levels: COLUMN },
  update: { privileges: ['UPDATE'], levels: COLUMN },
  delete: { privileges: ['DELETE'], levels: TABLE },
  execute: { privileges: ['EXECUTE'], levels: ROUTINE },
  lock: { privileges: ['LOCK TABLES'], levels: SCHEMA },
  temporary: { privileges: ['CREATE TEMPORARY TABLES'], levels: SCHEMA },
  create: { privileges: ['CREATE'], levels: TABLE },
  alter: { privileges: ['ALTER'], levels: TABLE },
  drop: { privileges: ['DROP'], levels: TABLE },
  index: { privileges: ['INDEX'], levels: TABLE },
  view: { privileges: ['CREATE VIEW'], levels: TABLE },
  routine: { privileges: ['CREATE ROUTINE', 'ALTER ROUTINE'], levels: ROUTINE },
  trigger: { privileges: ['TRIGGER'], levels: TABLE },
  event: { privileges: ['EVENT'], levels: SCHEMA },
  // A foreign key may point at whatever one may read or write; a column's right is not enough.
  references: {
    privileges: ['REFERENCES', 'SELECT', 'INSERT', 'UPDATE', 'DELETE'],
    levels: TABLE,
  },
};

/** With `on`: whether it also is for this kind of object. */
export function gives(right: Right, action: Action, on?: 'schema' | 'routine'): boolean {
  const { privileges, levels: known } = ACTION_PRIVILEGES[action];
  if (!known.has(right.level) || !privileges.includes(right.privilege)) return false;
  // To make a routine is a right on its schema; to change or drop one, on the routine.
  if (action !== 'routine' || on === undefined) return true;
  return right.privilege === (on === 'schema' ? 'CREATE ROUTINE' : 'ALTER ROUTINE');
}
