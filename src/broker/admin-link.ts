// SPDX-License-Identifier: Apache-2.0
import type { Clock } from '../model/clock.ts';
import { PosternError, toPosternError } from '../model/errors.ts';
import type { AdminConnection } from '../target/mysql/connection.ts';

const FIRST_BACKOFF_MS = 250;
const LONGEST_BACKOFF_MS = 10_000;

export interface AdminLinkOptions {
  readonly targetName: string;
  readonly connect: () => Promise<AdminConnection>;
  readonly clock: Clock;
}

/**
 * The broker's one connection to its target. It is opened when needed and never twice at a time;
 * after a failure nobody knocks again before the backoff is over, however many ask (a target that
 * is down or refuses us must not see a storm). Each call has its own deadline.
 */
export class AdminLink {
  readonly #options: AdminLinkOptions;
  #connection: AdminConnection | undefined;
  #connecting: Promise<AdminConnection> | undefined;
  #failure: { readonly error: PosternError; readonly retryAt: number } | undefined;
  #backoffMs = FIRST_BACKOFF_MS;
  #closed = false;

  constructor(options: AdminLinkOptions) {
    this.#options = options;
  }

  /**
   * Rejects with what `use` or the connect rejected with, or `timeout`. After anything but an error
   * the target stated, the connection's state is unknown and it is given up.
   */
  async run<T>(deadlineMs: number, use: (connection: AdminConnection) => Promise<T>): Promise<T> {
    let used: AdminConnection | undefined;
    let expired = false;
    const work = this.#open().then((connection) => {
      // Whoever asked has been told no: what they asked for must not happen later.
      if (expired) throw this.#timeout(deadlineMs);
      used = connection;
      return use(connection);
    });
    try {
      return await this.#within(deadlineMs, work);
    } catch (thrown) {
      expired = true;
      const error = toPosternError(thrown);
      if (used && error.code !== 'target-error' && error.code !== 'lease-failed') this.#drop(used);
      throw error;
    }
  }

  /** The wait until the next attempt to connect, ms; 0 when there is none. */
  get backoffMs(): number {
    if (!this.#failure) return 0;
    return Math.max(0, this.#failure.retryAt - this.#options.clock.monotonic());
  }

  /** Never rejects; lets a statement that is running finish. */
  async close(): Promise<void> {
    this.#closed = true;
    const connection = this.#connection;
    this.#connection = undefined;
    await connection?.close();
  }

  #open(): Promise<AdminConnection> {
    if (this.#closed) return Promise.reject(this.#stopped());
    if (this.#connection && !this.#connection.closed) return Promise.resolve(this.#connection);
    if (this.#connecting) return this.#connecting;
    if (this.#failure && this.backoffMs > 0) return Promise.reject(this.#failure.error);
    this.#connecting = this.#connect().finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  async #connect(): Promise<AdminConnection> {
    try {
      const connection = await this.#options.connect();
      if (this.#closed) {
        await connection.close();
        throw this.#stopped();
      }
      this.#connection = connection;
      this.#failure = undefined;
      this.#backoffMs = FIRST_BACKOFF_MS;
      return connection;
    } catch (thrown) {
      const error = toPosternError(thrown);
      this.#failure = { error, retryAt: this.#options.clock.monotonic() + this.#backoffMs };
      this.#backoffMs = Math.min(this.#backoffMs * 2, LONGEST_BACKOFF_MS);
      throw error;
    }
  }

  #drop(connection: AdminConnection): void {
    if (this.#connection === connection) this.#connection = undefined;
    // Not awaited: it waits for the very statement that did not answer, and never rejects.
    void connection.close();
  }

  #within<T>(limitMs: number, work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = this.#options.clock.after(limitMs, () => {
        reject(this.#timeout(limitMs));
      });
      work.then(resolve, reject).finally(() => timer.stop());
    });
  }

  #timeout(limitMs: number): PosternError {
    return new PosternError('timeout', { action: `Target ${this.#options.targetName}`, limitMs });
  }

  #stopped(): PosternError {
    const { targetName: target } = this.#options;
    return new PosternError('lease-failed', { target, problem: 'the broker has stopped' });
  }
}
