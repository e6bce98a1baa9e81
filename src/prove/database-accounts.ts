// SPDX-License-Identifier: Apache-2.0
import { managedUsers, SERVER_ACCOUNTS } from '../compile/sql/compare-foreign.ts';
import { holderText } from '../compile/sql/difference.ts';
import type { Scope } from '../compile/sql/managed.ts';
import type { ObservedAccount, ObservedState } from '../compile/sql/observed.ts';
import { schemaPatternReaches } from '../compile/sql/right.ts';
import { ServerState } from '../compile/sql/server-state.ts';
import type { RuleReference } from '../model/decision.ts';
import type { DataRole, Target } from '../policy/policy.ts';
import type { DatabaseModel } from './database/model.ts';
import type { ObjectReach, PowerEntry, ReachEntry, Source } from './database/question.ts';
import { sourceText, whyText } from './database-text.ts';
import { DeclaredRights, reachText } from './declared-rights.ts';
import type { Findings } from './findings.ts';
import type { WorkBudget } from './work-budget.ts';

interface Server {
  readonly target: Target;
  readonly scope: Scope;
  readonly observed: ObservedState;
}

/** Why an account may do nothing, or only this, with what is declared. */
interface Expected {
  readonly account: ObservedAccount;
  readonly text: string;
  readonly rules: readonly RuleReference[];
  /** Of a lease that is lent: the roles it was lent with. */
  readonly roles: readonly DataRole[];
  /** Whether it is there to call Postern's procedures. */
  readonly calls: boolean;
}

/**
 * Who can log in besides the leases to come: nobody may do anything with the declared schemas but
 * the server's own accounts and the declared operators. How many were asked, or undefined when that
 * is over the budget.
 */
export function compareAccounts(
  server: Server,
  model: DatabaseModel,
  findings: Findings,
  budget: WorkBudget,
): number | undefined {
  const asked = expectations(server);
  for (const { account, text, rules, roles, calls } of asked) {
    const { user, host } = account;
    const { entries, powers } = model.reach({ user, host });
    if (!budget.take(1 + entries.length + powers.length)) return undefined;
    const rights = new DeclaredRights(roles, foldsNames(server.target));
    const found = [
      ...entries
        .filter((entry) => isOurs(entry, server.scope) && rights.standing(entry) === 'beyond')
        .map((entry) => ({ action: entry.action, entry, why: whyText(entry.verdict, entry.reason) })),
      ...powers
        .filter((power) => opensOurs(power, server.scope))
        .map((entry) => ({ action: entry.privilege, entry, why: 'granted' })),
    ];
    for (const { action, entry, why } of found) {
      if (isThroughPostern(entry.by) || (calls && isProcedure(entry.by))) continue;
      findings.add({
        ...{ layer: 'database', kind: 'exceeds', target: server.target.id },
        identity: `account ${user === '' ? `''@${host}` : holderText(user, host)}`,
        object: reachText(entry.on, 'columns' in entry ? entry.columns : undefined),
        action,
        where: 'a login past the gateway',
        by: sourceText(entry.by),
        why,
        rules: [],
        declared: { effect: 'deny', text, rules },
      });
    }
  }
  return asked.length;
}

function expectations({ target, scope, observed }: Server): readonly Expected[] {
  const state = new ServerState(observed);
  const managed = managedUsers(scope, state);
  const { registry } = observed;
  const open = new Set([...SERVER_ACCOUNTS, ...scope.operators]);
  const elsewhere = new Set(
    registry.leases.filter((one) => one.broker !== scope.broker).map(({ account }) => account),
  );
  return observed.accounts
    .filter(({ user, host, isRole, locked }) => {
      return !isRole && !locked && !open.has(holderText(user, host)) && !elsewhere.has(user);
    })
    .map((account) => {
      const lease = registry.leases.find((one) => one.account === account.user);
      if (lease) {
        const { roles } = registry.composites.find(({ name }) => name === lease.composite) ?? {
          roles: [],
        };
        const lent = rolesNamed(roles, scope);
        const names = lent.map(({ id }) => id).join(', ');
        const text = `It was lent with ${names === '' ? 'no declared role' : names}.`;
        return { account, text, rules: lent.map(({ rule }) => rule), roles: lent, calls: false };
      }
      const calls = managed.has(account.user);
      const text = calls
        ? 'It belongs to Postern, and is to reach nothing but its procedures.'
        : 'It is no account of Postern and no declared operator.';
      return { account, text, rules: [target.rule], roles: [], calls };
    });
}

function rolesNamed(names: readonly string[], { desired, policy }: Scope): readonly DataRole[] {
  return desired.roles
    .filter(({ name }) => names.includes(name))
    .flatMap(({ dataRole }) => policy.roles.get(dataRole) ?? []);
}

function foldsNames({ system }: Target): boolean {
  return 'caseInsensitiveNames' in system && system.caseInsensitiveNames;
}

/** What is not about the declared schemas, Postern's or the server's is somebody else's business. */
function isOurs({ on }: ReachEntry, scope: Scope): boolean {
  return touches(on, [...scope.schemas, 'postern', 'mysql']);
}

function opensOurs({ opens, on }: PowerEntry, scope: Scope): boolean {
  if (opens === 'server') return false;
  return opens === 'everything' || isOurs({ on } as ReachEntry, scope);
}

function touches(on: ObjectReach, schemas: readonly string[]): boolean {
  if (on.type === 'everything') return true;
  if (on.type === 'schemas') return schemas.some((one) => schemaPatternReaches(on.pattern, one));
  return schemas.some((one) => one.toLowerCase() === on.schema.toLowerCase());
}

/** What its procedures do is bounded by themselves; that they are unchanged is asked by drift. */
function isThroughPostern({ hops }: Source): boolean {
  return hops.some(({ kind, ...hop }) => kind === 'definer-routine' && isOwn(hop));
}

function isProcedure({ right }: Source): boolean {
  return right.level === 'procedure' && isOwn(right);
}

const isOwn = (place: object): boolean => 'schema' in place && place.schema === 'postern';
