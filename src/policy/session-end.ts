// SPDX-License-Identifier: Apache-2.0
import type { DenialReason } from '../model/decision.ts';
import type { Principal } from '../model/principal.ts';
import type { Access, Rights } from './access.ts';
import type { Surroundings } from './condition.ts';
import { isActive } from './denial.ts';
import type { Condition, Policy, Target } from './policy.ts';
import { nextEdge } from './time-window.ts';

/** A session that is open since `openedAt` (ms since the epoch). */
export interface OpenSession extends Surroundings {
  readonly openedAt: number;
}

export interface SessionEnds {
  /** ms since the epoch. */
  readonly atMs: number;
  readonly why: Extract<DenialReason, 'session-expired' | 'identity-expired' | 'grant-expired'>;
}

/** After a token that no IdentityProvider of the policy vouches for, e.g. a service account's. */
const TOKEN_SESSION_MS = 3_600_000;

/**
 * When a session must be over (design, session contract): the smallest `maxDuration` of the active
 * grants, the proof (a certificate's notAfter; after a token login the provider's `sessionMax`,
 * not the token's `exp`), or the end of the last active grant, whichever comes first. With no
 * active grant it is over now.
 */
export function sessionEnds(access: Access, session: OpenSession): SessionEnds {
  const ends = access.rights.flatMap((rights) => [
    proofEnds(rights.principal, access.policy, session.openedAt),
    ...grantsEnd(rights, access.target, session),
  ]);
  return ends.reduce((first, other) => (other.atMs < first.atMs ? other : first));
}

function proofEnds(principal: Principal, policy: Policy, openedAt: number): SessionEnds {
  if (principal.method !== 'token' && principal.method !== 'ticket') {
    return { atMs: principal.expiresAt, why: 'identity-expired' };
  }
  const provider = policy.providers.get(principal.verifiedBy);
  return {
    atMs: openedAt + (provider?.sessionMaxMs ?? TOKEN_SESSION_MS),
    why: 'session-expired',
  };
}

function grantsEnd(rights: Rights, target: Target, session: OpenSession): readonly SessionEnds[] {
  const active = rights.grants
    .filter((matched) => isActive(matched, rights, target, session))
    .map(({ grant }) => grant);
  // Observe mode lets in whom no grant names: only the proof's end counts then.
  if (active.length === 0 && target.enforcement === 'Observe') return [];
  const longest = Math.min(...active.map((grant) => grant.session.maxDurationMs));
  const last = Math.max(...active.map((grant) => grant.expires ?? Number.POSITIVE_INFINITY));
  return [
    { atMs: session.openedAt + longest, why: 'session-expired' },
    { atMs: active.length === 0 ? session.now : last, why: 'grant-expired' },
  ];
}

/**
 * The next instant (ms) after `now` at which `expires` or a time window may change an answer;
 * undefined when only a reload can. It may come without a change, never after one.
 */
export function nextChangeAt(access: Access, now: number): number | undefined {
  let next = Number.POSITIVE_INFINITY;
  for (const { grants, denies, unsure } of access.rights) {
    for (const { grant } of [...grants, ...unsure]) {
      const { expires } = grant;
      if (expires !== undefined && expires <= now) continue;
      next = Math.min(next, expires ?? next, nextWindowEdge(grant.when, now));
    }
    for (const { deny } of denies) next = Math.min(next, nextWindowEdge(deny.when, now));
  }
  return Number.isFinite(next) ? next : undefined;
}

function nextWindowEdge(when: readonly Condition[], now: number): number {
  let next = Number.POSITIVE_INFINITY;
  for (const condition of when) {
    if (condition.key === 'time') next = Math.min(next, nextEdge(condition, now));
  }
  return next;
}
