// SPDX-License-Identifier: Apache-2.0
import type { Decision } from '../model/decision.ts';
import type { Principal } from '../model/principal.ts';
import type { Access, MatchedGrant, Rights } from './access.ts';
import { strictestLimits } from './combined-limits.ts';
import type { Surroundings } from './condition.ts';
import { isExpired } from './denial.ts';
import { judgeLogin, judgeRequest, type RequestQuestion } from './judge.ts';
import { observedRole } from './observe.ts';
import type { DataRole, Deny, Grant, Policy, SubjectMatcher, Target } from './policy.ts';
import { privilegeSetId } from './privilege-set.ts';
import { RoleCoverage } from './role-coverage.ts';
import { SubjectIndex } from './subject-index.ts';
import { anySubjectMatch, subjectMatch } from './subject-match.ts';

export type { Access } from './access.ts';
export type { Surroundings } from './condition.ts';
export type { RequestQuestion } from './judge.ts';
export { nextChangeAt, sessionEnds } from './session-end.ts';

/**
 * Answers for one policy revision. `access` finds the rules of a principal on a target once per
 * session; the functions below decide with them. Holds no state but caches.
 */
export class DecisionEngine {
  readonly policy: Policy;
  readonly #grants: SubjectIndex<Grant>;
  readonly #denies: SubjectIndex<Deny>;
  readonly #coverages = new Map<string, RoleCoverage>();
  readonly #privilegeSets = new Map<string, string>();

  constructor(policy: Policy) {
    this.policy = policy;
    this.#grants = new SubjectIndex(policy.grants);
    this.#denies = new SubjectIndex(policy.denies);
  }

  /** `now` (ms) sorts out expired grants for the lease; undefined when there is no such target. */
  access(principal: Principal, targetId: string, now: number): Access | undefined {
    const target = this.policy.targets.get(targetId);
    if (!target) return undefined;
    const rights: Rights[] = [];
    for (let who: Principal | undefined = principal; who; who = who.onBehalfOf) {
      rights.push(this.#rights(who, target));
    }
    const roles = withObserved(commonRoles(rights, now), observedRole(this.policy, target));
    return {
      policy: this.policy,
      principal,
      target,
      grants: rights.flatMap((one) => one.grants.map(({ grant }) => grant)),
      denies: rights.flatMap((one) => one.denies.map(({ deny }) => deny)),
      roleIds: roles.map(({ id }) => id),
      privilegeSetId: this.#privilegeSetId(target, roles),
      groupsUnknown: rights.some(
        (one) => one.unsure.length > 0 || one.denies.some(({ certain }) => !certain),
      ),
      rights,
    };
  }

  #rights(principal: Principal, target: Target): Rights {
    const { clusters } = this.policy;
    const grants: MatchedGrant[] = [];
    const unsure: MatchedGrant[] = [];
    for (const grant of this.#grants.candidates(principal, target.id)) {
      const match = anySubjectMatch(grant.subjects, principal, 'grant', clusters);
      const matched = match === 'no' ? undefined : this.#matched(grant, target);
      if (matched) (match === 'yes' ? grants : unsure).push(matched);
    }
    const denies = this.#denies.candidates(principal, target.id).flatMap((deny) => {
      const match = anySubjectMatch(deny.subjects, principal, 'deny', clusters);
      return match === 'no' ? [] : [{ deny, certain: match === 'yes' }];
    });
    const rank = new Map(
      grants.map(({ grant }) => [grant, specificity(grant, principal, this.policy)]),
    );
    grants.sort(
      (a, b) =>
        (rank.get(a.grant) ?? 0) - (rank.get(b.grant) ?? 0) ||
        a.grant.targets.size - b.grant.targets.size ||
        (a.grant.rule.name < b.grant.rule.name ? -1 : 1),
    );
    const flags = new Uint8Array(grants.length);
    return { principal, grants, denies, unsure, combinations: new Map(), flags };
  }

  #matched(grant: Grant, target: Target): MatchedGrant | undefined {
    const role = this.policy.roles.get(grant.roles.get(target.id) ?? '');
    return role && { grant, role, coverage: this.#coverage(role, target) };
  }

  #coverage(role: DataRole, target: Target): RoleCoverage {
    const { system } = target;
    const foldNames = 'caseInsensitiveNames' in system && system.caseInsensitiveNames;
    const key = `${foldNames} ${role.id}`;
    let coverage = this.#coverages.get(key);
    if (!coverage) {
      coverage = new RoleCoverage(role, foldNames);
      this.#coverages.set(key, coverage);
    }
    return coverage;
  }

  #privilegeSetId(target: Target, roles: readonly DataRole[]): string {
    const key = [target.id, ...roles.map(({ id }) => id)].join(' ');
    let id = this.#privilegeSets.get(key);
    if (id === undefined) {
      id = privilegeSetId(target.id, roles);
      this.#privilegeSets.set(key, id);
    }
    return id;
  }
}

