// SPDX-License-Identifier: Apache-2.0
import type { AuditLog } from '../audit/record.ts';
import type { RefusalLog } from '../audit/refusal-log.ts';
import type { Broker } from '../broker/broker.ts';
import type { Settings } from '../config/settings.ts';
import type { IdentityResolver } from '../identity/resolver.ts';
import type { Tickets } from '../identity/ticket.ts';
import type { Clock } from '../model/clock.ts';
import type { Log } from '../model/log.ts';
import type { DecisionEngine } from '../policy/decide.ts';
import type { Identifiers } from './identifiers.ts';
import type { BufferBudget, LimitLedger } from './limits.ts';
import type { Session } from './live-session.ts';
import type { SessionRegistry } from './registry.ts';
import type { Tracing } from './tracing.ts';

/** What the gateway counts; `app/metrics.ts` turns it into Prometheus series. */
export interface Meter {
  loginDenied(reason: string, target: string): void;
  sessionOpened(target: string): void;
  sessionClosed(target: string, reason: string): void;
  requestDecided(target: string, effect: 'allow' | 'deny' | 'would-deny', reason: string): void;
  requestDone(target: string, outcome: string, durationMs: number, rows: number): void;
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
  readonly tickets: Tickets;
  readonly ids: Identifiers;
  readonly ledger: LimitLedger;
  readonly buffers: BufferBudget;
  readonly sessions: SessionRegistry;
  readonly limits: Settings['limits'];
  /** By target id. */
  readonly brokers: ReadonlyMap<string, Broker>;
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
