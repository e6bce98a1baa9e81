// SPDX-License-Identifier: Apache-2.0
import type { Principal } from '../model/principal.ts';
import type { Need } from '../model/request.ts';
import { allHold, type Surroundings } from '../policy/condition.ts';
import type { DataRole, Deny, Grant, Policy, Target } from '../policy/policy.ts';
import { offeredObjects } from '../policy/role-coverage.ts';
import { rulesOnTarget } from '../policy/rules-on-target.ts';
import { type SituationRules, situations } from '../policy/situations.ts';
import { anySubjectMatch, type Match, type Side } from '../policy/subject-match.ts';
import type { WorkBudget } from './work-budget.ts';

/** The rules that speak of one principal, and of each for whom it acts. */
export interface MatchedRules {
  /** The same text: the same rules, so the same answer to everything but `when`. */
  readonly key: string;
  readonly steps: readonly {
    readonly principal: Principal;
    readonly grants: readonly Grant[];
    readonly denies: readonly Deny[];
  }[];
}

/** How much of the time from now on something is allowed. */
export type Extent = 'never' | 'sometimes' | 'always';

/** What is allowed to whoever the same rules match; by the index of the need. */
export interface Reading {
  readonly login: Extent;
  readonly needs: readonly Extent[];
}

/**
 * What the declaration says about one target, rule by rule as it is written. It shares with the
 * gateway how a subject matches and a condition holds, and nothing of how rules are found, kept
 * and put together; Observe mode is looked through.
 */
export class Declared {
  readonly target: Target;
  readonly needs: readonly Need[];
  readonly #policy: Policy;
  readonly #nowMs: number;
  readonly #grants: NamedRules<Grant>;
  readonly #denies: NamedRules<Deny>;
  readonly #given = new Map<string, readonly boolean[]>();
  readonly #readings = new Map<string, Reading>();

  constructor(policy: Policy, target: Target, needs: readonly Need[], nowMs: number) {
    const { grants, denies } = rulesOnTarget(policy, target.id);
    this.target = target;
    this.needs = needs;
    this.#policy = policy;
    this.#nowMs = nowMs;
    const alive = grants.filter(({ expires }) => expires === undefined || expires > nowMs);
    this.#grants = new NamedRules(alive);
    this.#denies = new NamedRules(denies);
  }

