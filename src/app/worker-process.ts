// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { Broker } from '../broker/broker.ts';
import type { LimitLedger } from '../gateway/limits.ts';
import type { BudgetHolder } from '../gateway/request-budgets.ts';
import type { Clock, Timer } from '../model/clock.ts';
import { PosternError } from '../model/errors.ts';
import type { Lease } from '../model/lease.ts';
import type { Log } from '../model/log.ts';
import { type Answers, Channel } from './channel.ts';
import type { CoordinatorSide, LentLease, WorkerOrders, WorkerSide } from './sides.ts';

/** A start reads certificates and opens an audit stream. */
const START_LIMIT_MS = 20_000;
const HEALTH_MS = 1_000;
/** So many health questions in a row without an answer: then it is replaced. */
const SILENT_LIMIT = 5;
const CLOSE_LIMIT_MS = 3_000;
const RECALL_LIMIT_MS = 250;

/** What a worker answers in time, or not at all. */
type Name = keyof WorkerSide & string;

export interface WorkerProcessOptions {
  readonly orders: WorkerOrders;
  readonly clock: Clock;
  readonly log: Log;
  readonly ledger: LimitLedger;
  /** What it may ask, besides budgets and leases, which are kept here. */
  readonly answers: Pick<
    Answers<CoordinatorSide>,
    'takeRequests' | 'revoke' | 'redeem' | 'kill' | 'durable'
  >;
  readonly broker: (target: string) => Broker | undefined;
  /** It has ended, and what it had was given back. */
  readonly ended: () => void;
}

/** One worker process: what it borrowed, whether it lives, and the way to it. */
export class WorkerProcess implements BudgetHolder {
  readonly #o: WorkerProcessOptions;
  readonly #child: ChildProcess;
  readonly #channel: Channel<WorkerSide, CoordinatorSide>;
  readonly #connections = new Map<string, number>();
  readonly #loans = new Map<number, { readonly lease: Lease; readonly broker: Broker }>();
  /** Tokens it may still hold, by budget: an upper bound. */
  readonly #tokens = new Map<string, number>();
  #nextLoan = 1;
  #silent = 0;
  #health: Timer | undefined;
  #up = false;
  #gone = false;
  #closing = false;
  auditAccepting = true;

  constructor(options: WorkerProcessOptions) {
    this.#o = options;
    // The extension is .js in a build and .ts where sources run as they are.
    const main = new URL(`./worker-main${import.meta.url.slice(-3)}`, import.meta.url);
    this.#child = fork(fileURLToPath(main), { serialization: 'advanced', stdio: 'inherit' });
    this.#channel = new Channel<WorkerSide, CoordinatorSide>(this.#child, this.#side());
    this.#child.once('exit', (code, signal) => this.#ended(signal ?? `code ${code}`));
    this.#child.on('error', (cause) => options.log.error('a worker failed', { cause }));
  }

  /** Rejects with what kept it from starting. */
  async start(): Promise<void> {
    try {
      await this.#within(START_LIMIT_MS, this.#channel.call('start', this.#o.orders));
    } catch (thrown) {
      this.stop('it did not start');
      throw thrown;
    }
    this.#up = true;
    this.#watch();
  }

  get up(): boolean {
    return this.#up && !this.#closing;
  }

  /** It did, when it was asked last. */
  get answers(): boolean {
    return this.#silent <= 1;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  hand(listener: string, socket: Socket): void {
    this.#channel.hand(listener, socket);
  }

  /** Rejects when it does not answer in time. */
  ask<N extends Name>(
    limitMs: number,
    name: N,
    ...args: Parameters<WorkerSide[N]>
  ): Promise<Awaited<ReturnType<WorkerSide[N]>>> {
    const call = this.#channel.call as (name: N, ...args: unknown[]) => Promise<never>;
    return this.#within(limitMs, call.call(this.#channel, name, ...args));
  }

  /** Tokens of this budget were given to it. */
  given(key: string, count: number): void {
    if (count > 0) this.#tokens.set(key, (this.#tokens.get(key) ?? 0) + count);
  }

