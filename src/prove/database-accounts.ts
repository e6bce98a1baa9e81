// SPDX-License-Identifier: Apache-2.0
import { managedUsers, SERVER_ACCOUNTS } from '../compile/sql/compare-foreign.ts';
import { holderText } from '../compile/sql/difference.ts';
import type { Scope } from '../compile/sql/managed.ts';
import { schemaPatternReaches } from '../compile/sql/name-pattern.ts';
import type { ObservedAccount, ObservedState } from '../compile/sql/observed.ts';
import { ServerState } from '../compile/sql/server-state.ts';
import type { RuleReference } from '../model/decision.ts';
import type { DataRole, Target } from '../policy/policy.ts';
import type { DatabaseModel } from './database/model.ts';
import type { ObjectReach, PowerEntry, ReachEntry, Source } from './database/question.ts';
import { sourceText } from './database-text.ts';
import { DeclaredRights } from './declared-rights.ts';
import { causeOf, excessOf } from './excess.ts';
import type { Findings, Found } from './findings.ts';
import type { WorkBudget } from './work-budget.ts';

/** Whence a lease may log in: its certificate says who it is, not its address. */
const LEASE_HOST = '%';

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
    const concerns = (one: ReachEntry | PowerEntry) =>
      !(calls && isProcedure(one.by)) && isOurs(one, server.scope);
    const identity = `account ${user === '' ? `''@${host}` : holderText(user, host)}`;
    for (const { object, action, why, by } of excessOf({ entries, powers }, rights, concerns)) {
      const counter: Found = {
        ...{ layer: 'database', kind: 'exceeds', target: server.target.id, identity },
        ...{ object, action, where: 'a login past the gateway', by: sourceText(by), why },
        rules: [],
        declared: { effect: 'deny', text, rules },
      };
      // Who is not to be there at all is one thing to put right, and a lease what it has more.
      findings.add(counter, roles.length > 0 || isHeldByAll(by) ? causeOf(by) : identity);
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
      if (isRole || locked || open.has(holderText(user, host))) return false;
      return host !== LEASE_HOST || !elsewhere.has(user);
    })
    .map((account) => {
      const lease =
        account.host === LEASE_HOST && registry.leases.find((one) => one.account === account.user);
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
function isOurs(one: ReachEntry | PowerEntry, scope: Scope): boolean {
  if ('opens' in one && one.opens === 'server') return false;
  if ('opens' in one && (one.opens === 'everything' || one.opens === 'reading')) return true;
  return touches(one.on, [...scope.schemas, 'postern', 'mysql']);
}

/** Told of the leases already, if it is more than they are to have. */
function isHeldByAll({ hops }: Source): boolean {
  return hops.some(({ kind }) => kind === 'public' || kind === 'anonymous');
}

function touches(on: ObjectReach, schemas: readonly string[]): boolean {
  if (on.type === 'everything') return true;
  if (on.type === 'schemas') return schemas.some((one) => schemaPatternReaches(on.pattern, one));
  return schemas.some((one) => one.toLowerCase() === on.schema.toLowerCase());
}

function isProcedure({ right, hops }: Source): boolean {
  return right.level === 'procedure' && right.schema === 'postern' && hops.length === 0;
}
