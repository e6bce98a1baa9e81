// SPDX-License-Identifier: Apache-2.0
import { desiredSql } from '../../compile/sql/desired.ts';
import type {
  ObservedAccount,
  ObservedRight,
  ObservedState,
  ObservedView,
} from '../../compile/sql/observed.ts';
import type { DesiredSql } from '../../compile/sql/plan-step.ts';
import { baseRoleName } from '../../compile/sql/role-name.ts';
import type { DataRole, Policy, Target } from '../../policy/policy.ts';
import { DatabaseModel } from './model.ts';
import type { LeaseHolder } from './question.ts';

const VIEW_HOST = 'localhost';

/** A server on which everything that is declared was applied, and nothing else is. */
export function desiredModel(policy: Policy, target: Target): DatabaseModel {
  const { system } = target;
  const caseInsensitiveNames = 'caseInsensitiveNames' in system && system.caseInsensitiveNames;
  return new DatabaseModel(desiredState(desiredSql(policy, target)), { caseInsensitiveNames });
}

/** Whoever is lent these DataRoles, whether or not somebody is at the moment. */
export function leaseHolder(roles: readonly DataRole[]): LeaseHolder {
  return { roles: roles.map((role) => baseRoleName(role)) };
}

/**
 * Roles, views and their owners as the server would show them. A routine has rights as a procedure
 * and as a function: a declaration does not say which it is.
 */
export function desiredState(desired: DesiredSql): ObservedState {
  const views = desired.views.map(
    ({ schema, name, definer, text }): ObservedView => ({
      schema,
      name,
      definer: `${definer}@${VIEW_HOST}`,
      security: 'DEFINER',
      text,
    }),
  );
  const definers = new Map(
    desired.views.map(({ schema, name, definer }) => [`${schema}.${name}`, definer]),
  );
  const rights = desired.steps.flatMap((step): readonly ObservedRight[] => {
    const definer = definers.get(step.part);
    const given = step.rights ?? [];
    if (step.kind === 'grant')
      return given.map((right) => ({ ...right, user: step.part, host: '' }));
    if (step.kind !== 'view-definer' || definer === undefined) return [];
    return given.map((right) => ({ ...right, user: definer, host: VIEW_HOST }));
  });
  return {
    accounts: [
      ...desired.roles.map(({ name }) => account(name, '')),
      ...[...new Set(definers.values())].map((definer) => account(definer, VIEW_HOST)),
    ],
    rights,
    members: [],
    proxies: [],
    views,
    routines: [],
    registry: {
      version: '',
      brokers: [],
      applied: [],
      roles: [],
      views: [],
      composites: [],
      leases: [],
    },
  };
}

function account(user: string, host: string): ObservedAccount {
  const requires = { type: 'none' as const, issuer: '', subject: '' };
  const isRole = host === '';
  return { user, host, isRole, locked: !isRole, passwordOnly: true, defaultRole: '', requires };
}
