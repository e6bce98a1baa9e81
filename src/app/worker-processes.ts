// SPDX-License-Identifier: Apache-2.0
import type { Socket } from 'node:net';
import type { SessionView } from '../api/contract.ts';
import type { FileAudit } from '../audit/file-audit.ts';
import { openHashKeys } from '../audit/hash-key.ts';
import type { ListenerSettings, Settings } from '../config/settings.ts';
import type { LimitLedger } from '../gateway/limits.ts';
import type { Asker, Kill } from '../gateway/parts.ts';
import { RequestBudgets } from '../gateway/request-budgets.ts';
import type { Tickets } from '../identity/ticket.ts';
import type { Clock, Timer } from '../model/clock.ts';
import { problemText } from '../model/errors.ts';
import type { Log } from '../model/log.ts';
import type { MetricValues } from './otlp-metrics.ts';
import type { PolicyTexts, TargetState, WorkerSide } from './sides.ts';
import type { TargetBrokers } from './target-brokers.ts';
import { WorkerProcess } from './worker-process.ts';
import type { PolicyInUse, Workers } from './workers.ts';

/** A revocation is due within five seconds: a worker that is silent for so long goes with it. */
const ORDER_LIMIT_MS = 3_000;
const ANSWER_LIMIT_MS = 2_000;
const MIN_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 10_000;
/** A worker that lived so long is no crash loop. */
const STEADY_MS = 30_000;
/** The last position of a stream that has ended is still to be signed. */
const LAST_HEAD_MS = 10_000;

export interface WorkerProcessesOptions {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly log: Log;
  readonly audit: FileAudit;
  readonly ledger: LimitLedger;
  readonly tickets: Pick<Tickets, 'redeem'>;
  readonly brokers: TargetBrokers;
  /** A worker ended that should not have. */
  readonly replaced: () => void;
  readonly inUse: PolicyInUse;
}

interface Slot {
  readonly index: number;
  process: WorkerProcess | undefined;
  startedAt: number;
  backoffMs: number;
  retry?: Timer;
}

/** Several workers, each a process: whichever ends is replaced, and what it had is given back. */
export class WorkerProcesses implements Workers {
  readonly #o: WorkerProcessesOptions;
  readonly #slots: readonly Slot[];
  readonly #budgets: RequestBudgets;
  #inUse: PolicyInUse;
  #turn = 0;
  #closing = false;

