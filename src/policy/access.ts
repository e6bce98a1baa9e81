// SPDX-License-Identifier: Apache-2.0
import type { Allowed } from '../model/decision.ts';
import type { Principal } from '../model/principal.ts';
import type { Condition, DataRole, Deny, Grant, Guardrails, Policy, Target } from './policy.ts';
import type { RoleCoverage } from './role-coverage.ts';

/** A grant that matches principal and target, with what its role gives there. */
export interface MatchedGrant {
  readonly grant: Grant;
  readonly role: DataRole;
  readonly coverage: RoleCoverage;
}

export interface MatchedDeny {
  readonly deny: Deny;
  /** False: it names a group whose members nobody can tell, so it counts as matching. */
  readonly certain: boolean;
}

/** What a set of allowing grants adds up to. */
export interface Combination {
  readonly allowed: Allowed;
  readonly guardrails: Guardrails;
}

/** The rules for one principal on one target; an agent that acts for a person has two of these. */
export interface Rights {
  readonly principal: Principal;
  /** Most specific first. */
  readonly grants: readonly MatchedGrant[];
  readonly denies: readonly MatchedDeny[];
  /** Grants that match if the principal is in a group that the provider did not list. */
  readonly unsure: readonly MatchedGrant[];
  /** By the set of allowing grants; filled as decisions need them. */
  readonly combinations: Map<number | string, Combination>;
  /** One per grant, for the decision that is being made: making it each time is half of its cost. */
  readonly flags: Uint8Array;
}

/** Everything static about (principal, target) under one revision, before `when` and `expires`. */
export interface Access {
  readonly policy: Policy;
  readonly principal: Principal;
  readonly target: Target;
  /** Matching grants, also expired ones; those of both when one principal acts for another. */
  readonly grants: readonly Grant[];
  readonly denies: readonly Deny[];
  /**
   * Data roles of the grants that had not expired, sorted. When one principal acts for another
   * only the roles both have: a lease must not give more than either may do.
   */
  readonly roleIds: readonly string[];
  /** Names target and role content (privileges, columns, views), not the names of the rules. */
  readonly privilegeSetId: string;
  /** Membership is incomplete and a rule on this target depends on a group not listed. */
  readonly groupsUnknown: boolean;
  /** The principal's own rights first, then those of whom it acts for. Never empty. */
  readonly rights: readonly Rights[];
}

/** Matching rules as far as their conditions go. */
export interface ConditionalRules {
  readonly grants: readonly { readonly grant: Pick<Grant, 'when'> }[];
  readonly unsure: readonly { readonly grant: Pick<Grant, 'when'> }[];
  readonly denies: readonly { readonly deny: Pick<Deny, 'when'> }[];
}

/** Everything that `when` of the matching rules reads. */
export function accessConditions(access: {
  readonly rights: readonly ConditionalRules[];
}): readonly Condition[] {
  return access.rights.flatMap(({ grants, denies, unsure }) => [
    ...[...grants, ...unsure].flatMap(({ grant }) => grant.when),
    ...denies.flatMap(({ deny }) => deny.when),
  ]);
}

/** When matching grants end, ms since the epoch. */
export function accessExpiries(access: {
  readonly grants: readonly Pick<Grant, 'expires'>[];
}): readonly number[] {
  return access.grants.flatMap(({ expires }) => expires ?? []);
}
