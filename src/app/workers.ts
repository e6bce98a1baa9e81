// SPDX-License-Identifier: Apache-2.0
import type { Socket } from 'node:net';
import type { SessionView } from '../api/contract.ts';
import type { ListenerSettings } from '../config/settings.ts';
import type { Source } from '../policy/parse.ts';
import type { Policy } from '../policy/policy.ts';
import type { MetricValues } from './otlp-metrics.ts';
import type { Worker } from './worker.ts';

/** A declaration that was checked and is to be used everywhere. */
export interface PolicyInUse {
  readonly policy: Policy;
  readonly sources: readonly Source[];
  /** Hash under which the sources are kept beside the audit. */
  readonly kept: string;
}

/** Those that serve connections, as the coordinator sees them: one in its own process, or several. */
export interface Workers {
  /** Whether any can take a connection. */
  readonly ready: boolean;
  /** Processes beside this one. */
  readonly count: number;
  /** False while the audit of any of them cannot be written. */
  readonly auditAccepting: boolean;
  accept(listener: ListenerSettings, socket: Socket): void;
  /** Resolves when all use it; who does not within a few seconds is replaced. */
  use(policy: PolicyInUse): Promise<void>;
  /** What a session needs to know of a target is another. */
  targetChanged(targetId: string): void;
  sessions(): Promise<readonly SessionView[]>;
  /** False when there is no such session. */
  kill(id: string, by: string): Promise<boolean>;
  endSessionsOfTicket(id: string, by: string): Promise<number>;
  /** One list per worker. */
  metrics(): Promise<readonly (readonly MetricValues[])[]>;
  drain(timeoutMs: number): Promise<void>;
  close(): Promise<void>;
}

/** The only worker, in the coordinator's process. */
export class SoleWorker implements Workers {
  readonly ready = true;
  readonly count = 0;
  /** Its audit is the coordinator's. */
  readonly auditAccepting = true;
  readonly worker: Worker;

  constructor(worker: Worker) {
    this.worker = worker;
  }

  accept(listener: ListenerSettings, socket: Socket): void {
    this.worker.accept(listener, socket);
  }

  async use({ policy, kept }: PolicyInUse): Promise<void> {
    this.worker.use(policy, kept);
  }

  /** It looks at the brokers themselves. */
  targetChanged(): void {}

  async sessions(): Promise<readonly SessionView[]> {
    return this.worker.sessions;
  }

  async kill(id: string, by: string): Promise<boolean> {
    return this.worker.kill(id, by);
  }

  async endSessionsOfTicket(id: string, by: string): Promise<number> {
    return this.worker.endSessionsOfTicket(id, by);
  }

  async metrics(): Promise<readonly (readonly MetricValues[])[]> {
    return [await this.worker.metrics.values()];
  }

  drain(timeoutMs: number): Promise<void> {
    return this.worker.drain(timeoutMs);
  }

  close(): Promise<void> {
    return this.worker.close();
  }
}