  private constructor(options: WorkerProcessesOptions) {
    this.#o = options;
    this.#inUse = options.inUse;
    this.#budgets = new RequestBudgets(options.ledger);
    this.#slots = Array.from({ length: options.settings.workers }, (_, index) => ({
      index,
      process: undefined,
      startedAt: 0,
      backoffMs: MIN_BACKOFF_MS,
    }));
  }

  /** Rejects with what kept any of them from starting. */
  static async start(options: WorkerProcessesOptions): Promise<WorkerProcesses> {
    const workers = new WorkerProcesses(options);
    // Made once, before several would make it at the same time.
    openHashKeys(options.settings.audit.hashKey);
    try {
      await Promise.all(workers.#slots.map((slot) => workers.#start(slot)));
      return workers;
    } catch (thrown) {
      await workers.close();
      throw thrown;
    }
  }

  get ready(): boolean {
    return this.#all().length > 0;
  }

  get count(): number {
    return this.#all().length;
  }

  get auditAccepting(): boolean {
    return this.#all().every((worker) => worker.auditAccepting);
  }

  /** In turn, so that each has its share of every principal's connections. */
  accept(listener: ListenerSettings, socket: Socket): void {
    const up = this.#all();
    const answering = up.filter((worker) => worker.answers);
    const all = answering.length > 0 ? answering : up;
    this.#turn += 1;
    const next = all[this.#turn % all.length];
    if (next) next.hand(listener.name, socket);
    else {
      this.#o.log.warn('no worker for a connection', { listener: listener.name });
      socket.destroy();
    }
  }

  async use(inUse: PolicyInUse): Promise<void> {
    this.#inUse = inUse;
    const texts = textsOf(inUse);
    await Promise.all(this.#all().map((worker) => this.#order(worker, 'use', texts)));
  }

  targetChanged(targetId: string): void {
    const state = this.#targetState(targetId);
    for (const worker of this.#all()) void this.#ask(worker, 'targetState', targetId, state);
  }

  async sessions(): Promise<readonly SessionView[]> {
    const all = await Promise.all(this.#all().map((worker) => this.#ask(worker, 'sessions')));
    return all.flatMap((sessions) => sessions ?? []);
  }

  async kill(id: string, by: string): Promise<boolean> {
    const all = this.#all().map((worker) => this.#order(worker, 'kill', id, by));
    return (await Promise.all(all)).includes(true);
  }

  async endSessionsOfTicket(id: string, by: string): Promise<number> {
    const all = this.#all().map((worker) => this.#order(worker, 'endSessionsOfTicket', id, by));
    return (await Promise.all(all)).reduce<number>((sum, count) => sum + (count ?? 0), 0);
  }

  async metrics(): Promise<readonly (readonly MetricValues[])[]> {
    const all = await Promise.all(this.#all().map((worker) => this.#ask(worker, 'metrics')));
    return all.filter((values) => values !== undefined);
  }

  async drain(timeoutMs: number): Promise<void> {
    this.#closing = true;
    for (const { retry } of this.#slots) retry?.stop();
    // A drain ends what is left by itself, which takes a few seconds more.
    const limitMs = timeoutMs + 6_000;
    const drains = this.#all().map((worker) => worker.ask(limitMs, 'drain', timeoutMs));
    for (const drained of await Promise.allSettled(drains)) {
      if (drained.status === 'fulfilled') continue;
      this.#o.log.warn('a worker did not drain', { problem: problemText(drained.reason) });
    }
  }

  async close(): Promise<void> {
    this.#closing = true;
    for (const { retry } of this.#slots) retry?.stop();
    await Promise.all(this.#slots.map(({ process }) => process?.close()));
  }

  #all(): WorkerProcess[] {
    return this.#slots.flatMap(({ process }) => (process?.up ? [process] : []));
  }

  #except(worker: WorkerProcess): WorkerProcess[] {
    return this.#all().filter((other) => other !== worker);
  }

  async #start(slot: Slot): Promise<void> {
    const { settings, clock, log, ledger, brokers } = this.#o;
    const targets = new Map<string, TargetState>();
    for (const id of brokers.all.keys()) {
      const state = this.#targetState(id);
      if (state) targets.set(id, state);
    }
    const given = this.#inUse;
    let stream: string | undefined;
    const process: WorkerProcess = new WorkerProcess({
      orders: { settings, index: slot.index, policy: textsOf(given), targets },
      clock,
      log,
      ledger,
      broker: (target) => brokers.all.get(target),
      answers: {
        takeRequests: (key, perSecond, wanted) =>
          this.#budgets.take(process, this.#except(process), { key, perSecond, wanted }),
        revoke: async (target, account) => brokers.all.get(target)?.revoke(account),
        redeem: (proof) => this.#o.tickets.redeem(proof),
        kill: (asker, kill) => this.#killElsewhere(process, asker, kill),
        durable: (position) => {
          ({ stream } = position);
          this.#o.audit.others.offer(position);
        },
      },
      ended: () => this.#ended(slot, stream),
    });
    slot.process = process;
    slot.startedAt = clock.monotonic();
    await process.start();
    // What changed while it started, it has not heard.
    if (this.#inUse !== given) await this.#order(process, 'use', textsOf(this.#inUse));
    for (const id of new Set([...targets.keys(), ...brokers.all.keys()])) {
      void this.#ask(process, 'targetState', id, this.#targetState(id));
    }
  }

  #ended(slot: Slot, stream: string | undefined): void {
    const { clock, log, replaced, audit } = this.#o;
    slot.process = undefined;
    if (stream !== undefined) clock.after(LAST_HEAD_MS, () => audit.others.ended(stream));
    if (this.#closing) return;
    const steady = clock.monotonic() - slot.startedAt >= STEADY_MS;
    slot.backoffMs = steady ? MIN_BACKOFF_MS : Math.min(slot.backoffMs * 2, MAX_BACKOFF_MS);
    replaced();
    slot.retry = clock.after(slot.backoffMs, () => {
      this.#start(slot).then(
        () => log.info('a worker was replaced', { worker: slot.process?.pid }),
        (cause: unknown) => log.error('a worker cannot be replaced; it is tried again', { cause }),
      );
    });
  }

  /**
   * For what takes rights away: a worker that does not answer is replaced, and its sessions end
   * with it.
   */
  async #order<N extends keyof WorkerSide & string>(
    worker: WorkerProcess,
    name: N,
    ...args: Parameters<WorkerSide[N]>
  ): Promise<Awaited<ReturnType<WorkerSide[N]>> | undefined> {
    try {
      return await worker.ask(ORDER_LIMIT_MS, name, ...args);
    } catch (cause) {
      worker.stop(`it did not answer to "${name}": ${problemText(cause)}`);
      return undefined;
    }
  }

  async #killElsewhere(from: WorkerProcess, asker: Asker, kill: Kill): Promise<boolean> {
    const all = this.#except(from).map((worker) => this.#order(worker, 'killFor', asker, kill));
    return (await Promise.all(all)).includes(true);
  }

  #targetState(id: string): TargetState | undefined {
    const { brokers } = this.#o;
    const broker = brokers.all.get(id);
    if (!broker) return undefined;
    return { ready: broker.ready, problem: broker.problem, greeting: brokers.greeting(id) };
  }

  /** Undefined from a worker that does not answer: the others' answers count. */
  async #ask<N extends keyof WorkerSide & string>(
    worker: WorkerProcess,
    name: N,
    ...args: Parameters<WorkerSide[N]>
  ): Promise<Awaited<ReturnType<WorkerSide[N]>> | undefined> {
    try {
      return await worker.ask(ANSWER_LIMIT_MS, name, ...args);
    } catch (cause) {
      const problem = problemText(cause);
      this.#o.log.warn('a worker did not answer', { worker: worker.pid, question: name, problem });
      return undefined;
    }
  }
}

function textsOf({ policy, sources, kept }: PolicyInUse): PolicyTexts {
  return { revision: policy.revision, sources, kept };
}
