// SPDX-License-Identifier: Apache-2.0
import type { Clock } from '../model/clock.ts';
import { PosternError, toPosternError } from '../model/errors.ts';
import type { AdminConnection } from '../target/mysql/connection.ts';

const FIRST_BACKOFF_MS = 250;
const LONGEST_BACKOFF_MS = 10_000;
/** One call at a time on each: a call that hangs costs one of them and holds nobody else up. */
const MAX_CONNECTIONS = 4;
/** What a burst opened is closed when nobody needed it for so long. */
const SURPLUS_MS = 60_000;

export interface AdminLinkOptions {
  readonly targetName: string;
  readonly connect: () => Promise<AdminConnection>;
  readonly clock: Clock;
}

interface Call {
  begin(connection: AdminConnection): void;
  fail(error: PosternError): void;
}

interface Idle {
  readonly connection: AdminConnection;
  readonly sinceMs: number;
}

/**
 * The broker's few connections to its target. They are opened when needed, one after another; after
 * a failure nobody knocks again before the backoff is over, however many ask (a target that is down
 * or refuses us must not see a storm). Each call has its own deadline.
 */
export class AdminLink {
  readonly #options: AdminLinkOptions;
  /** The last one was used last. */
  #idle: Idle[] = [];
  readonly #busy = new Set<AdminConnection>();
  readonly #waiting = new Set<Call>();
  #closing = 0;
  #connecting = false;
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
  run<T>(deadlineMs: number, use: (connection: AdminConnection) => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      let used: AdminConnection | undefined;
      const timer = this.#options.clock.after(deadlineMs, () => {
        // Whoever asked is told no: what they asked for must not happen later.
        this.#waiting.delete(call);
        if (used) this.#drop(used);
        reject(this.#timeout(deadlineMs));
      });
      const fail = (error: PosternError) => {
        timer.stop();
        reject(error);
      };
      const begin = (connection: AdminConnection) => {
        used = connection;
        use(connection).then(
          (value) => {
            timer.stop();
            this.#free(connection);
            resolve(value);
          },
          (thrown: unknown) => {
            const error = toPosternError(thrown);
            const stated = error.code === 'target-error' || error.code === 'lease-failed';
            if (stated) this.#free(connection);
            else this.#drop(connection);
            fail(error);
          },
        );
      };
      const call: Call = { begin, fail };
      this.#waiting.add(call);
      this.#serve();
    });
  }

  /** The wait until the next attempt to connect, ms; 0 when there is none. */
  get backoffMs(): number {
    if (!this.#failure) return 0;
    return Math.max(0, this.#failure.retryAt - this.#options.clock.monotonic());
  }

  /** Never rejects; lets a statement that is running finish. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#failAll(this.#stopped());
    const open = [...this.#idle.map(({ connection }) => connection), ...this.#busy];
    this.#idle = [];
    await Promise.all(open.map((connection) => connection.close()));
  }

  /** Gives connections to those who wait, and opens another when there are not enough. */
  #serve(): void {
    for (const call of this.#waiting) {
      const connection = this.#takeIdle();
      if (!connection) break;
      this.#waiting.delete(call);
      this.#busy.add(connection);
      call.begin(connection);
    }
    const open = this.#busy.size + this.#closing;
    if (this.#waiting.size === 0 || this.#connecting || open >= MAX_CONNECTIONS) return;
    if (this.#closed) this.#failAll(this.#stopped());
    else if (this.#failure && this.backoffMs > 0) this.#failUnlessServed(this.#failure.error);
    else void this.#connect();
  }

  async #connect(): Promise<void> {
    this.#connecting = true;
    try {
      const connection = await this.#options.connect();
      this.#failure = undefined;
      this.#backoffMs = FIRST_BACKOFF_MS;
      if (this.#closed) await connection.close();
      else this.#keep(connection);
    } catch (thrown) {
      const error = toPosternError(thrown);
      this.#failure = { error, retryAt: this.#options.clock.monotonic() + this.#backoffMs };
      this.#backoffMs = Math.min(this.#backoffMs * 2, LONGEST_BACKOFF_MS);
      this.#failUnlessServed(error);
    } finally {
      this.#connecting = false;
    }
    this.#serve();
  }

  #takeIdle(): AdminConnection | undefined {
    for (;;) {
      const last = this.#idle.pop();
      if (!last?.connection.closed) return last?.connection;
    }
  }

  #keep(connection: AdminConnection): void {
    const nowMs = this.#options.clock.monotonic();
    const [oldest] = this.#idle;
    if (oldest && nowMs - oldest.sinceMs > SURPLUS_MS) {
      this.#idle.shift();
      void oldest.connection.close();
    }
    this.#idle.push({ connection, sinceMs: nowMs });
  }

  /** Unless it was given up meanwhile. */
  #free(connection: AdminConnection): void {
    if (!this.#busy.delete(connection) || this.#closed) return;
    this.#keep(connection);
    this.#serve();
  }

  #drop(connection: AdminConnection): void {
    if (!this.#busy.delete(connection)) return;
    // It counts until it is closed, which waits a while for the very statement that did not answer:
    // a target that hangs must not collect connections.
    this.#closing += 1;
    void connection.close().finally(() => {
      this.#closing -= 1;
      this.#serve();
    });
    this.#serve();
  }

  /** Those who wait may still get a connection that is in use now. */
  #failUnlessServed(error: PosternError): void {
    if (this.#busy.size === 0) this.#failAll(error);
  }

  #failAll(error: PosternError): void {
    const calls = [...this.#waiting];
    this.#waiting.clear();
    for (const call of calls) call.fail(error);
  }

  #timeout(limitMs: number): PosternError {
    return new PosternError('timeout', { action: `Target ${this.#options.targetName}`, limitMs });
  }

  #stopped(): PosternError {
    const { targetName: target } = this.#options;
    return new PosternError('lease-failed', { target, problem: 'the broker has stopped' });
  }
}
