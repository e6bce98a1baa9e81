// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Clock, Timer } from '../model/clock.ts';
import { problemText } from '../model/errors.ts';
import type { Log } from '../model/log.ts';
import type { StreamPosition } from './chain.ts';
import { type Ownership, ownSigning } from './owner.ts';
import type { RetirementReport } from './retire.ts';
import type { RetentionRules } from './retirement.ts';
import type { SignerReply, SignerRequest, SignerSettings } from './signer.ts';
import type { WitnessOptions } from './witness-place.ts';

const MIN_BACKOFF_MS = 1_000;
const MAX_BACKOFF_MS = 30_000;
/** Several processes offer their ends at any time; one head names them all. */
const SIGN_INTERVAL_MS = 500;
/** What failed once, on a full disk say, is tried again without an offer. */
const SIGN_RETRY_MS = 2_000;
const START_LIMIT_MS = 10_000;
/** How long a stop waits for the last head. */
const CLOSE_LIMIT_MS = 3_000;

export interface SignerOptions {
  /** Ed25519 private key, made on first start; read by the signer process only. */
  readonly keyPath: string;
  /** A second place for heads. */
  readonly witness?: WitnessOptions;
  /** A file of heads ends at about this size; default 64 MiB. */
  readonly headsFileBytes?: number;
}

export interface SignerHealth {
  readonly running: boolean;
  readonly lastHead: number;
  /** RFC 3339; absent before the first head. */
  readonly lastSignedAt?: string;
  /** Whether something durable is not named by a signed head yet. */
  readonly behind: boolean;
  readonly restarts: number;
  readonly problem?: string;
  /** Absent without a witness: the last head it has, and why it has no more. */
  readonly witness?: { readonly lastHead: number; readonly problem?: string };
}

/** Keeps the signer process alive and hands it the ends of the streams, one request at a time. */
export class SignerSupervisor {
  readonly #settings: SignerSettings;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #streams = new Map<string, StreamPosition>();
  readonly #forgotten = new Set<string>();
  #child: ChildProcess | undefined;
  #ready = false;
  #signing = false;
  #changed = false;
  #nextSignAt = 0;
  #signTimer: Timer | undefined;
  #closing = false;
  #lastHead = 0;
  #lastSignedAt: string | undefined;
  #restarts = 0;
  #backoffMs = MIN_BACKOFF_MS;
  #problem: string | undefined;
  #witness: { lastHead: number; problem?: string } | undefined;
  #retired: ((reply: Extract<SignerReply, { type: 'retired' }>) => void) | undefined;
  #ownership: Ownership | undefined;
  #restartTimer: Timer | undefined;
  /** Runs on every change that `start` or `close` may be waiting for. */
  #progress: () => void = () => undefined;

  constructor(directory: string, options: SignerOptions, clock: Clock, log: Log) {
    this.#settings = { directory, ...options };
    this.#clock = clock;
    this.#log = log;
  }

