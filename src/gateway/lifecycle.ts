// SPDX-License-Identifier: Apache-2.0

import { decideLogin, nextChangeAt, sessionEnds } from '../policy/decide.ts';
import type { Session, SessionEnd } from './live-session.ts';
import { lostRight } from './lost-right.ts';
import type { GatewayParts } from './parts.ts';
import { sourceIp } from './request.ts';

/** From this share of a session's life on it is closed as soon as it is idle. */
const SOFT_END_SHARE = 0.8;
/** Sessions opened together must not all reconnect together. */
const SOFT_END_JITTER = 0.1;

interface Watch {
  softEndAt: number;
  hardEndAt: number;
  why: SessionEnd;
  recheckAt: number;
}

/**
 * Ends sessions when their time or their rights end (the session contract of the design).
 * `refresh` re-decides one session; `tick`, called about once a second, looks at the clock.
 */
export class SessionLifecycle {
  readonly #parts: GatewayParts;
  readonly #watches = new WeakMap<Session, Watch>();

  constructor(parts: GatewayParts) {
    this.#parts = parts;
  }

  /** Applies the rules of now; revokes the lease with the session when the right is gone. */
  refresh(session: Session): void {
    const { engine, clock, identity } = this.#parts;
    const now = clock.now();
    const access = engine.access(session.principal, session.target.id, now);
    const withdrawn = identity.withdrawal(session.principal);
    const lost = withdrawn ?? lostRight(session.lentFor, access, now);
    if (!access || lost !== undefined) {
      this.#revoke(session, { reason: 'revoked', detail: lost ?? 'access was withdrawn' });
      return;
    }
    const surroundings = { now, sourceIp: sourceIp(session.origin.source) };
    const decision = decideLogin(access, surroundings);
    if (decision.effect === 'deny') {
      this.#revoke(session, {
        reason: decision.reason === 'grant-expired' ? 'grant-expired' : 'revoked',
        detail: decision.detail,
      });
      return;
    }
    session.access = access;
    const { atMs, why } = sessionEnds(access, { ...surroundings, openedAt: session.openedAt });
    const known = this.#watches.get(session);
    const life = atMs - session.openedAt;
    const share = SOFT_END_SHARE + Math.random() * SOFT_END_JITTER;
    this.#watches.set(session, {
      hardEndAt: atMs,
      softEndAt: known?.hardEndAt === atMs ? known.softEndAt : session.openedAt + life * share,
      why: { reason: why, detail: 'the session has reached the end of its time' },
      recheckAt: nextChangeAt(access, now) ?? Number.POSITIVE_INFINITY,
    });
  }

  refreshAll(): void {
    const { sessions, warm, engine, clock, identity } = this.#parts;
    for (const session of sessions.all()) this.refresh(session);
    const now = clock.now();
    warm.closeUnless(({ principal, targetId, lentFor }) => {
      const access = engine.access(principal, targetId, now);
      const lost = identity.withdrawal(principal) ?? lostRight(lentFor, access, now);
      return lost === undefined;
    });
  }

  tick(): void {
    const now = this.#parts.clock.now();
    for (const session of this.#parts.sessions.all()) {
      const watch = this.#watches.get(session);
      if (!watch) continue;
      const idle = !session.busy && !session.inTransaction;
      if (now >= watch.hardEndAt || (idle && now >= watch.softEndAt)) session.end(watch.why);
      else if (now >= watch.recheckAt) this.refresh(session);
      else if (this.#parts.draining && idle) {
        session.end({ reason: 'draining', detail: 'the gateway is stopping; connect again' });
      }
    }
  }

  #revoke(session: Session, end: SessionEnd): void {
    session.leaseRevoked = true;
    session.end(end);
    const { account: revoked } = session.lease;
    this.#parts.warm.closeUnless(({ account }) => account !== revoked);
    const broker = this.#parts.brokers.get(session.target.id);
    broker?.revoke(session.lease.account).catch((cause: unknown) => {
      this.#parts.log.error('revoking a lease failed; it is tried again', {
        account: session.lease.account,
        cause,
      });
    });
  }
}
