// SPDX-License-Identifier: Apache-2.0
import type { SessionView } from '../api/contract.ts';
import type { StreamPosition } from '../audit/chain.ts';
import type { LendRequest } from '../broker/broker.ts';
import type { TargetProblem } from '../broker/target-health.ts';
import type { Settings } from '../config/settings.ts';
import type { Asker, Kill } from '../gateway/parts.ts';
import type { IdentityResult } from '../identity/resolver.ts';
import type { TicketProof } from '../identity/ticket.ts';
import type { Lease } from '../model/lease.ts';
import type { Source } from '../policy/parse.ts';
import type { Handshake } from '../wire/mysql/handshake.ts';
import type { MetricValues } from './otlp-metrics.ts';

/** The declaration as texts: a worker checks them itself and must come to the same revision. */
export interface PolicyTexts {
  readonly revision: string;
  readonly sources: readonly Source[];
  readonly kept: string;
}

/** What a session needs to know of a target. */
export interface TargetState {
  readonly ready: boolean;
  readonly problem: TargetProblem | undefined;
  readonly greeting: Handshake | undefined;
}

/** A worker's start. */
export interface WorkerOrders {
  readonly settings: Settings;
  /** Which worker, from 0. */
  readonly index: number;
  readonly policy: PolicyTexts;
  readonly targets: ReadonlyMap<string, TargetState>;
}

/** A lease on its way to its worker: only this process's own child ever receives it. */
export interface LentLease extends Omit<Lease, 'password'> {
  /** What the worker gives back. */
  readonly loan: number;
  readonly password: string;
}

/** What a worker asks of the coordinator. */
export interface CoordinatorSide {
  takeConnection(key: string, limit: number | undefined): boolean;
  returnConnection(key: string): void;
  /** As many requests as the budget has, at most `wanted`. */
  takeRequests(key: string, perSecond: number, wanted: number): Promise<number>;
  returnRequests(key: string, count: number): void;
  lend(target: string, request: LendRequest): Promise<LentLease>;
  release(loan: number): void;
  loginRefused(loan: number): void;
  revoke(target: string, account: string): Promise<void>;
  redeem(proof: TicketProof): Promise<IdentityResult>;
  /** On any other worker. */
  kill(asker: Asker, kill: Kill): Promise<boolean>;
  /** The worker's audit is on the disk up to here. */
  durable(position: StreamPosition): void;
}

/** What the coordinator asks of a worker. */
export interface WorkerSide {
  start(orders: WorkerOrders): Promise<void>;
  /** Answers when the declaration is in force for all its sessions. */
  use(policy: PolicyTexts): void;
  targetState(target: string, state: TargetState | undefined): void;
  sessions(): readonly SessionView[];
  kill(id: string, by: string): boolean;
  killFor(asker: Asker, kill: Kill): boolean;
  endSessionsOfTicket(id: string, by: string): number;
  /** Unused tokens of a budget, which it gives up. */
  recallRequests(key: string): number;
  metrics(): Promise<readonly MetricValues[]>;
  /** That it is alive, and whether its audit can be written. */
  health(): { readonly auditAccepting: boolean };
  drain(timeoutMs: number): Promise<void>;
  close(): Promise<void>;
}
