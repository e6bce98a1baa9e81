// SPDX-License-Identifier: Apache-2.0
import { type ManagedAccount, managedAccounts, type Scope } from '../compile/sql/managed.ts';
import type { ObservedAccount, ObservedState } from '../compile/sql/observed.ts';
import { ServerState } from '../compile/sql/server-state.ts';

/** The server as `bootstrap` would leave a new one, for what is declared. No lease is lent yet. */
export function expectedState(scope: Scope): ObservedState {
  const { broker, desired, installation, policy, target } = scope;
  const owner = `${installation.owner.user}@${installation.owner.host}`;
  const named = desired.steps.flatMap(({ onlyFor }) => onlyFor ?? []);
  const routines = named
    // Nobody knows yet which of the two it will be, and either is granted alike.
    .filter(({ type }) => type === 'PROCEDURE')
    .map(({ type, schema, name }) => ({
      ...{ type, schema, name, definer: 'root@localhost' },
      ...{ security: 'INVOKER' as const, bodySha256: '' },
    }));
  const procedures = installation.procedures.map(({ name, bodySha256 }) => ({
    ...{ type: 'PROCEDURE' as const, schema: 'postern', name, definer: owner },
    ...{ security: 'DEFINER' as const, bodySha256 },
  }));
  const views = desired.views.map(({ schema, name, definer, text }) => ({
    ...{ schema, name, definer: `${definer}@localhost`, security: 'DEFINER' as const, text },
  }));
  const state: ObservedState = {
    accounts: [],
    rights: [],
    members: [],
    proxies: [],
    views,
    routines: [...routines, ...procedures],
    registry: {
      version: installation.version,
      brokers: [{ name: broker, target: target.id, transport: 'certificate' }],
      applied: [],
      roles: desired.roles.map(({ name, dataRole }) => ({ name, broker, dataRole, ready: true })),
      views: views.map(({ schema, name }, index) => {
        return { schema, name, broker, definer: desired.views[index]?.definer ?? '' };
      }),
      composites: [],
      leases: [],
    },
  };
  const managed = managedAccounts({ ...scope, policy }, new ServerState(state));
  return {
    ...state,
    accounts: managed.map(observedAccount),
    rights: managed.flatMap(({ user, host, rights }) =>
      rights.map((right) => ({ ...right, user, host })),
    ),
    members: managed.flatMap(({ user, host, roles }) =>
      [...roles].map(([role, admin]) => ({ user, host, role, admin })),
    ),
  };
}

function observedAccount({ user, host, locked, requires }: ManagedAccount): ObservedAccount {
  return {
    user,
    host,
    isRole: host === '',
    locked,
    passwordOnly: true,
    defaultRole: '',
    requires: { type: requires ?? 'none', issuer: '', subject: '' },
  };
}
