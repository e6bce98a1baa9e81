// SPDX-License-Identifier: Apache-2.0

import { exactSchema, schemaPatternReaches } from '../../compile/sql/name-pattern.ts';
import type { ObservedRight, ObservedRoutine } from '../../compile/sql/observed.ts';
import { isIdentifier } from '../../compile/sql/quote.ts';
import type { Action } from '../../model/request.ts';
import { reservedSchemaOwner } from '../../policy/check/reserved.ts';

/** One right as a DataRole says it. */
export interface CarriedRight {
  readonly form: 'tables' | 'routines';
  /** `schema.table`, `schema.*` or `schema.routine`. */
  readonly object: string;
  readonly action: Action;
  readonly column?: string;
}

export type RightOutcome =
  | { readonly rights: readonly CarriedRight[]; readonly changed?: string }
  | { readonly left: string };

/** What exists on the server, to say what a pattern or `*.*` means today. */
export interface ServerObjects {
  /** Absent: not all of them are known. */
  readonly schemas?: readonly string[];
  readonly routines: readonly ObservedRoutine[];
}

const TABLE_ACTIONS: Readonly<Record<string, Action>> = {
  SELECT: 'select',
  INSERT: 'insert',
  UPDATE: 'update',
  DELETE: 'delete',
  CREATE: 'create',
  ALTER: 'alter',
  DROP: 'drop',
  INDEX: 'index',
  REFERENCES: 'references',
};
const SCHEMA_ACTIONS: Readonly<Record<string, Action>> = {
  ...TABLE_ACTIONS,
  'LOCK TABLES': 'lock',
  'CREATE TEMPORARY TABLES': 'temporary',
};
const COLUMN_ACTIONS: readonly string[] = ['SELECT', 'INSERT', 'UPDATE', 'REFERENCES'];

const DEFINER =
  'what it creates would outlive the lease that created it: create views, routines, triggers and events in a deployment by an account of its own';
const REASONS: Readonly<Record<string, string>> = {
  'GRANT OPTION': 'who may pass rights on is whoever may change the declaration',
  'CREATE VIEW': DEFINER,
  'CREATE ROUTINE': DEFINER,
  'ALTER ROUTINE': DEFINER,
  EVENT: DEFINER,
  TRIGGER: DEFINER,
  'SHOW VIEW': 'no action stands for it: texts of views are read in a deployment',
  'DELETE HISTORY': 'no action stands for it',
};
const ADMINISTRATION =
  'it administers the server and is not lent: keep the account, and name it under "operators" of the Target if it reaches the schemas';

/** What of a right a DataRole can say. Patterns and `*.*` become what exists today. */
export function carriedRight(right: ObservedRight, objects: ServerObjects): RightOutcome {
  const { level, schema, object, column, privilege } = right;
  const reason = REASONS[privilege];
  if (reason !== undefined) return { left: reason };
  if (level === 'global') return ofAllSchemas(privilege, objects);
  if (level === 'schema') return ofPattern(schema, privilege, objects);
  const name = unusable(schema) ?? unusable(object);
  if (name !== undefined) return { left: name };
  const path = `${schema}.${object}`;
  if (level === 'procedure' || level === 'function') return ofRoutine(right, path, objects);
  const action = TABLE_ACTIONS[privilege];
  if (action === undefined) return { left: `no action stands for ${privilege} on a table` };
  if (level === 'table') return { rights: [{ form: 'tables', object: path, action }] };
  if (!COLUMN_ACTIONS.includes(privilege)) {
    return { left: `no action stands for ${privilege} on a column` };
  }
  return { rights: [{ form: 'tables', object: path, action, column }] };
}

/** MariaDB has procedures and functions of one name apart; a declaration has not. */
function ofRoutine(
  { level, schema, object, privilege }: ObservedRight,
  path: string,
  { routines }: ServerObjects,
): RightOutcome {
  if (privilege !== 'EXECUTE') return { left: `no action stands for ${privilege} on a routine` };
  const rights = [{ form: 'routines' as const, object: path, action: 'execute' as const }];
  const namesake = routines.some(
    (one) =>
      one.schema === schema &&
      one.name.toLowerCase() === object.toLowerCase() &&
      one.type === (level === 'procedure' ? 'FUNCTION' : 'PROCEDURE'),
  );
  if (!namesake) return { rights };
  return {
    rights,
    changed: 'wider: there is a procedure and a function of this name, and both are given',
  };
}

function ofAllSchemas(privilege: string, objects: ServerObjects): RightOutcome {
  const known = SCHEMA_ACTIONS[privilege] ?? (privilege === 'EXECUTE' ? 'execute' : undefined);
  if (known === undefined) return { left: ADMINISTRATION };
  if (!objects.schemas) return { left: 'this account does not see which schemas there are' };
  const schemas = objects.schemas.filter((schema) => unusable(schema) === undefined);
  const changed = `narrower: of all schemas, now and later, those that exist now (${schemas.join(', ') || 'none'})`;
  return expanded(schemas, privilege, objects, changed, '*.*');
}

function ofPattern(pattern: string, privilege: string, objects: ServerObjects): RightOutcome {
  const exact = exactSchema(pattern);
  if (exact !== undefined) {
    const name = unusable(exact);
    if (name !== undefined) return { left: name };
    if (privilege !== 'EXECUTE') return expanded([exact], privilege, objects, undefined, pattern);
    return expanded([exact], privilege, objects, ROUTINES_OF_TODAY, pattern);
  }
  if (!objects.schemas) {
    return {
      left: `${pattern} is a pattern, and this account does not see which schemas there are`,
    };
  }
  const schemas = objects.schemas.filter(
    (schema) => schemaPatternReaches(pattern, schema) && unusable(schema) === undefined,
  );
  const changed = `narrower: in a GRANT _ and % of ${pattern} stand for any character; only the schemas that exist now are meant (${schemas.join(', ') || 'none'})`;
  return expanded(schemas, privilege, objects, changed, pattern);
}

const ROUTINES_OF_TODAY = 'narrower: the routines that exist now; later ones are named one by one';

function expanded(
  schemas: readonly string[],
  privilege: string,
  { routines }: ServerObjects,
  changed: string | undefined,
  where: string,
): RightOutcome {
  const note = changed === undefined ? {} : { changed };
  if (privilege === 'EXECUTE') {
    const named = routines.filter(
      ({ schema, name, type }) =>
        schemas.includes(schema) && isIdentifier(name) && /^(PROCEDURE|FUNCTION)$/.test(type),
    );
    const objects = [...new Set(named.map(({ schema, name }) => `${schema}.${name}`))].sort();
    if (objects.length === 0) return { left: `there is no routine in ${where} today` };
    return {
      rights: objects.map((object) => ({ form: 'routines', object, action: 'execute' })),
      ...note,
    };
  }
  const action = SCHEMA_ACTIONS[privilege];
  if (action === undefined) return { left: `no action stands for ${privilege} on a schema` };
  if (schemas.length === 0) return { left: `no schema that exists matches ${where}` };
  return {
    rights: schemas.map((schema) => ({ form: 'tables', object: `${schema}.*`, action })),
    ...note,
  };
}

function unusable(name: string): string | undefined {
  const owner = reservedSchemaOwner(name);
  if (owner !== undefined) return `${name} belongs to ${owner}, and no lease reaches it`;
  if (/^[\p{L}\p{N}_$-]{1,64}$/u.test(name)) return undefined;
  return `the name ${JSON.stringify(name)} cannot be written in a declaration: rename it`;
}
