// SPDX-License-Identifier: Apache-2.0

import { compareWidths, NamePattern } from '../../compile/sql/name-pattern.ts';
import type { ObservedRight } from '../../compile/sql/observed.ts';
import type { Right } from '../../compile/sql/right.ts';
import type { ServerState } from '../../compile/sql/server-state.ts';
import type { Hop, Source } from './question.ts';

/** A row of the grant tables, or what the server makes of several when a role inherits. */
export interface GrantRow {
  readonly right: Right;
  readonly source: Source;
}

/** A row of mysql.db: privileges on the schemas that its pattern matches. */
export interface SchemaRow {
  readonly pattern: NamePattern;
  readonly host: NamePattern | undefined;
  readonly anonymous: boolean;
  readonly rows: readonly GrantRow[];
}

/**
 * Where the server looks for rights, each on its own: the account, the active role, PUBLIC. What a
 * session may do is the union of what each gives.
 */
export interface Grantee {
  readonly global: readonly GrantRow[];
  /** The most exact one that matches decides; the others give nothing on that schema. */
  readonly schemas: readonly SchemaRow[];
  /** Rights on a table, its columns or a routine, by `objectKey`. */
  readonly objects: ReadonlyMap<string, readonly GrantRow[]>;
}

export type FoldName = (name: string) => string;

/**
 * What the account's own rows give to somebody who comes from `client`. Rows are found by user and
 * by the host one comes from, whichever account that was for; only global privileges belong to the
 * account that logged in.
 */
export function accountGrantee(
  state: ServerState,
  account: { readonly user: string; readonly host: string },
  client: string,
  fold: FoldName,
): Grantee {
  const own = state.all.rights.filter(
    ({ user, host, level }) =>
      user === account.user &&
      (level === 'global' ? host === account.host : hostMatches(host, client)),
  );
  const rows = own.map((right) => row(right, [], fold));
  return {
    global: rows.filter(({ right }) => right.level === 'global'),
    schemas: [
      ...(account.user === '' ? [] : schemaRows(rows, false)),
      ...anonymousRows(state, client, fold),
    ],
    objects: byObject(rows, true),
  };
}

/**
 * Roles with all that they inherit, as the one role that is active; or PUBLIC. Rows without a user
 * name fill in here as well.
 */
export function roleGrantee(
  state: ServerState,
  roles: readonly string[],
  hops: (held: string) => readonly Hop[],
  fold: FoldName,
): Grantee {
  const rows = heldRoles(state, roles).flatMap((held) =>
    state.rights(held, '').map((right) => row(right, hops(held), fold)),
  );
  return {
    global: rows.filter(({ right }) => right.level === 'global'),
    schemas: [...schemaRows(rows, false), ...anonymousRows(state, '', fold)],
    objects: byObject(rows, false),
  };
}

/** The roles and every role that they hold, however many in between. */
function heldRoles(state: ServerState, roles: readonly string[]): readonly string[] {
  const found = new Set(roles);
  for (const one of found) for (const member of state.roles(one, '')) found.add(member.role);
  return [...found];
}

/** The row that decides on `schema`, or several where the server's choice cannot be told. */
export function decidingRows(grantee: Grantee, schema: string): readonly SchemaRow[] {
  let best: SchemaRow[] = [];
  for (const candidate of grantee.schemas) {
    if (!candidate.pattern.matches(schema)) continue;
    const order = best[0] === undefined ? -1 : compareRows(candidate, best[0]);
    if (order < 0) best = [candidate];
    else if (order === 0) best.push(candidate);
  }
  return best;
}

/** Negative: the server looks at the first before the second. */
export function compareRows(one: SchemaRow, other: SchemaRow): number {
  return (
    compareWidths(one.host?.width ?? [0], other.host?.width ?? [0]) ||
    compareWidths(one.pattern.width, other.pattern.width) ||
    Number(one.anonymous) - Number(other.anonymous)
  );
}

export function hostMatches(pattern: string, client: string): boolean {
  const mask = /^([\d.]+)\/([\d.]+)$/.exec(pattern);
  if (mask) return inNetwork(client, mask[1] ?? '', mask[2] ?? '');
  return pattern === '' || new NamePattern(pattern, 'host').matches(client);
}

function row(held: ObservedRight, hops: readonly Hop[], fold: FoldName): GrantRow {
  const { user, host, level, schema, object, column, privilege } = held;
  const routine = level === 'procedure' || level === 'function';
  const right: Right = {
    level,
    schema: fold(schema),
    // Routines and columns compare without case on every server.
    object: routine ? object.toLowerCase() : fold(object),
    column: column.toLowerCase(),
    privilege,
  };
  const original: Right = { level, schema, object, column, privilege };
  return { right, source: { right: original, account: { user, host }, hops } };
}

function schemaRows(rows: readonly GrantRow[], anonymous: boolean): readonly SchemaRow[] {
  const found = new Map<string, GrantRow[]>();
  for (const one of rows) {
    if (one.right.level !== 'schema') continue;
    const { user, host } = one.source.account;
    // Roles inherit row by row: what has one pattern is one row, whichever role it came from.
    const key = JSON.stringify([host === '' ? '' : user, host, one.right.schema]);
    found.set(key, [...(found.get(key) ?? []), one]);
  }
  return [...found.values()].flatMap((group) => {
    const [first] = group;
    if (!first) return [];
    const { host } = first.source.account;
    return {
      pattern: new NamePattern(first.right.schema, 'schema'),
      host: host === '' ? undefined : new NamePattern(host, 'host'),
      anonymous,
      rows: group,
    };
  });
}

function anonymousRows(state: ServerState, client: string, fold: FoldName): readonly SchemaRow[] {
  const rows = state.all.rights
    .filter(({ user, level }) => user === '' && level === 'schema')
    .filter(({ host }) => hostMatches(host, client))
    .map((right) => row(right, [{ kind: 'anonymous', host: right.host }], fold));
  return schemaRows(rows, true);
}

/** With `oneHost` only the rows of the most exact host count, for each table and routine. */
function byObject(rows: readonly GrantRow[], oneHost: boolean): Grantee['objects'] {
  const found = new Map<string, GrantRow[]>();
  for (const one of rows) {
    const { level, schema, object } = one.right;
    if (level === 'global' || level === 'schema') continue;
    const type = level === 'column' ? 'table' : level;
    const key = objectKey(type, schema, object);
    const known = found.get(key);
    const order = known?.[0] && oneHost ? compareHosts(one, known[0]) : 0;
    if (known && order === 0) known.push(one);
    else if (!known || order < 0) found.set(key, [one]);
  }
  return found;
}

function compareHosts(one: GrantRow, other: GrantRow): number {
  const [host, known] = [one, other].map(({ source }) => source.account.host);
  if (host === undefined || known === undefined || host === known) return 0;
  return compareWidths(new NamePattern(host, 'host').width, new NamePattern(known, 'host').width);
}

/** Names are folded already. */
export function objectKey(
  type: 'table' | 'procedure' | 'function',
  schema: string,
  name: string,
): string {
  return JSON.stringify([type, schema, name]);
}

function inNetwork(client: string, base: string, mask: string): boolean {
  const number = (address: string) => {
    const parts = address.split('.').map(Number);
    if (parts.length !== 4 || parts.some((part) => !(part >= 0 && part <= 255))) return undefined;
    return parts.reduce((sum, part) => sum * 256 + part, 0);
  };
  const [from, network, bits] = [number(client), number(base), number(mask)];
  if (from === undefined || network === undefined || bits === undefined) return false;
  return (BigInt(from) & BigInt(bits)) === BigInt(network);
}