  /** The problem that keeps the signer from working, if there is one. */
  async start(): Promise<string | undefined> {
    try {
      this.#ownership = await ownSigning(this.#settings.directory);
    } catch (cause) {
      return problemText(cause);
    }
    this.#spawn();
    const settled = () => this.#ready || this.#child === undefined;
    if (!(await this.#until(settled, START_LIMIT_MS))) return 'it did not start in time';
    return this.#ready ? undefined : (this.#problem ?? 'it ended');
  }

  /** A stream is durable up to here: to be named by the next head. */
  offer(position: StreamPosition): void {
    this.#streams.set(position.stream, position);
    this.#changed = true;
    this.#request();
  }

  /** It has ended: once its end is signed, heads need not name it. */
  forget(stream: string): void {
    this.#forgotten.add(stream);
    this.#dropForgotten();
  }

  #dropForgotten(): void {
    if (this.#changed || this.#signing) return;
    for (const stream of this.#forgotten) this.#streams.delete(stream);
    this.#forgotten.clear();
  }

  health(): SignerHealth {
    return {
      running: this.#ready,
      lastHead: this.#lastHead,
      ...(this.#lastSignedAt !== undefined && { lastSignedAt: this.#lastSignedAt }),
      behind: this.#changed || this.#signing,
      restarts: this.#restarts,
      ...(this.#problem !== undefined && { problem: this.#problem }),
      ...(this.#witness && { witness: this.#witness }),
    };
  }

  /**
   * Removes what the rules say is over. The process that holds the key judges by what it reads
   * itself: it signs no removal that a gateway only claims to be due. Rejects when it cannot.
   */
  retire(rules: RetentionRules): Promise<RetirementReport> {
    return new Promise((resolve, reject) => {
      if (this.#retired) return reject(new Error('retention is at work already'));
      this.#child?.ref();
      this.#child?.channel?.ref();
      this.#retired = ({ report, problem }) => {
        this.#retired = undefined;
        if (!this.#closing) this.#letGo();
        if (report) resolve(report);
        else reject(new Error(problem ?? 'the signer gave no reason'));
      };
      this.#send({ type: 'retire', rules, live: [...this.#streams.keys()] });
    });
  }

  /** Waits for the head of what was offered last, then ends the process. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#restartTimer?.stop();
    if (this.#child) await this.#end(this.#child);
    await this.#ownership?.release();
  }

  async #end(child: ChildProcess): Promise<void> {
    child.ref();
    child.channel?.ref();
    this.#signTimer?.stop();
    this.#request();
    const done = () => !this.#child || (!this.#changed && !this.#signing);
    if (!(await this.#until(done, CLOSE_LIMIT_MS))) {
      this.#log.error('audit: the last head was not signed', { problem: this.#problem });
    }
    if (child.connected) child.disconnect();
    if (!(await this.#until(() => !this.#child, CLOSE_LIMIT_MS))) child.kill('SIGKILL');
  }

  /** False when the time is over first. */
  #until(holds: () => boolean, limitMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = this.#clock.after(limitMs, () => resolve(holds()));
      this.#progress = () => {
        if (!holds()) return;
        timer.stop();
        resolve(true);
      };
      this.#progress();
    });
  }

  #spawn(): void {
    // The extension is .js in a build and .ts where sources run as they are.
    const entry = fileURLToPath(import.meta.url).replace(/signer-supervisor(\.\w+)$/, 'signer$1');
    const toStdout = this.#settings.witness?.place === 'stdout';
    const child = fork(entry, [JSON.stringify(this.#settings)], {
      env: {},
      execArgv: [],
      stdio: ['ignore', toStdout ? 'inherit' : 'ignore', 'pipe', 'ipc'],
    });
    this.#child = child;
    child.on('message', (message) => this.#take(message as SignerReply));
    child.on('error', (cause) => this.#fail(cause.message));
    child.on('exit', (code, signal) => this.#ended(code, signal));
    child.stderr?.on('data', (chunk: Buffer) => {
      this.#log.error('audit: the signer says', { text: chunk.toString('utf8') });
    });
  }

  #take(message: SignerReply): void {
    if (message.type === 'ready') {
      this.#ready = true;
      this.#problem = undefined;
      if (!this.#closing) this.#letGo();
      this.#request();
    } else if (message.type === 'signed') {
      this.#signing = false;
      this.#lastHead = message.head;
      this.#lastSignedAt = message.time;
      this.#problem = undefined;
      this.#backoffMs = MIN_BACKOFF_MS;
      this.#dropForgotten();
      this.#request();
    } else if (message.type === 'witnessed') {
      this.#takeWitnessed(message);
    } else if (message.type === 'retired') {
      this.#retired?.(message);
    } else {
      this.#signing = false;
      this.#changed = true;
      this.#fail(message.problem);
      this.#nextSignAt = this.#clock.monotonic() + SIGN_RETRY_MS;
      if (!this.#closing) this.#request();
    }
    this.#progress();
  }

  /** It must not keep a process alive that has nothing else to do. */
  #letGo(): void {
    this.#child?.unref();
    this.#child?.channel?.unref();
    (this.#child?.stderr as { unref?: () => void } | null)?.unref?.();
  }

  /** Said once when it begins and once when it ends: a witness may be away for long. */
  #takeWitnessed({ head, problem }: Extract<SignerReply, { type: 'witnessed' }>): void {
    const before = this.#witness?.problem;
    this.#witness = { lastHead: head, ...(problem !== undefined && { problem }) };
    if (problem !== undefined && before === undefined) {
      this.#log.error('audit: heads do not reach the witness', { problem });
    } else if (problem === undefined && before !== undefined) {
      this.#log.info('audit: the witness has all heads again', { head });
    }
  }

  #request(): void {
    if (!this.#ready || this.#signing || !this.#changed) return;
    const waitMs = this.#nextSignAt - this.#clock.monotonic();
    if (waitMs > 0 && !this.#closing) {
      this.#signTimer ??= this.#clock.after(waitMs, () => {
        this.#signTimer = undefined;
        this.#request();
      });
      return;
    }
    this.#nextSignAt = this.#clock.monotonic() + SIGN_INTERVAL_MS;
    this.#signing = true;
    this.#changed = false;
    this.#send({ type: 'sign', streams: [...this.#streams.values()] });
  }

  #send(request: SignerRequest): void {
    const failed = (problem: string) => {
      if (request.type === 'sign') this.#fail(problem);
      else this.#retired?.({ type: 'retired', problem });
    };
    if (!this.#child) return failed('the signer is not running');
    this.#child.send(request, (error) => {
      if (error) failed(error.message);
    });
  }

  #fail(problem: string): void {
    this.#problem = problem;
    this.#log.error('audit: heads are not signed', { problem });
  }

  #ended(code: number | null, signal: string | null): void {
    const wasReady = this.#ready;
    this.#child = undefined;
    this.#ready = false;
    if (this.#signing) this.#changed = true;
    this.#signing = false;
    this.#retired?.({ type: 'retired', problem: 'the signer ended' });
    if (!this.#closing) {
      this.#problem ??= `the signer ended (${signal ?? code})`;
      this.#log.error('audit: the signer ended', { problem: this.#problem });
      if (wasReady || this.#restarts > 0) this.#restartLater();
    }
    this.#progress();
  }

  #restartLater(): void {
    this.#restarts += 1;
    this.#restartTimer = this.#clock.after(this.#backoffMs, () => this.#spawn());
    this.#backoffMs = Math.min(this.#backoffMs * 2, MAX_BACKOFF_MS);
  }
}
