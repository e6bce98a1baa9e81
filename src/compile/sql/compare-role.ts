// SPDX-License-Identifier: Apache-2.0
import { endLeaseStatements } from './compare-account.ts';
import { type Difference, holderText, memberStatements } from './difference.ts';
import { isForExisting, type Scope } from './managed.ts';
import { quoteIdentifier, quoteString } from './quote.ts';
import { ROLE_ADMIN } from './role-name.ts';
import type { ServerState } from './server-state.ts';

/** Base roles that are to be made or removed; what is in those that are there is compared elsewhere. */
export function compareRoles(scope: Scope, state: ServerState): readonly Difference[] {
  const { registry } = state.all;
  const mine = registry.roles.filter(({ broker }) => broker === scope.broker);
  const declared = new Set(scope.desired.roles.map(({ name }) => name));
  return [
    ...scope.desired.roles.flatMap((role) => {
      const known = mine.find(({ name }) => name === role.name);
      const exists = state.account(role.name, '') !== undefined;
      const place = `role ${role.name}`;
      if (exists && !registry.roles.some(({ name }) => name === role.name)) {
        return [foreignRole(role.name)];
      }
      if (known?.ready && exists) return [];
      const isNew = !known?.ready;
      const found: Difference = {
        code: isNew ? 'role-new' : 'role-missing',
        cause: isNew ? 'declaration' : 'drift',
        place,
        text: isNew ? `${role.dataRole} is not on the server yet.` : 'It was dropped.',
        rule: role.rule,
        by: 'apply',
        statements: makeRole(role.name, role.dataRole, scope, state),
      };
      return [found];
    }),
    ...mine
      .filter(({ name }) => !declared.has(name))
      .map((role) => removeRole(role.name, role.ready, scope, state)),
  ];
}

function foreignRole(name: string): Difference {
  return {
    code: 'role-foreign',
    cause: 'drift',
    place: `role ${name}`,
    text: 'It has the name of a role of ours, and bootstrap or apply did not make it.',
    by: 'operator',
    statements: [`DROP ROLE ${quoteIdentifier(name)}`],
  };
}

/** Registered first and offered last: a crash in between leaves a role that nobody is lent. */
function makeRole(
  name: string,
  dataRole: string,
  { broker, desired }: Scope,
  state: ServerState,
): readonly string[] {
  const row = `${quoteString(name)}, ${quoteString(broker)}, ${quoteString(dataRole)}, FALSE`;
  const where = `name = ${quoteString(name)} AND broker = ${quoteString(broker)}`;
  const holders = state.all.registry.composites.filter(
    (one) => one.roles.includes(name) && state.account(one.name, ''),
  );
  return [
    `INSERT IGNORE INTO postern.role (name, broker, data_role, ready) VALUES (${row})`,
    ...desired.steps
      .filter(({ kind }) => kind === 'role' || kind === 'grant')
      .filter((step) => step.part === name && isForExisting(step, state))
      .map(({ sql }) => sql),
    ...holders.flatMap((one) => memberStatements('add', name, one.name, '')),
    `UPDATE postern.role SET ready = TRUE WHERE ${where}`,
  ];
}

/**
 * Two steps with a look between them: first it is no longer offered; it goes when a later look
 * finds that no lease holds it.
 */
function removeRole(name: string, ready: boolean, scope: Scope, state: ServerState): Difference {
  const { registry } = state.all;
  const where = `name = ${quoteString(name)} AND broker = ${quoteString(scope.broker)}`;
  const composites = registry.composites.filter(({ roles }) => roles.includes(name));
  const lent = registry.leases.filter((lease) =>
    composites.some((composite) => composite.name === lease.composite),
  );
  const place = `role ${name}`;
  const cause = 'declaration';
  if (ready) {
    return {
      code: 'role-undeclared',
      cause,
      place,
      text: 'No Grant gives it any more. It is offered to nobody, and dropped when no lease holds it.',
      by: 'apply',
      statements: [`UPDATE postern.role SET ready = FALSE WHERE ${where}`],
    };
  }
  if (lent.length > 0) {
    const text = `It is no longer declared, and still lent to ${lent.length} accounts.`;
    return { code: 'role-still-lent', cause, place, text, by: 'wait', statements: [] };
  }
  const shared = registry.roles.some((one) => one.name === name && one.broker !== scope.broker);
  return {
    code: 'role-undeclared',
    cause,
    place,
    text: 'No Grant gives it any more, and no lease holds it.',
    by: 'apply',
    statements: [
      ...composites.flatMap((composite) => [
        `DROP ROLE IF EXISTS ${quoteIdentifier(composite.name)}`,
        `DELETE FROM postern.composite WHERE name = ${quoteString(composite.name)}`,
      ]),
      ...(shared ? [] : [`DROP ROLE IF EXISTS ${quoteIdentifier(name)}`]),
      `DELETE FROM postern.role WHERE ${where}`,
    ],
  };
}

