// SPDX-License-Identifier: Apache-2.0
import type { Right } from '../../compile/sql/right.ts';
import type { Action } from '../../model/request.ts';

/** Tables and views share one name space; a sequence is a table. */
export type DatabaseObject =
  | { readonly type: 'table' | 'view' | 'routine'; readonly schema: string; readonly name: string }
  /** Every table and view in it, now and later; for `temporary`, `lock`, `event` the schema itself. */
  | { readonly type: 'schema'; readonly schema: string };

export interface DatabaseQuestion {
  readonly action: Action;
  readonly object: DatabaseObject;
  /** Absent: the whole object, with columns it may get later. */
  readonly column?: string;
}

/** An account with the sessions it can have. */
export interface Holder {
  readonly user: string;
  readonly host: string;
  /** Only sessions with this role active, '' for none. Absent: whichever it can SET ROLE to. */
  readonly role?: string;
}

/** How the holder comes to a right that is not its own account's; nearest to the holder first. */
export type Hop =
  /** Active in the session; `inherited` of a role that is held by another. */
  | { readonly kind: 'role'; readonly role: string; readonly inherited: boolean }
  | { readonly kind: 'public' }
  /** A row of mysql.db without a user name counts for every account. */
  | { readonly kind: 'anonymous'; readonly host: string }
  /** Runs with the rights of its definer. */
  | {
      readonly kind: 'definer-view' | 'definer-routine';
      readonly schema: string;
      readonly name: string;
      readonly definer: string;
    }
  /** The view hands on what the right before it gives on another table. */
  | { readonly kind: 'invoker-view'; readonly schema: string; readonly name: string }
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
  | { readonly type: 'routine'; readonly schema: string; readonly name: string };

export interface ReachEntry {
  readonly action: Action;
  readonly on: ObjectReach;
  /** Absent: the whole object. */
  readonly columns?: readonly string[];
  readonly verdict: 'allowed' | 'unknown';
  readonly reason?: string;
  readonly by: Source;
}

/** A privilege that is none of the declaration's actions, such as GRANT OPTION or FILE. */
export interface PowerEntry {
  readonly privilege: string;
  readonly on: ObjectReach;
  /** What it opens: everything on the server, passing on rights, other things of the server. */
  readonly opens: 'everything' | 'passing-on' | 'server' | 'structure';
  readonly by: Source;
}

export interface Reach {
  readonly entries: readonly ReachEntry[];
  readonly powers: readonly PowerEntry[];
}
