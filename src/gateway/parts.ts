// SPDX-License-Identifier: Apache-2.0
import type { AuditLog } from '../audit/record.ts';
import type { RefusalLog } from '../audit/refusal-log.ts';
import type { LendRequest } from '../broker/broker.ts';
import type { TargetProblem } from '../broker/target-health.ts';
import type { Settings } from '../config/settings.ts';
import type { IdentityResolver } from '../identity/resolver.ts';
import type { Tickets } from '../identity/ticket.ts';
import type { Clock } from '../model/clock.ts';
import type { Lease } from '../model/lease.ts';
import type { Log } from '../model/log.ts';
import type { Principal } from '../model/principal.ts';
import type { Access } from '../policy/access.ts';
import type { DecisionEngine } from '../policy/decide.ts';
import type { Identifiers } from './identifiers.ts';
import type { BufferBudget, Limits } from './limits.ts';
import type { Session } from './live-session.ts';
import type { SessionRegistry } from './registry.ts';
import type { TargetQueue } from './target-queue.ts';
import type { Tracing } from './tracing.ts';

/** What the gateway counts; `app/metrics.ts` turns it into Prometheus series. */
export interface Meter {
  /** A connection that failed before its protocol began. */
  connectionFailed(listener: string, layer: 'tls' | 'proxy'): void;
  loginDenied(reason: string, target: string): void;
  sessionOpened(target: string): void;
  sessionClosed(target: string, reason: string): void;
  /** How a session came by its upstream connection. */
  upstreamTaken(target: string, how: 'kept' | 'login'): void;
  requestDecided(target: string, effect: 'allow' | 'deny' | 'would-deny', reason: string): void;
  requestDone(target: string, outcome: string, durationMs: number, rows: number): void;
}

/** Leases of one target, for a session: the broker itself, or the way to the process that has it. */
export interface Lender {
  /** Whether new sessions can be served at all. */
  readonly ready: boolean;
  readonly problem: TargetProblem | undefined;
  /** Rejects with `lease-failed` or `audit-unwritable`. */
  lend(request: LendRequest): Promise<Lease>;
  /** Once per lease that was lent; again is harmless. */
  release(lease: Lease): void;
  /** The target refused its login: the next `lend` makes it anew. */
  loginRefused(lease: Lease): void;
  /** Resolves when the account is gone from the target. */
  revoke(account: string): Promise<void>;
}

/** KILL of a session or of what it runs. */
export interface Kill {
  /** As the greeting or CONNECTION_ID() told it. */
  readonly connectionId: number;
  readonly what: 'query' | 'connection';
}

/** Who says KILL, and on which target. */
export interface Asker {
  readonly principal: Principal;
  readonly target: string;
}

/** What is known of an upstream connection that waits for its next session. */
export interface WarmFacts {
  readonly principal: Principal;
  readonly targetId: string;
  readonly account: string;
  /** Rights the lease was lent for. */
  readonly lentFor: Access;
}

/** Upstream connections between two sessions. */
export interface WarmConnections {
  /** Closes those for which `fits` says no. */
  closeUnless(fits: (facts: WarmFacts) => boolean): void;
}

/** Everything a session may use; made once by `app/`. `engine` is swapped on reload. */
export interface GatewayParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
  /** Absent unless settings ask for traces. */
  readonly tracing?: Tracing;
  readonly audit: AuditLog;
  /** Records of peers that were refused unknown. */
  readonly refusals: RefusalLog;
  readonly identity: IdentityResolver;
  readonly tickets: Pick<Tickets, 'redeem'>;
  readonly ids: Identifiers;
  readonly ledger: Limits;
  readonly buffers: BufferBudget;
  readonly sessions: SessionRegistry;
  readonly warm: WarmConnections;
  readonly queue: TargetQueue;
  readonly limits: Settings['limits'];
  /** By target id. */
  readonly brokers: ReadonlyMap<string, Lender>;
  /** KILL of a session that another worker has; never rejects. Absent when there is none. */
  readonly killElsewhere?: (asker: Asker, kill: Kill) => Promise<boolean>;
  engine: DecisionEngine;
  /** Re-decides a session under the rules of now; ends it when it has no right to go on. */
  refresh(session: Session): void;
  /** True from the first SIGTERM on. */
  draining: boolean;
  /**
   * Test switch: the gateway's own request decision is skipped, so that what is left is what the
   * target enforces (invariant 4). Never set by settings.
   */
  readonly trustTargetOnly?: boolean;
}
