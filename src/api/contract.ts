// SPDX-License-Identifier: Apache-2.0
import type { Finding } from '../model/finding.ts';

/** One live session as `postern sessions` shows it. Times are ms since the epoch. */
export interface SessionView {
  readonly id: string;
  readonly principal: string;
  readonly method: string;
  readonly target: string;
  readonly source: string;
  readonly lease: string;
  readonly openedAt: number;
  readonly requests: number;
  readonly busy: boolean;
  readonly inTransaction: boolean;
  readonly revision: string;
  readonly upstreamConnection: number;
}

/** What a reload did. `accepted: false`: the old revision stays in force. */
export interface ReloadReport {
  readonly accepted: boolean;
  readonly revision: string;
  readonly faults: readonly string[];
}

/** Readiness of the parts that a new session needs. */
export interface Readiness {
  readonly ready: boolean;
  readonly revision: string;
  readonly auditAccepting: boolean;
  /** Worker processes that serve; 0 where one process does everything. */
  readonly workers: number;
  readonly targets: Readonly<Record<string, { ready: boolean; problem?: string }>>;
  /** What is not as declared, by Target or Cluster; never a reason not to be ready. */
  readonly drift: Readonly<Record<string, { findings: number; problem?: string }>>;
}

/** What a running gateway knows of one target's server or one cluster. */
export interface DriftView {
  readonly layer: Finding['layer'];
  /** Id of the Target, or name of the Cluster. */
  readonly where: string;
  readonly findings: readonly Finding[];
  /** Beyond `findings`, for being too many. */
  readonly omitted: number;
  /** Of the last look that succeeded, ms since the epoch; absent before the first. */
  readonly checkedAt?: number;
  /** Why it cannot be looked at now; `findings` are then those of the last look. */
  readonly problem?: string;
}

/** A ticket, told once: nobody can ask for its secret again. */
export interface TicketAnswer {
  /** The user name of a login. */
  readonly ticket: string;
  /** The password of a login. */
  readonly secret: string;
  readonly target: string;
  readonly principal: string;
  /** ms since the epoch. */
  readonly expiresAt: number;
  /** Logins it is good for; any number without. */
  readonly uses?: number;
}
