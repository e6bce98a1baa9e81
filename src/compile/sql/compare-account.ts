// SPDX-License-Identifier: Apache-2.0
import type { RepairBy } from '../../model/finding.ts';
import { type Difference, holderSql, holderText, memberStatements } from './difference.ts';
import type { ManagedAccount } from './managed.ts';
import { quoteString } from './quote.ts';
import { grantStatements, type Right, revokeStatements, rightKey, rightsText } from './right.ts';
import type { ServerState } from './server-state.ts';

/**
 * How an account of ours that is there differs from what it must be. What it holds through a role
 * that is missing itself is left to that role.
 */
export function compareAccount(account: ManagedAccount, state: ServerState): readonly Difference[] {
  const { kind, user, host } = account;
  const observed = state.account(user, host);
  if (!observed) return [];
  const found: Difference[] = [];
  const holder = holderSql(user, host);
  const add = (
    problem: 'unlocked' | 'locked' | 'binding-changed' | 'login-changed' | 'default-role',
    text: string,
    statements: readonly string[],
    by: RepairBy = 'apply',
  ) => found.push(difference(account, problem, text, statements, by));
  if (account.locked && !observed.locked) {
    add('unlocked', 'may log in; it must be locked', [`ALTER USER ${holder} ACCOUNT LOCK`]);
  }
  if (!account.locked && observed.locked) {
    add('locked', 'is locked', [`ALTER USER ${holder} ACCOUNT UNLOCK`]);
  }
  if (account.requires && observed.requires.type !== account.requires) {
    const text = `must be bound to ${account.requires}, and is to ${observed.requires.type}`;
    add('binding-changed', text, [], 'bootstrap');
  }
  if (account.host !== '' && !observed.passwordOnly) {
    add('login-changed', 'has another way to log in than its password', [], 'bootstrap');
  }
  if (observed.defaultRole !== '') {
    add('default-role', `has the default role ${observed.defaultRole}`, [
      `SET DEFAULT ROLE NONE FOR ${holder}`,
    ]);
  }
  found.push(...compareRights(account, state), ...compareRoles(account, state));
  return kind === 'lease' ? found.map(endLease) : found;
}

function compareRights(account: ManagedAccount, state: ServerState): readonly Difference[] {
  const { user, host } = account;
  const held = state.rights(user, host);
  const heldKeys = new Set(held.map(rightKey));
  const wantedKeys = new Set(account.rights.map(rightKey));
  // A procedure that was dropped took the rights to it along; it is what is missing.
  const there = (right: Right) =>
    right.level !== 'procedure' ||
    state.all.routines.some(({ schema, name }) => schema === right.schema && name === right.object);
  const missing = account.rights.filter((right) => !heldKeys.has(rightKey(right)) && there(right));
  const extra = held.filter((right) => !wantedKeys.has(rightKey(right)));
  const holder = holderSql(user, host);
  const found: Difference[] = [];
  if (missing.length > 0) {
    const text = `lacks ${rightsText(missing)}`;
    const give = grantStatements(missing, holder);
    found.push({ ...difference(account, 'right-missing', text, give), rights: missing });
  }
  if (extra.length > 0) {
    const text = `holds ${rightsText(extra)} besides what is declared`;
    const take = revokeStatements(extra, holder);
    found.push({ ...difference(account, 'right-extra', text, take), rights: extra });
  }
  return found;
}

function compareRoles(account: ManagedAccount, state: ServerState): readonly Difference[] {
  const { user, host, roles } = account;
  const held = state.roles(user, host);
  const found: Difference[] = [];
  for (const [role, admin] of roles) {
    if (!state.account(role, '')) continue;
    const edge = held.find((one) => one.role === role);
    if (edge && (edge.admin || !admin)) continue;
    const text = edge ? `may not pass on the role ${role}` : `lacks the role ${role}`;
    const give = memberStatements(admin ? 'add-admin' : 'add', role, user, host);
    found.push(difference(account, 'member-missing', text, give));
  }
  for (const { role, admin } of held) {
    const wanted = roles.get(role);
    if (wanted === undefined) {
      const text = `holds the role ${role} besides what is declared`;
      const take = memberStatements('remove', role, user, host);
      found.push(difference(account, 'member-extra', text, take));
    } else if (admin && !wanted) {
      const text = `may pass on the role ${role}`;
      const take = memberStatements('add', role, user, host);
      found.push(difference(account, 'member-extra', text, take));
    }
  }
  return found;
}

type Problem = 'unlocked' | 'locked' | 'binding-changed' | 'login-changed' | 'default-role';

function difference(
  account: ManagedAccount,
  problem: Problem | 'right-missing' | 'right-extra' | 'member-missing' | 'member-extra',
  text: string,
  statements: readonly string[],
  by: RepairBy = 'apply',
): Difference {
  const { kind, user, host, rule } = account;
  return {
    code: `${kind}-${problem}`,
    cause: 'drift',
    place: `${kind} ${holderText(user, host)}`,
    text: `It ${text}.`,
    ...(rule && { rule }),
    by,
    statements,
    holder: holderText(user, host),
  };
}

/** A lease that was touched is ended: whoever needs it is lent another. */
function endLease(found: Difference): Difference {
  const account = found.place.slice('lease '.length, -'@%'.length);
  return { ...found, by: 'apply', statements: endLeaseStatements(account) };
}

export function endLeaseStatements(account: string): readonly string[] {
  return [`CALL postern.end_lease(${quoteString(account)})`];
}
