// SPDX-License-Identifier: Apache-2.0
import type { Origin } from '../audit/record.ts';
import type { Denied } from '../model/decision.ts';
import type { Lease } from '../model/lease.ts';
import type { Principal } from '../model/principal.ts';
import type { Access } from '../policy/decide.ts';
import type { Target } from '../policy/policy.ts';
import type { SessionTrace } from './tracing.ts';

/** How a session can be told to end: what the principal hears, and what the audit says. */
export type SessionEnd = Pick<Denied, 'reason' | 'detail'>;

/** One downstream connection with its principal, target, lease and policy revision. */
export class Session {
  readonly id: string;
  /** Of the record of its end; an error that ends it names the same id. */
  readonly closingId: string;
  readonly principal: Principal;
  /** The ticket that opened it. */
  readonly ticket: string | undefined;
  readonly target: Target;
  readonly origin: Origin;
  /** The caller's trace from its connection attributes: a claim, for requests that state none. */
  readonly traceparent: string | undefined;
  /** Undefined when nothing is traced. */
  readonly trace: SessionTrace | undefined;
  readonly openedAt: number;
  readonly openedMonotonic: number;
  /** Id shown to the driver in the greeting; what its KILL names. */
  readonly downstreamConnection: number;
  /** Rights under the current revision; replaced on reload. */
  access: Access;
  /** Rights as they were when the lease was lent: what the target lets it do. */
  readonly lentFor: Access;
  lease: Lease;
  /** The target's own connection id. */
  upstreamConnection = 0;
  requests = 0;
  /** Set once; nothing new is allowed from then on. */
  ending: SessionEnd | undefined;
  /** The lease is being revoked, and the target ends all that it runs. */
  leaseRevoked = false;
  /** True while a request is under way or a transaction is open; kept by the relay. */
  busy = false;
  inTransaction = false;
  #stop: ((end: SessionEnd) => void) | undefined;
  #cancel: (() => void) | undefined;

  constructor(facts: {
    id: string;
    closingId: string;
    principal: Principal;
    ticket?: string | undefined;
    target: Target;
    source: string;
    access: Access;
    lease: Lease;
    downstreamConnection: number;
    traceparent: string | undefined;
    trace?: SessionTrace | undefined;
    now: number;
    monotonic: number;
  }) {
    this.id = facts.id;
    this.closingId = facts.closingId;
    this.principal = facts.principal;
    this.ticket = facts.ticket;
    this.target = facts.target;
    this.access = facts.access;
    this.lentFor = facts.access;
    this.lease = facts.lease;
    this.downstreamConnection = facts.downstreamConnection;
    this.traceparent = facts.traceparent;
    this.trace = facts.trace;
    this.openedAt = facts.now;
    this.openedMonotonic = facts.monotonic;
    this.origin = {
      session: facts.id,
      principal: facts.principal.id,
      method: facts.principal.method,
      verifiedBy: facts.principal.verifiedBy,
      target: facts.target.id,
      source: facts.source,
    };
  }

  /** The relay says how it ends and how it cancels what runs. */
  attach(stop: (end: SessionEnd) => void, cancel: () => void): void {
    this.#stop = stop;
    this.#cancel = cancel;
    if (this.ending) stop(this.ending);
  }

  /** Ends the session; the first reason stays. Idempotent. */
  end(end: SessionEnd): void {
    if (this.ending) return;
    this.ending = end;
    this.#stop?.(end);
  }

  /** Cancels the request under way, if any (KILL QUERY); the session goes on. */
  cancelRequest(): void {
    this.#cancel?.();
  }

  get revision(): string {
    return this.access.policy.revision;
  }

  /** Key of the principal's budget: limits hold over all targets. */
  get budgetKey(): string {
    return this.principal.id;
  }
}
