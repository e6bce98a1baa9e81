// SPDX-License-Identifier: Apache-2.0
import type { Right } from '../../compile/sql/right.ts';
import type { Action } from '../../model/request.ts';

/** Tables and views share one name space; a sequence is a table. */
export type DatabaseObject =
  | { readonly type: 'table' | 'view'; readonly schema: string; readonly name: string }
  | {
      readonly type: 'routine';
      readonly schema: string;
      readonly name: string;
      /** Absent: whichever there is. */
      readonly kind?: 'procedure' | 'function';
    }
  /** Every table and view in it, now and later; for `temporary`, `lock`, `event` the schema itself. */
  | { readonly type: 'schema'; readonly schema: string };

export interface DatabaseQuestion {
  readonly action: Action;
  readonly object: DatabaseObject;
  readonly column?: string;
  /** Without `column`: the whole object with columns it may get later (the default), or any part. */
  readonly extent?: 'whole' | 'any';
}

export type Holder = AccountHolder | LeaseHolder;

/** An account with the sessions it can have. */
export interface AccountHolder {
  readonly user: string;
  readonly host: string;
  /** Only sessions with this role active, '' for none. Absent: whichever it can SET ROLE to. */
  readonly role?: string;
}

/** A lease with these base roles, whether or not one is lent at the moment. */
export interface LeaseHolder {
  readonly roles: readonly string[];
}

/** How the holder comes to a right that is not its own account's; nearest to the holder first. */
export type Hop =
  /** Active in the session; `inherited` of a role that is held by another. */
  | { readonly kind: 'role'; readonly role: string; readonly inherited: boolean }
  | { readonly kind: 'public' }
  /** A row of mysql.db without a user name counts for every account. */
  | { readonly kind: 'anonymous'; readonly host: string }
  /** A view or routine; all but an invoker view run with the rights of their definer. */
  | {
      readonly kind: 'definer-view' | 'invoker-view' | 'definer-routine';
      readonly schema: string;
      readonly name: string;
      readonly definer: string;
    }
  /** May log in as the other account, if its plugin says so. */
  | { readonly kind: 'proxy'; readonly user: string; readonly host: string }
  /** The privilege opens more than its own name says, such as CREATE USER or FILE. */
  | { readonly kind: 'power'; readonly privilege: string }
  /** A right on columns reads the whole row. */
  | { readonly kind: 'handler' };

/** The row of the grant tables that decides, and the way to it. */
export interface Source {
  readonly right: Right;
  /** Whose row it is; roles and PUBLIC have an empty host. */
  readonly account: { readonly user: string; readonly host: string };
  readonly hops: readonly Hop[];
}

/** `unknown`: the observed state does not tell; treat it as allowed and ask why. */
export interface DatabaseVerdict {
  readonly verdict: 'allowed' | 'denied' | 'unknown';
  /** Of `allowed` always; of `unknown` what may give it. */
  readonly by?: Source;
  /** Of `unknown`: what is not known. */
  readonly reason?: string;
}

/** What an entry of `reach` is about; may stand for any number of objects. */
export type ObjectReach =
  /** Every schema. */
  | { readonly type: 'everything' }
  | {
      readonly type: 'schemas';
      /** As mysql.db keeps it: `_` and `%` are wildcards, `\` takes that away. */
      readonly pattern: string;
      /** Patterns of rows that are more exact and decide instead for the schemas they match. */
      readonly except: readonly string[];
    }
  | { readonly type: 'table'; readonly schema: string; readonly name: string }
  | {
      readonly type: 'routine';
      readonly schema: string;
      readonly name: string;
      readonly kind: 'procedure' | 'function';
    };

export interface ReachEntry {
  readonly action: Action;
  readonly on: ObjectReach;
  /** Absent: the whole object. */
  readonly columns?: readonly string[];
  readonly verdict: 'allowed' | 'unknown';
  readonly reason?: string;
  readonly by: Source;
}

/**
 * `everything`: can be turned into any right; `reading`: shows what others write; `passing-on`: gives
 * its rights to others; `structure`: shows how things are made; `history`: deletes old versions of
 * rows; `server`: runs the server.
 */
export type PowerKind =
  | 'everything'
  | 'reading'
  | 'passing-on'
  | 'structure'
  | 'history'
  | 'server';

/** A privilege that is none of the declaration's actions, such as GRANT OPTION or FILE. */
export interface PowerEntry {
  readonly privilege: string;
  readonly on: ObjectReach;
  readonly opens: PowerKind;
  readonly by: Source;
}

export interface Reach {
  readonly entries: readonly ReachEntry[];
  readonly powers: readonly PowerEntry[];
}