const COMPOSITE_NAME = /^pc_[0-9a-f]{32}$/;
const BASE_NAME = /^pr_.*_[0-9a-f]{16}$/;
const LEASE_NAME = /^postern:/;
const DEFINER_NAME = /^postern_view_[0-9a-f]{16}$/;

/** Composite roles and leases that the registry and the server do not both know. */
export function compareLent(scope: Scope, state: ServerState): readonly Difference[] {
  const { accounts, registry } = state.all;
  const mine = new Set(
    registry.roles.filter(({ broker }) => broker === scope.broker).map(({ name }) => name),
  );
  const drift = { cause: 'drift' as const, by: 'apply' as const };
  const leases = new Set(registry.leases.map(({ account }) => account));
  const composites = new Set(registry.composites.map(({ name }) => name));
  const definers = new Set(registry.views.map(({ definer }) => definer));
  const desired = new Set(scope.desired.roles.map(({ name }) => name));
  const found: Difference[] = [];
  const add = (
    code: Difference['code'],
    place: string,
    text: string,
    statements: readonly string[],
  ) => found.push({ ...drift, code, place, text, statements });
  for (const { name, roles } of registry.composites) {
    const used = registry.leases.filter((lease) => lease.composite === name);
    if (state.account(name, '') || used.length === 0) continue;
    if (!roles.every((role) => mine.has(role))) continue;
    const end = used.flatMap(({ account }) => endLeaseStatements(account));
    add('composite-missing', `composite ${name}`, 'It was dropped while it was lent.', end);
  }
  for (const { account, broker, state: leaseState, ...as } of registry.leases) {
    if (broker !== scope.broker || leaseState !== 'lent') continue;
    const place = `lease ${account}@%`;
    const end = endLeaseStatements(account);
    if (!state.account(account, '%')) add('lease-missing', place, 'It was dropped.', end);
    else if (as.passwordAsLent === false) {
      add('lease-login-changed', place, 'Its password is not the one that was lent.', end);
    } else if (as.bindingAsLent === false) {
      add('lease-binding-changed', place, 'Its REQUIRE is not the one that was lent.', end);
    }
  }
  for (const { user, host, isRole } of accounts) {
    if (isRole && COMPOSITE_NAME.test(user) && !composites.has(user)) {
      const drop = [`DROP ROLE IF EXISTS ${quoteIdentifier(user)}`];
      add('composite-unregistered', `composite ${user}`, 'No lease was made with it.', drop);
    } else if (isRole && BASE_NAME.test(user) && !desired.has(user)) {
      if (registry.roles.some(({ name }) => name === user)) continue;
      found.push({ ...foreignRole(user), code: 'role-unregistered' });
    } else if (!isRole && LEASE_NAME.test(user) && !leases.has(user)) {
      const drop = [`DROP USER IF EXISTS ${quoteIdentifier(user)}@${quoteIdentifier(host)}`];
      add('lease-unregistered', `lease ${user}@${host}`, 'It was never lent.', drop);
    } else if (!isRole && DEFINER_NAME.test(user) && !definers.has(user)) {
      const drop = [`DROP USER IF EXISTS ${quoteIdentifier(user)}@${quoteIdentifier(host)}`];
      add('view-definer-unregistered', `view-definer ${user}@${host}`, 'No view is its.', drop);
    }
  }
  return found;
}

/** Who holds our roles without being lent them. */
export function compareHolders(scope: Scope, state: ServerState): readonly Difference[] {
  const { members, registry } = state.all;
  const ours = new Set([
    ...registry.roles.filter(({ broker }) => broker === scope.broker).map(({ name }) => name),
    ...registry.composites.map(({ name }) => name),
  ]);
  const managed = new Set([
    ...registry.composites.map(({ name }) => name),
    ...registry.roles.map(({ name }) => name),
    ...registry.leases.map(({ account }) => account),
    ...registry.brokers.map(({ name }) => name),
    ...registry.views.map(({ definer }) => definer),
    ...(scope.reader === undefined ? [] : [scope.reader]),
  ]);
  return members
    .filter(({ role, user, host }) => {
      const isOwner = user === ROLE_OWNER.user && host === ROLE_OWNER.host;
      if (scope.operators.includes(holderText(user, host))) return false;
      return ours.has(role) && !isOwner && !managed.has(user) && user !== 'PUBLIC';
    })
    .map(({ role, user, host }) => ({
      code: 'role-holder-extra',
      cause: 'drift',
      place: `role ${role}`,
      text: `${holderText(user, host)} holds it, and is no lease.`,
      by: 'apply',
      statements: memberStatements('remove', role, user, host),
      holder: holderText(user, host),
    }));
}

const ROLE_OWNER = {
  user: ROLE_ADMIN.split("'")[1] ?? '',
  host: ROLE_ADMIN.split("'")[3] ?? '',
};
