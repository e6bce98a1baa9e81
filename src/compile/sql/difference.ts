// SPDX-License-Identifier: Apache-2.0
import type { RuleReference } from '../../model/decision.ts';
import type { RepairBy } from '../../model/finding.ts';
import { quoteIdentifier, quoteString } from './quote.ts';
import type { Right } from './right.ts';

/** What Postern makes on a server, by what it is for. */
export type ManagedKind =
  | 'role'
  | 'composite'
  | 'lease'
  | 'view-definer'
  | 'owner'
  | 'broker'
  | 'reader';

type AccountProblem =
  | 'missing'
  | 'unregistered'
  | 'unlocked'
  | 'locked'
  | 'binding-changed'
  | 'login-changed'
  | 'default-role'
  | 'right-missing'
  | 'right-extra'
  | 'member-missing'
  | 'member-extra';

/** What differs, for programs; one code for one kind of difference. */
export type DifferenceCode =
  | `${ManagedKind}-${AccountProblem}`
  | 'role-new'
  | 'role-foreign'
  | 'role-holder-extra'
  | 'role-undeclared'
  | 'role-still-lent'
  | 'view-new'
  | 'view-missing'
  | 'view-foreign'
  | 'view-undeclared'
  | 'view-definer-changed'
  | 'view-security-changed'
  | 'view-text-changed'
  | 'procedure-missing'
  | 'procedure-changed'
  | 'registry-outdated'
  | 'account-shadowed'
  | 'proxy-foreign'
  | 'foreign-account'
  | 'foreign-pattern'
  | 'public-widened'
  | 'anonymous-access'
  | 'anonymous-account';

export interface Difference {
  readonly code: DifferenceCode;
  /** `declaration`: it is ahead of the server. `drift`: the server was changed behind its back. */
  readonly cause: 'declaration' | 'drift';
  /** What differs, such as `role pr_x` or `account 'bob'@'%'`. */
  readonly place: string;
  readonly text: string;
  readonly rule?: RuleReference;
  readonly by: RepairBy;
  /** The remedy; for `apply` each statement may be run again. */
  readonly statements: readonly string[];
  /** The account, role or PUBLIC that holds too much or lacks something. */
  readonly holder?: string;
  /** What it holds besides what is declared, or lacks. */
  readonly rights?: readonly Right[];
}

/** Takes away what is no longer declared: last, when nobody is led to it any more. */
export function isRemoval({ code }: Difference): boolean {
  return code.endsWith('-undeclared');
}

/** In GRANT and REVOKE: a role, PUBLIC, or an account. */
export function holderSql(user: string, host: string): string {
  if (host !== '') return `${quoteIdentifier(user)}@${quoteIdentifier(host)}`;
  return user === 'PUBLIC' ? 'PUBLIC' : quoteIdentifier(user);
}

/** For people. */
export function holderText(user: string, host: string): string {
  return host === '' ? user : `${user}@${host}`;
}

/**
 * Changes who holds a role. In the table, because GRANT and REVOKE of a role are only for those who
 * may pass it on, and of ours only the locked owner may, whatever else an administrator can do.
 */
export function memberStatements(
  change: 'add' | 'add-admin' | 'remove',
  role: string,
  user: string,
  host: string,
): readonly string[] {
  const [atHost, atUser, ofRole] = [host, user, role].map(quoteString);
  const row =
    change === 'remove'
      ? `DELETE FROM mysql.roles_mapping WHERE Host = ${atHost} AND User = ${atUser} AND Role = ${ofRole}`
      : `REPLACE INTO mysql.roles_mapping (Host, User, Role, Admin_option) VALUES (${atHost}, ${atUser}, ${ofRole}, '${change === 'add' ? 'N' : 'Y'}')`;
  return [row, 'FLUSH PRIVILEGES'];
}
