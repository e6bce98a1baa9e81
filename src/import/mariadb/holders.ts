// SPDX-License-Identifier: Apache-2.0
import type { ObservedAccount, ObservedState } from '../../compile/sql/observed.ts';
import { ROLE_ADMIN } from '../../compile/sql/role-name.ts';
import { SYSTEM_ACCOUNTS } from '../../policy/check/reserved.ts';

export interface Holder {
  readonly user: string;
  readonly host: string;
}

/** `app@10.%`; a role by its name alone. */
export function holderName({ user, host }: Holder, isRole = false): string {
  return isRole || host === '' ? user : `${user}@${host}`;
}

/** Why nothing of an account or role is carried over; undefined where it is one to carry. */
export function setAside(account: ObservedAccount, state: ObservedState): string | undefined {
  const { user, host, isRole, locked } = account;
  const { registry } = state;
  if (user === 'PUBLIC') {
    return 'every account holds it, and so would every lease: revoke it from PUBLIC and give it to those who need it';
  }
  if (user === '') return `anybody may log in as nobody: DROP USER ''@'${host}'`;
  const own = new Set([
    ...registry.brokers.map(({ name }) => name),
    ...registry.leases.map(({ account: name }) => name),
    ...registry.composites.map(({ name }) => name),
    ...registry.views.map(({ definer }) => definer),
    ...(registry.version === '' ? [] : [ROLE_ADMIN.split("'")[1] ?? '', 'postern_reader']),
  ]);
  if (own.has(user)) return 'Postern made it and looks after it';
  if (isRole) return undefined;
  if (SYSTEM_ACCOUNTS.has(user.toLowerCase())) return 'it belongs to the server or its package';
  return locked ? 'the account is locked: nobody logs in as it' : undefined;
}

/** Every role that an account may take on, through others as well, and how it got there. */
export function rolesOf(holder: Holder, state: ObservedState): ReadonlySet<string> {
  const found = new Set<string>();
  const visit = ({ user, host }: Holder) => {
    for (const member of state.members) {
      if (member.user !== user || member.host !== host || found.has(member.role)) continue;
      found.add(member.role);
      visit({ user: member.role, host: '' });
    }
  };
  visit(holder);
  return found;
}