  /** What it gives up of a budget. */
  async recall(key: string): Promise<number> {
    if (!this.#tokens.delete(key)) return 0;
    return this.ask(RECALL_LIMIT_MS, 'recallRequests', key).catch(() => 0);
  }

  /** It is worth nothing any more; another takes its place. */
  stop(why: string): void {
    if (this.#gone) return;
    this.#o.log.error('a worker is stopped', { worker: this.pid, why });
    this.#child.kill('SIGKILL');
  }

  /** After `drain`. Never rejects. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#health?.stop();
    if (this.#gone) return;
    const exit = once(this.#child, 'exit');
    await this.ask(CLOSE_LIMIT_MS, 'close').catch(() => undefined);
    if (this.#child.connected) this.#child.disconnect();
    await this.#within(CLOSE_LIMIT_MS, exit).catch(() => this.stop('it did not end'));
  }

  #side(): Answers<CoordinatorSide> {
    const { ledger, answers, broker } = this.#o;
    return {
      ...answers,
      takeConnection: (key, limit) => {
        if (this.#gone || !ledger.takeConnection(key, limit)) return false;
        this.#connections.set(key, (this.#connections.get(key) ?? 0) + 1);
        return true;
      },
      returnConnection: (key) => {
        const held = this.#connections.get(key) ?? 0;
        if (held === 0) return;
        if (held === 1) this.#connections.delete(key);
        else this.#connections.set(key, held - 1);
        ledger.returnConnection(key);
      },
      returnRequests: (key, count) => {
        this.#tokens.delete(key);
        ledger.returnRequests(key, count);
      },
      lend: (target, request) => this.#lend(broker(target), target, request),
      release: (loan) => {
        const lent = this.#loans.get(loan);
        this.#loans.delete(loan);
        lent?.broker.release(lent.lease);
      },
      loginRefused: (loan) => {
        const lent = this.#loans.get(loan);
        lent?.broker.loginRefused(lent.lease);
      },
    };
  }

  async #lend(
    broker: Broker | undefined,
    target: string,
    request: Parameters<Broker['lend']>[0],
  ): Promise<LentLease> {
    if (!broker) {
      const problem = 'the target is no longer served';
      throw new PosternError('lease-failed', { target, problem });
    }
    const lease = await broker.lend(request);
    const loan = this.#nextLoan;
    this.#nextLoan += 1;
    if (this.#gone) broker.release(lease);
    else this.#loans.set(loan, { lease, broker });
    return { ...lease, loan, password: lease.password.reveal() };
  }

  #watch(): void {
    this.#health = this.#o.clock.after(HEALTH_MS, () => {
      this.#silent += 1;
      if (this.#silent > SILENT_LIMIT) return this.stop(`silent for ${SILENT_LIMIT} s`);
      this.#channel.call('health').then(
        ({ auditAccepting }) => {
          this.#silent = 0;
          this.auditAccepting = auditAccepting;
        },
        () => undefined,
      );
      this.#watch();
    });
  }

  #ended(how: string): void {
    this.#gone = true;
    this.#up = false;
    this.#health?.stop();
    this.#channel.close();
    const { ledger, log, ended } = this.#o;
    const sessions = this.#loans.size;
    for (const [key, count] of this.#connections) {
      for (let one = 0; one < count; one += 1) ledger.returnConnection(key);
    }
    for (const { lease, broker } of this.#loans.values()) broker.abandon(lease);
    this.#connections.clear();
    this.#loans.clear();
    if (this.#closing) return;
    log.error('a worker has ended', { worker: this.pid, how, sessions });
    ended();
  }

  #within<T>(limitMs: number, work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const action = `an answer of worker ${this.pid}`;
      const late = () => reject(new PosternError('timeout', { action, limitMs }));
      const timer = this.#o.clock.after(limitMs, late);
      work.then(resolve, reject).finally(() => timer.stop());
    });
  }
}
