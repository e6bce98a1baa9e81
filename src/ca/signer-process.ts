// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Clock, Timer } from '../model/clock.ts';
import { PosternError } from '../model/errors.ts';
import type { Log } from '../model/log.ts';
import type { SignedCertificate } from './certificate-signer.ts';
import type { SignerReply } from './signer.ts';
import type { SigningLimits, SigningOrder } from './signing-order.ts';

const MIN_BACKOFF_MS = 250;
const MAX_BACKOFF_MS = 30_000;
const START_LIMIT_MS = 10_000;
const SIGN_LIMIT_MS = 5_000;
/** Orders under way; more are refused at once. */
const MAX_WAITING = 256;

interface Waiting {
  readonly resolve: (certificate: SignedCertificate) => void;
  readonly reject: (problem: PosternError) => void;
  readonly timer: Timer;
}

/** Keeps the signer process alive and hands it orders. */
export class SignerProcess {
  readonly #directory: string;
  readonly #limits: SigningLimits;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #waiting = new Map<number, Waiting>();
  #child: ChildProcess | undefined;
  #ready = false;
  #closing = false;
  #orders = 0;
  #backoffMs = MIN_BACKOFF_MS;
  #problem = 'it is starting';
  #restart: Timer | undefined;
  #changed: () => void = () => undefined;

  constructor(directory: string, limits: SigningLimits, clock: Clock, log: Log) {
    this.#directory = directory;
    this.#limits = limits;
    this.#clock = clock;
    this.#log = log;
  }

  /** Rejects with `authority-unusable` when it cannot work. */
  async start(): Promise<void> {
    this.#spawn();
    await new Promise<void>((resolve) => {
      const timer = this.#clock.after(START_LIMIT_MS, resolve);
      this.#changed = () => {
        timer.stop();
        resolve();
      };
    });
    if (this.#ready) return;
    this.close();
    throw this.#unusable(this.#problem);
  }

  /** Why it cannot sign now; undefined when it can. */
  get problem(): string | undefined {
    return this.#ready ? undefined : this.#problem;
  }

  /** The process id, while there is a process. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Rejects with `authority-unusable` when it refuses, is not there or takes too long. */
  sign(order: Omit<SigningOrder, 'id'>): Promise<SignedCertificate> {
    const child = this.#child;
    if (!this.#ready || !child) return Promise.reject(this.#unusable(this.#problem));
    if (this.#waiting.size >= MAX_WAITING) return Promise.reject(this.#unusable('it is busy'));
    this.#orders += 1;
    const id = this.#orders;
    return new Promise((resolve, reject) => {
      const timer = this.#clock.after(SIGN_LIMIT_MS, () => {
        this.#settle(id)?.reject(this.#unusable('it did not sign in time'));
        child.kill('SIGKILL');
      });
      this.#waiting.set(id, { resolve, reject, timer });
      child.send({ id, ...order } satisfies SigningOrder, (error) => {
        if (error) this.#settle(id)?.reject(this.#unusable(error.message));
      });
    });
  }

  close(): void {
    this.#closing = true;
    this.#restart?.stop();
    this.#ready = false;
    if (this.#child?.connected) this.#child.disconnect();
  }

  #spawn(): void {
    // The extension is .js in a build and .ts where sources run as they are.
    const entry = fileURLToPath(import.meta.url).replace(/signer-process(\.\w+)$/, 'signer$1');
    const child = fork(entry, [this.#directory, JSON.stringify(this.#limits)], {
      env: {},
      execArgv: [],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#child = child;
    child.on('message', (message) => this.#take(message as SignerReply));
    child.on('error', (cause) => this.#log.error('the signer fails', { problem: cause.message }));
    child.on('exit', (code, signal) => this.#ended(String(signal ?? code)));
    child.stderr?.on('data', (chunk: Buffer) => {
      this.#log.error('the signer says', { text: chunk.toString('utf8') });
    });
  }

  #take(message: SignerReply): void {
    if (message.type === 'ready') {
      this.#ready = true;
      this.#changed();
    } else if (message.type === 'unfit') {
      this.#problem = message.problem;
    } else if (message.type === 'signed') {
      this.#backoffMs = MIN_BACKOFF_MS;
      this.#settle(message.id)?.resolve(message.certificate);
    } else {
      this.#settle(message.id)?.reject(this.#unusable(message.problem));
    }
  }

  #settle(id: number): Waiting | undefined {
    const found = this.#waiting.get(id);
    this.#waiting.delete(id);
    found?.timer.stop();
    return found;
  }

  #ended(how: string): void {
    const wasReady = this.#ready;
    this.#ready = false;
    this.#child = undefined;
    if (wasReady) this.#problem = `the signer ended (${how})`;
    for (const id of [...this.#waiting.keys()]) {
      this.#settle(id)?.reject(this.#unusable(`the signer ended (${how})`));
    }
    this.#changed();
    if (this.#closing) return;
    this.#log.error('the signer ended; it is started again', { problem: this.#problem });
    this.#restart = this.#clock.after(this.#backoffMs, () => this.#spawn());
    this.#backoffMs = Math.min(this.#backoffMs * 2, MAX_BACKOFF_MS);
  }

  #unusable(problem: string): PosternError {
    return new PosternError('authority-unusable', { directory: this.#directory, problem });
  }
}
