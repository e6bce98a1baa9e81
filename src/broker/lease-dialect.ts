// SPDX-License-Identifier: Apache-2.0
import type { SqlDialect } from '../compile/sql/dialect.ts';
import type { Secret } from '../model/secret.ts';
import type { AdminConnection } from '../target/mysql/connection.ts';

/** How accounts are lent on the servers of one family: what bootstrap installs there, in its words. */
export interface LeaseDialect {
  readonly sql: SqlDialect;
  /** For the session that installs, before anything else. */
  readonly session: string;
  readonly tables: readonly string[];
  readonly ownerPrivileges: readonly string[];
  readonly procedures: readonly ProcedureText[];
  /** What may log in and read the state of the server; undefined where none can be had. */
  readonly readerProcedure: string | undefined;
  /** What every lease holds besides its roles, as a query. */
  readonly foreignAccess: string;
  /** Names that a role must not have: what is there and was not made by bootstrap. */
  readonly roleNames: string;
  /** As the target stores it. It is made here: the password never travels in a statement. */
  passwordHash(password: Secret): Promise<string>;
  /** Of the right shape, for showing statements. */
  readonly sampleHash: string;
  /** In CREATE USER and ALTER USER; `hash` as `passwordHash` makes it, `require` with its word. */
  login(hash: string, require: string): string;
  /** Why leases cannot be lent there, undefined when they can. */
  unfit(admin: AdminConnection): Promise<string | undefined>;
}

export interface ProcedureText {
  readonly name: string;
  /** One or two statements; what they make is run with the owner's rights. */
  readonly create: readonly string[];
  /** The body as the server keeps it. */
  readonly text: string;
  /** Kept as its comment, where `create` would take it away for a moment: left if it is the same. */
  readonly mark?: string;
}

/** Why a server is too old, undefined when it is not. */
export function tooOld(serverVersion: string, oldest: readonly number[]): string | undefined {
  const version = serverVersion.split(/[.-]/).map(Number);
  for (const [index, least] of oldest.entries()) {
    const part = version[index] ?? 0;
    if (part > least) return undefined;
    if (part !== least) return `${serverVersion} is older than ${oldest.join('.')}`;
  }
  return undefined;
}