  rulesFor(principal: Principal): MatchedRules {
    const steps: MatchedRules['steps'][number][] = [];
    const keys: string[] = [];
    for (let who: Principal | undefined = principal; who; who = who.onBehalfOf) {
      const person = who;
      const given = this.#grants
        .perhaps(person)
        .filter(([, rule]) => this.#matching(rule, person, 'grant') === 'yes');
      // Of a group that nobody can tell it counts as a member.
      const taken = this.#denies
        .perhaps(person)
        .filter(([, rule]) => this.#matching(rule, person, 'deny') !== 'no');
      const [grants, denies] = [given.map(([, rule]) => rule), taken.map(([, rule]) => rule)];
      steps.push({ principal: person, grants, denies });
      keys.push(`${given.map(([at]) => at).join(',')}-${taken.map(([at]) => at).join(',')}`);
    }
    return { key: keys.join(';'), steps };
  }

  /** Undefined `need`: connecting. The claims and method asked about are those of the rules' steps. */
  allows(rules: MatchedRules, need: number | undefined, surroundings: Surroundings): boolean {
    return rules.steps.every(({ principal, grants, denies }) => {
      const holds = (rule: Grant | Deny, side: Side) =>
        allHold(rule.when, principal, this.target, surroundings, side);
      if (denies.some((rule) => holds(rule, 'deny'))) return false;
      return grants.some(
        (rule) =>
          (rule.expires === undefined || surroundings.now < rule.expires) &&
          holds(rule, 'grant') &&
          (need === undefined || this.gives(rule, need)),
      );
    });
  }

  /** Whether the role of the grant has the right, whoever asks and whenever. */
  gives(grant: Grant, need: number): boolean {
    const id = grant.roles.get(this.target.id) ?? '';
    let given = this.#given.get(id);
    if (!given) {
      const role = this.#policy.roles.get(id);
      given = this.needs.map((one) => role !== undefined && roleGives(role, one, this.foldsNames));
      this.#given.set(id, given);
    }
    return given[need] ?? false;
  }

  get foldsNames(): boolean {
    const { system } = this.target;
    return 'caseInsensitiveNames' in system && system.caseInsensitiveNames;
  }

  /** Over all moments, claims and methods that the rules tell apart. Undefined: over the budget. */
  reading(principal: Principal, budget: WorkBudget): Reading | undefined {
    const rules = this.rulesFor(principal);
    const known = this.#readings.get(rules.key);
    if (known) return known;
    const reading = this.#read(principal, rules, budget);
    if (reading) this.#readings.set(rules.key, reading);
    return reading;
  }

  /** What `when` and ends of the rules tell apart. */
  situations(principal: Principal, rules: MatchedRules, also: readonly SituationRules[] = []) {
    return situations(principal, [situationRules(rules), ...also], this.#nowMs);
  }

  #read(principal: Principal, rules: MatchedRules, budget: WorkBudget): Reading | undefined {
    const asked = [undefined, ...this.needs.keys()];
    if (rules.steps.some(({ grants }) => grants.length === 0)) {
      return { login: 'never', needs: this.needs.map(() => 'never' as const) };
    }
    const { principals, surroundings, complete } = this.situations(principal, rules);
    const cases = principals.length * surroundings.length;
    if (!complete || !budget.take(cases * asked.length)) return undefined;
    const counts = asked.map(() => 0);
    for (const variant of principals) {
      const varied = withPrincipal(rules, variant);
      for (const moment of surroundings) {
        for (const [index, need] of asked.entries()) {
          if (this.allows(varied, need, moment)) counts[index] = (counts[index] ?? 0) + 1;
        }
      }
    }
    const [login = 'never', ...needs] = counts.map(
      (count): Extent => (count === 0 ? 'never' : count === cases ? 'always' : 'sometimes'),
    );
    return { login, needs };
  }

  #matching(rule: Grant | Deny, principal: Principal, side: Side): Match {
    return anySubjectMatch(rule.subjects, principal, side, this.#policy.clusters);
  }
}

type Numbered<Rule> = readonly [number, Rule];

/** Rules that can only mean service accounts they name, by those names; and all the others. */
class NamedRules<Rule extends Grant | Deny> {
  readonly #others: Numbered<Rule>[] = [];
  readonly #byAccount = new Map<string, Numbered<Rule>[]>();

  constructor(rules: readonly Rule[]) {
    for (const one of rules.entries()) {
      const names = new Set<string>();
      const isNamed = one[1].subjects.every((subject) => {
        if (subject.kind !== 'workload' || !subject.serviceAccounts) return false;
        for (const name of subject.serviceAccounts) names.add(name);
        return true;
      });
      if (!isNamed) this.#others.push(one);
      else for (const name of names) this.#byAccount.set(name, [...this.#named(name), one]);
    }
  }

  /** Whoever is left out is meant by none of the rules left out. */
  perhaps(principal: Principal): readonly Numbered<Rule>[] {
    if (principal.kind !== 'workload') return this.#others;
    const named = this.#named(`${principal.namespace}/${principal.serviceAccount}`);
    if (named.length === 0) return this.#others;
    return this.#others.length === 0 ? named : [...this.#others, ...named];
  }

  #named(account: string): readonly Numbered<Rule>[] {
    return this.#byAccount.get(account) ?? [];
  }
}

/** The same rules asked with other claims or another method. */
export function withPrincipal(rules: MatchedRules, principal: Principal): MatchedRules {
  let who: Principal | undefined = principal;
  const steps = rules.steps.map((step) => {
    const varied = { ...step, principal: who ?? step.principal };
    who = who?.onBehalfOf;
    return varied;
  });
  return { ...rules, steps };
}

function situationRules({ steps }: MatchedRules): SituationRules {
  return {
    grants: steps.flatMap(({ grants }) => grants),
    rights: steps.map(({ grants, denies }) => ({
      grants: grants.map((grant) => ({ grant })),
      denies: denies.map((deny) => ({ deny })),
      unsure: [],
    })),
  };
}

/** `schema.*` is every table and view in the schema, and no routine. */
function roleGives(role: DataRole, { action, object }: Need, foldNames: boolean): boolean {
  const name = (text: string, fold: boolean) => (fold ? text.toLowerCase() : text);
  return role.privileges.some(
    (privilege) =>
      privilege.actions.has(action) &&
      offeredObjects(privilege).some((offered) => {
        if (name(offered.schema, foldNames) !== name(object.schema, foldNames)) return false;
        if (offered.type === 'schema') return object.type !== 'routine';
        if (object.type !== offered.type) return false;
        const fold = foldNames || object.type === 'routine';
        return name(offered.name, fold) === name(object.name, fold);
      }),
  );
}