/** Sorted by id, as lease and audit name them. */
function withObserved(
  roles: readonly DataRole[],
  observed: DataRole | undefined,
): readonly DataRole[] {
  if (!observed || roles.includes(observed)) return roles;
  return [...roles, observed].sort((a, b) => (a.id < b.id ? -1 : 1));
}

/**
 * May the principal connect at all? Limits are the strictest of all its active grants. In Observe
 * mode a denial becomes an allow that says what Enforce would have done.
 */
export function decideLogin(access: Access, surroundings: Surroundings): Decision {
  const { policy, target } = access;
  return observed(
    target,
    forAll(access.rights, (rights) => judgeLogin(rights, policy, target, surroundings)),
  );
}

/**
 * May this request run? Each need must be covered by some active grant; the grants that cover one
 * set limits and guardrails, the strictest of each. A request without needs (SET, BEGIN, SELECT 1)
 * is allowed by every active grant.
 */
export function decideRequest(
  access: Access,
  question: RequestQuestion,
  surroundings: Surroundings,
): Decision {
  const { policy, target } = access;
  const judge = (rights: Rights) => judgeRequest(rights, policy, target, question, surroundings);
  return observed(target, forAll(access.rights, judge));
}

/** Who acts for another needs the right itself and from the other: both decide, both restrain. */
function forAll(all: readonly Rights[], judge: (rights: Rights) => Decision): Decision {
  let decision = judge(all[0] as Rights);
  for (let index = 1; index < all.length; index++) {
    if (decision.effect === 'deny') return decision;
    const other = judge(all[index] as Rights);
    if (other.effect === 'deny') return other;
    const serviceClass = decision.serviceClass ?? other.serviceClass;
    decision = {
      effect: 'allow',
      rules: [...decision.rules, ...other.rules],
      limits: strictestLimits([decision.limits, other.limits]),
      ...(serviceClass !== undefined && { serviceClass }),
    };
  }
  return decision;
}

function observed(target: Target, decision: Decision): Decision {
  if (decision.effect === 'allow' || target.enforcement === 'Enforce') return decision;
  return { effect: 'allow', rules: [target.rule], limits: {}, wouldDeny: decision };
}

/** Roles every one of them has by a grant that has not expired, by id. */
function commonRoles(all: readonly Rights[], now: number): readonly DataRole[] {
  const [own, ...others] = all.map(
    ({ grants }) =>
      new Map(
        grants
          .filter(({ grant }) => !isExpired(grant.expires, now))
          .map(({ role }) => [role.id, role]),
      ),
  );
  return [...(own?.values() ?? [])]
    .filter((role) => others.every((other) => other.has(role.id)))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** 0 = names this one principal, 1 = a group of them, 2 = wider. */
function specificity(grant: Grant, principal: Principal, policy: Policy): number {
  const matching = grant.subjects.filter(
    (subject) => subjectMatch(subject, principal, 'grant', policy.clusters) === 'yes',
  );
  return Math.min(...matching.map(width));
}

function width(subject: SubjectMatcher): number {
  switch (subject.kind) {
    case 'user':
    case 'spiffeId':
    case 'agent':
      return 0;
    case 'group':
    case 'appRole':
      return 1;
    case 'ci':
      return subject.repositoryId !== undefined || subject.repository !== undefined ? 0 : 1;
    case 'workload':
      return subject.serviceAccounts ? 0 : subject.namespaces ? 1 : 2;
    case 'any':
      return 2;
  }
}
