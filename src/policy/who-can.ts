// SPDX-License-Identifier: Apache-2.0
import type { RuleReference } from '../model/decision.ts';
import type { Need } from '../model/request.ts';
import type { Access } from './access.ts';
import { whenText } from './condition-text.ts';
import { DecisionEngine, decideLogin, decideRequest } from './decide.ts';
import { isExpired } from './denial.ts';
import type { Deny, Grant, Policy, SubjectMatcher } from './policy.ts';
import { principalAtoms, targetRules } from './principal-atoms.ts';
import { principalFromId } from './principal-from-id.ts';
import { asEnforced, needQuestion } from './question.ts';
import { RoleCoverage } from './role-coverage.ts';
import { situations } from './situations.ts';
import { subjectText } from './subject-text.ts';

/** What one Grant says about a right: everybody its subjects mean, under its conditions. */
export interface Holder {
  readonly grant: RuleReference;
  readonly subjects: readonly string[];
  /** Empty: always. */
  readonly when: string;
  /** When the Grant ends, RFC 3339. */
  readonly until?: string;
  /**
   * `never`: no Deny can concern its subjects; `always`: whoever it means is denied at any time;
   * `undecided`: there was too much to look at.
   */
  readonly denied: 'never' | 'partly' | 'always' | 'undecided';
  readonly except: readonly {
    readonly deny: RuleReference;
    readonly subjects: readonly string[];
    readonly when: string;
  }[];
  readonly members: readonly Member[];
}

/** A principal a subject names, or the part of it that only others can tell. */
export interface Member {
  readonly principal: string;
  readonly access: 'allowed' | 'sometimes' | 'denied' | 'unknown';
}

const MOMENTS_LOOKED_AT = 200_000;

/** Who has a right on a target (`undefined`: may connect), a Grant at a time, from `nowMs` on. */
export function whoCan(
  policy: Policy,
  targetId: string,
  need: Need | undefined,
  nowMs: number,
): readonly Holder[] {
  const engine = new DecisionEngine(asEnforced(policy));
  const target = engine.policy.targets.get(targetId);
  if (!target) return [];
  const { system } = target;
  const foldNames = 'caseInsensitiveNames' in system && system.caseInsensitiveNames;
  const giving = policy.grants.filter((grant) => {
    const role = policy.roles.get(grant.roles.get(targetId) ?? '');
    if (!grant.targets.has(targetId) || !role || isExpired(grant.expires, nowMs)) return false;
    return need === undefined || new RoleCoverage(role, foldNames).covers(need);
  });
  const question = new Question(engine, targetId, need, nowMs);
  return giving.map((grant) => question.holder(grant));
}

class Question {
  readonly #engine: DecisionEngine;
  readonly #target: string;
  readonly #need: Need | undefined;
  readonly #nowMs: number;
  readonly #accesses: readonly Access[];
  #budget = MOMENTS_LOOKED_AT;

  constructor(engine: DecisionEngine, target: string, need: Need | undefined, nowMs: number) {
    this.#engine = engine;
    this.#target = target;
    this.#need = need;
    this.#nowMs = nowMs;
    this.#accesses = principalAtoms(targetRules([engine.policy], target)).flatMap(
      ({ principal }) => engine.access(principal, target, nowMs) ?? [],
    );
  }

  holder(grant: Grant): Holder {
    const concerned = this.#accesses.filter(({ grants }) => grants.includes(grant));
    const denies = new Set(concerned.flatMap((access) => access.denies));
    return {
      grant: grant.rule,
      subjects: grant.subjects.map(subjectText),
      when: whenText(grant.when),
      ...(grant.expires !== undefined && { until: new Date(grant.expires).toISOString() }),
      denied: this.#denied(concerned, denies),
      except: [...denies].map(exception),
      members: grant.subjects.flatMap((subject) => this.#members(subject)),
    };
  }

  #denied(concerned: readonly Access[], denies: ReadonlySet<Deny>): Holder['denied'] {
    if (denies.size === 0) return 'never';
    const answers = concerned.map((access) => this.#answer(access));
    if (answers.includes('unknown')) return 'undecided';
    return answers.every((answer) => answer === 'denied') ? 'always' : 'partly';
  }

  /** Over all moments and attributes that the rules tell apart. */
  #answer(access: Access): Member['access'] {
    const space = situations(access.principal, [access], this.#nowMs);
    this.#budget -= space.principals.length * space.surroundings.length;
    if (!space.complete || this.#budget < 0) return 'unknown';
    const effects = new Set<string>();
    for (const principal of space.principals) {
      const same = this.#engine.access(principal, this.#target, this.#nowMs) ?? access;
      for (const surroundings of space.surroundings) {
        const decision = this.#need
          ? decideRequest(same, needQuestion(this.#need), surroundings)
          : decideLogin(same, surroundings);
        effects.add(decision.effect);
      }
    }
    if (effects.size > 1) return 'sometimes';
    return effects.has('allow') ? 'allowed' : 'denied';
  }

  /** Whom a subject names; a part that only a cluster or a provider knows is one unknown member. */
  #members(subject: SubjectMatcher): readonly Member[] {
    const { names, open } = namedBy(subject);
    const known = names.map((id): Member => {
      const reading = principalFromId(id, ciDetails(subject), this.#engine.policy);
      const access = reading.ok
        ? this.#engine.access(reading.principal, this.#target, this.#nowMs)
        : undefined;
      return { principal: id, access: access ? this.#answer(access) : 'unknown' };
    });
    return [...known, ...open.map((principal) => ({ principal, access: 'unknown' as const }))];
  }
}

function exception(deny: Deny): Holder['except'][number] {
  return {
    deny: deny.rule,
    subjects: deny.subjects.map(subjectText),
    when: whenText(deny.when),
  };
}

function ciDetails(subject: SubjectMatcher) {
  if (subject.kind !== 'ci') return {};
  const { ownerId, repositoryId, ref } = subject;
  return {
    ci: {
      ...(ownerId !== undefined && { ownerId }),
      ...(repositoryId !== undefined && { repositoryId }),
      ...(ref?.match === 'exact' && { ref: ref.value }),
    },
  };
}

/** Principals a subject names by id, and in words what it leaves open. */
function namedBy(subject: SubjectMatcher): {
  readonly names: readonly string[];
  readonly open: readonly string[];
} {
  const text = subjectText(subject);
  switch (subject.kind) {
    case 'user':
      return { names: [text], open: [] };
    case 'agent':
      return subject.onBehalfOf ? { names: [], open: [text] } : { names: [text], open: [] };
    case 'ci': {
      const { repository, environment, ref } = subject;
      const whole = repository !== undefined && environment !== undefined;
      if (!whole || (ref && ref.match !== 'exact')) return { names: [], open: [text] };
      return { names: [`ci/${subject.provider}/${repository}@${environment}`], open: [] };
    }
    case 'workload':
      return workloadsNamed(subject, text);
    default:
      return { names: [], open: [text] };
  }
}

function workloadsNamed(subject: Extract<SubjectMatcher, { kind: 'workload' }>, text: string) {
  const accounts = subject.serviceAccounts;
  if (!accounts) return { names: [], open: [text] };
  const names = [...subject.clusters].flatMap((cluster) =>
    [...accounts]
      .filter((account) => {
        const namespace = account.split('/')[0] ?? '';
        return subject.namespaces?.get(cluster)?.has(namespace) ?? !subject.namespaces;
      })
      .map((account) => `workload/${cluster}/${account}`),
  );
  return { names: names.sort(), open: [] };
}
