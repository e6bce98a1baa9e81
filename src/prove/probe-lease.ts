// SPDX-License-Identifier: Apache-2.0

import type { ObservedMember, ObservedState } from '../compile/sql/observed.ts';
import { baseRoleName } from '../compile/sql/role-name.ts';
import type { DataRole } from '../policy/policy.ts';
import type { AccountHolder } from './database/question.ts';

/** A server with one more lease for each set of roles, made as `lend` makes them. */
export interface ProbedServer {
  readonly state: ObservedState;
  readonly holders: ReadonlyMap<string, AccountHolder>;
}

/** Roles by the key of the set; leases have names that no account of the gateway's can have. */
export function withProbes(
  observed: ObservedState,
  sets: ReadonlyMap<string, readonly DataRole[]>,
): ProbedServer {
  const known = new Map(
    observed.registry.composites.map(({ name, roles }) => [[...roles].sort().join(','), name]),
  );
  const exists = new Set(observed.accounts.filter((one) => one.isRole).map(({ user }) => user));
  const holders = new Map<string, AccountHolder>();
  const roles: string[] = [];
  const members: ObservedMember[] = [];
  for (const [key, set] of sets) {
    const names = [...new Set(set.map((role) => baseRoleName(role)))].sort();
    const lent = known.get(names.join(','));
    // `lend` gives a composite what it lacks, and refuses one that holds more.
    const composite = lent !== undefined && exists.has(lent) ? lent : `probe role ${key}`;
    if (composite !== lent) roles.push(composite);
    const user = `probe lease ${key}`;
    holders.set(key, { user, host: '%', role: composite });
    members.push({ user, host: '%', role: composite, admin: false });
    for (const role of names) {
      if (exists.has(role)) members.push({ user: composite, host: '', role, admin: false });
    }
  }
  const requires = { type: 'names' as const, issuer: '', subject: '' };
  const plain = { locked: false, passwordOnly: true, defaultRole: '', requires };
  return {
    holders,
    state: {
      ...observed,
      accounts: [
        ...observed.accounts,
        ...roles.map((user) => ({ ...plain, user, host: '', isRole: true })),
        ...[...holders.values()].map(({ user, host }) => ({ ...plain, user, host, isRole: false })),
      ],
      members: [...observed.members, ...members],
    },
  };
}
