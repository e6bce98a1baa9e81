// SPDX-License-Identifier: Apache-2.0

import type { DataRole, ObjectPattern } from '../../policy/policy.ts';
import { columnPrivilegeFor, privilegeFor } from './privilege-names.ts';
import { escapePattern, quoteIdentifier, quoteString } from './quote.ts';

/** One right that every lease holds whatever its role: through PUBLIC or an anonymous account. */
export interface ForeignAccess {
  /** `PUBLIC`, '' for rows of anonymous accounts, or a composite role that somebody added to. */
  readonly holder: string;
  readonly level: 'global' | 'schema' | 'table' | 'column' | 'procedure' | 'function' | 'role';
  /** At level `schema` a LIKE pattern, as the target stores it. */
  readonly schema: string;
  readonly object: string;
  readonly privileges: string;
  readonly host: string;
}

/** Rows of `FOREIGN_ACCESS`; other kinds of rows are left out. */
export function readForeignAccess(result: {
  readonly rows: readonly (readonly (string | null)[])[];
}): readonly ForeignAccess[] {
  return result.rows
    .filter(([kind]) => kind === 'foreign')
    .map(([, holder, level, schema, object, privileges, host]) => ({
      holder: holder ?? '',
      level: (level ?? 'global') as ForeignAccess['level'],
      schema: schema ?? '',
      object: object ?? '',
      privileges: privileges ?? '',
      host: host ?? '',
    }));
}

/**
 * What of it goes beyond the declaration. It is harmless only if every role that can be lent gives
 * the same anyway; what nothing can be lent on is always beyond.
 */
export function exceedingAccess(
  held: readonly ForeignAccess[],
  roles: readonly DataRole[],
): readonly ForeignAccess[] {
  const declared = roles.map(declaredRights);
  return held.filter((access) => {
    if (access.level === 'role' || access.level === 'global') return true;
    if (access.privileges === '') return false;
    const keys = access.privileges
      .toUpperCase()
      .split(', ')
      .map((name) => rightKey(access, name));
    return declared.length === 0 || !declared.every((rights) => covers(rights, access, keys));
  });
}

function covers(
  rights: ReadonlySet<string>,
  access: ForeignAccess,
  keys: readonly string[],
): boolean {
  return keys.every((key) => {
    if (rights.has(key)) return true;
    const [table = '', name = ''] = [access.object.split('.')[0], key.split(' on ')[0]];
    const { schema } = access;
    if (access.level === 'column' && rights.has(`${name} on table ${schema}.${table}`)) return true;
    const inSchema = access.level === 'column' || access.level === 'table';
    return inSchema && rights.has(`${name} on schema ${escapePattern(schema)}`);
  });
}

function rightKey({ level, schema, object }: ForeignAccess, privilege: string): string {
  if (level === 'schema') return `${privilege} on schema ${schema}`;
  const type = level === 'procedure' || level === 'function' ? 'routine' : level;
  return `${privilege} on ${type} ${schema}.${object}`;
}

function declaredRights(role: DataRole): ReadonlySet<string> {
  const rights = new Set<string>();
  for (const { as, actions, columns, objects } of role.privileges) {
    const offered: readonly ObjectPattern[] = as ? [{ type: 'table', ...as }] : objects;
    for (const object of offered) {
      for (const action of actions) {
        if (columns && !as && object.type === 'table') {
          for (const column of columns) {
            const path = `${object.schema}.${object.name}.${column}`;
            rights.add(`${columnPrivilegeFor(action)} on column ${path}`);
          }
        } else rights.add(`${privilegeFor(action, object.type)} on ${objectKey(object)}`);
      }
    }
  }
  return rights;
}

function objectKey(object: ObjectPattern): string {
  if (object.type === 'schema') return `schema ${escapePattern(object.schema)}`;
  return `${object.type} ${object.schema}.${object.name}`;
}

/** For people: `PUBLIC holds SELECT, INSERT on schema pattern test\_%`. */
export function foreignAccessText(access: ForeignAccess): string {
  const holder =
    access.holder === '' ? `an anonymous account (host ${access.host})` : access.holder;
  if (access.level === 'role') return `${holder} holds the role ${access.object}`;
  if (access.level === 'global') return `${holder} holds global privileges`;
  const object = access.level === 'schema' ? access.schema : `${access.schema}.${access.object}`;
  const level = access.level === 'schema' ? 'schema pattern' : access.level;
  return `${holder} holds ${access.privileges} on ${level} ${object}`;
}

/** The statements that take it away; for a DBA to judge and run. */
export function revokeStatements(access: ForeignAccess): readonly string[] {
  const { holder, level, schema, object, privileges, host } = access;
  if (holder === '') {
    // REVOKE needs an account of that name and host; rows often outlive theirs.
    const where = `User = '' AND Host = ${quoteString(host)} AND Db = ${quoteString(schema)}`;
    return [`DELETE FROM mysql.db WHERE ${where}`, 'FLUSH PRIVILEGES'];
  }
  const from = holder === 'PUBLIC' ? 'PUBLIC' : quoteIdentifier(holder);
  switch (level) {
    case 'role':
      return [`REVOKE ${quoteIdentifier(object)} FROM ${from}`];
    case 'global':
      return [`REVOKE ALL PRIVILEGES ON *.* FROM ${from}`];
    case 'schema':
      return [`REVOKE ALL PRIVILEGES ON ${quoteIdentifier(schema)}.* FROM ${from}`];
    case 'column': {
      const split = object.lastIndexOf('.');
      const columns = quoteIdentifier(object.slice(split + 1));
      const rights = privileges.split(', ').map((name) => `${name.toUpperCase()} (${columns})`);
      const table = `${quoteIdentifier(schema)}.${quoteIdentifier(object.slice(0, split))}`;
      return [`REVOKE ${rights.join(', ')} ON ${table} FROM ${from}`];
    }
    default: {
      const type = level === 'table' ? '' : `${level.toUpperCase()} `;
      const path = `${quoteIdentifier(schema)}.${quoteIdentifier(object)}`;
      return [`REVOKE ALL PRIVILEGES ON ${type}${path} FROM ${from}`];
    }
  }
}
