// SPDX-License-Identifier: Apache-2.0
import type { Scope } from '../compile/sql/managed.ts';
import type { ObservedRoutine } from '../compile/sql/observed.ts';
import { objectText } from '../model/request.ts';
import { DatabaseModel } from './database/model.ts';
import type { Holder, ReachEntry, Source } from './database/question.ts';
import { compareAccounts } from './database-accounts.ts';
import type { DatabaseInput } from './database-input.ts';
import { sourceText, whyText } from './database-text.ts';
import type { Declared } from './declared.ts';
import { DeclaredRights } from './declared-rights.ts';
import { declaredAnswer } from './declared-text.ts';
import { causeOf, type Excess, excessOf } from './excess.ts';
import { expectedState } from './expected-database.ts';
import { counted, Findings, type Found, type LayerOutcome, OVER_BUDGET } from './findings.ts';
import type { LeaseMember, LeaseSet } from './lease-sets.ts';
import { withProbes } from './probe-lease.ts';
import type { CounterExample } from './proof.ts';
import type { WorkBudget } from './work-budget.ts';

export interface DatabaseOutcome extends LayerOutcome {
  /** What comes with objects whose insides the declaration does not know. */
  readonly behind: readonly { readonly set: LeaseSet; readonly entry: ReachEntry }[];
}

export interface DatabaseQuestionSet {
  readonly declared: Declared;
  readonly input: DatabaseInput;
  readonly sets: readonly LeaseSet[];
  readonly budget: WorkBudget;
}

/**
 * Asks a server what each lease that the gateway would lend can do there, with the gateway's own
 * check taken away, and who else can do anything with what is declared.
 */
export function proveDatabase(question: DatabaseQuestionSet): DatabaseOutcome {
  const comparison = new DatabaseComparison(question);
  const complete = question.sets.every((set) => comparison.lease(set)) && comparison.others();
  const { findings, behind } = comparison;
  const text = comparison.text;
  return { ...findings.outcome(text, complete ? undefined : OVER_BUDGET), behind };
}

class DatabaseComparison {
  readonly findings = new Findings();
  readonly behind: { set: LeaseSet; entry: ReachEntry }[] = [];
  readonly #question: DatabaseQuestionSet;
  readonly #model: DatabaseModel;
  readonly #holders: ReadonlyMap<string, Holder>;
  #rights = 0;
  #accounts = 0;

  constructor(question: DatabaseQuestionSet) {
    const { input, sets, declared } = question;
    const observed = input.observed ?? expectedState(input.scope);
    const probed = withProbes(observed, new Map(sets.map(({ key, lent }) => [key, lent])));
    this.#question = question;
    this.#holders = probed.holders;
    this.#model = new DatabaseModel(probed.state, {
      caseInsensitiveNames: declared.foldsNames,
      isTrusted: (routine) => isAsInstalled(routine, input.scope),
    });
  }

  get text(): string {
    const leases = counted(this.#question.sets.length, 'kind');
    const accounts = counted(this.#accounts, 'other account');
    return `${counted(this.#rights, 'right')} of ${leases} of lease, ${accounts}`;
  }

  /** False: over the budget. */
  lease(set: LeaseSet): boolean {
    const { declared, budget } = this.#question;
    const holder = this.#holders.get(set.key);
    const [first] = set.members;
    if (!holder || !first) return true;
    const { entries, powers } = this.#model.reach(holder);
    const cases = declared.needs.length * set.members.length + entries.length + powers.length;
    if (!budget.take(cases)) return false;
    this.#rights += cases;
    this.#withheld(set, holder);
    const rights = new DeclaredRights(set.declared, declared.foldsNames);
    for (const entry of entries) {
      if (rights.standing(entry) === 'behind') this.behind.push({ set, entry });
    }
    for (const excess of excessOf({ entries, powers }, rights)) this.#exceeds(set, first, excess);
    return true;
  }

  others(): boolean {
    const { declared, input, budget } = this.#question;
    const { target } = declared;
    const { scope, observed } = input;
    if (!observed) return true;
    const looked = compareAccounts({ target, scope, observed }, this.#model, this.findings, budget);
    this.#accounts = looked ?? 0;
    return looked !== undefined;
  }

  /** What the declaration gives at some time, the database must never refuse. */
  #withheld(set: LeaseSet, holder: Holder): void {
    const { declared, input } = this.#question;
    for (const { atom, rules, reading } of set.members) {
      for (const [index, need] of declared.needs.entries()) {
        if (reading.needs[index] === 'never') continue;
        const { verdict, reason } = this.#model.allows(holder, need);
        if (verdict === 'allowed') continue;
        const names = set.lent.map(({ id }) => id).join(', ');
        this.findings.add({
          ...{ layer: 'database', kind: 'refuses', target: declared.target.id },
          identity: atom.text,
          object: objectText(need.object),
          action: need.action,
          where: `a lease of ${names === '' ? 'no role' : names}`,
          by: `no right of ${names === '' ? 'the lease' : names}`,
          why: verdict === 'denied' ? 'not-granted' : whyText(verdict, reason),
          rules: input.scope.desired.roles
            .filter(({ dataRole }) => set.lent.some(({ id }) => id === dataRole))
            .map(({ rule }) => rule),
          declared: declaredAnswer(declared, rules, index, true),
        });
      }
    }
  }

  #exceeds(set: LeaseSet, { atom, rules }: LeaseMember, { by, ...what }: Excess): void {
    const { declared, input } = this.#question;
    const names = set.declared.map(({ id }) => id).join(', ');
    const grants = rules.steps.flatMap((step) => step.grants.map(({ rule }) => rule));
    const text = `Its roles (${names === '' ? 'none' : names}) do not give this.`;
    const counter: Found = {
      ...{ layer: 'database', kind: 'exceeds', target: declared.target.id, identity: atom.text },
      ...what,
      where: `a lease of ${names === '' ? 'no role' : names}`,
      by: sourceText(by),
      rules: rulesOf(by, input),
      declared: { effect: 'deny', text, rules: grants },
    };
    this.findings.add(counter, causeOf(by));
  }
}

/** Postern's own procedures check what they are asked, as long as they are the ones it made. */
function isAsInstalled(routine: ObservedRoutine, { installation }: Scope): boolean {
  const { owner, procedures } = installation;
  return (
    routine.schema === 'postern' &&
    routine.definer === `${owner.user}@${owner.host}` &&
    procedures.some(
      ({ name, bodySha256 }) => name === routine.name && bodySha256 === routine.bodySha256,
    )
  );
}

function rulesOf({ account }: Source, { scope }: DatabaseInput): CounterExample['rules'] {
  return scope.desired.roles.filter(({ name }) => name === account.user).map(({ rule }) => rule);
}
