// SPDX-License-Identifier: Apache-2.0

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
