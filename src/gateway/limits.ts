// SPDX-License-Identifier: Apache-2.0
import type { Clock } from '../model/clock.ts';

interface Share {
  connections: number;
  /** Token bucket of requests, refilled continuously, never above one second's worth. */
  tokens: number;
  refilledAt: number;
}

/** After so long without a request a bucket is full again, and need not be remembered. */
const REFILL_MS = 1_000;

/**
 * Budgets as a session sees them: at hand in this process, or asked for where they are kept. No
 * promise rejects: what cannot be asked for is not given.
 */
export interface Limits {
  /** False when the principal already has `limit` connections; otherwise counts one more. */
  takeConnection(key: string, limit: number | undefined): boolean | Promise<boolean>;
  returnConnection(key: string): void;
  /** True when a request may go on at `perSecond`; no promise while tokens are at hand. */
  takeRequest(key: string, perSecond: number): boolean | Promise<boolean>;
}

/**
 * Budgets by (principal, service class) over all targets. Connections are counted exactly; requests
 * are a token bucket that holds at most one second's worth.
 */
export class LimitLedger implements Limits {
  readonly #clock: Clock;
  readonly #shares = new Map<string, Share>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  takeConnection(key: string, limit: number | undefined): boolean {
    const share = this.#share(key);
    if (limit !== undefined && share.connections >= limit) return false;
    share.connections += 1;
    return true;
  }

  /** Gives a connection back. Who connects again at once finds the bucket as it was left. */
  returnConnection(key: string): void {
    const share = this.#shares.get(key);
    if (!share) return;
    share.connections -= 1;
    this.#forgetIfIdle(key, share);
  }

  takeRequest(key: string, perSecond: number): boolean {
    return this.takeRequests(key, perSecond, 1) === 1;
  }

  /** As many whole tokens as there are, at most `wanted`. */
  takeRequests(key: string, perSecond: number, wanted: number): number {
    const share = this.#share(key);
    const now = this.#clock.monotonic();
    if (share.refilledAt === 0) {
      share.tokens = perSecond;
      // The class of a request may be another than that of the login.
      if (share.connections === 0) this.#forgetLater(key, share);
    } else {
      const earned = ((now - share.refilledAt) / 1000) * perSecond;
      share.tokens = Math.min(perSecond, share.tokens + earned);
    }
    share.refilledAt = now;
    const taken = Math.min(wanted, Math.floor(share.tokens));
    share.tokens -= taken;
    return taken;
  }

  /** Tokens that were taken and not used; what exceeds a second's worth goes at the next take. */
  returnRequests(key: string, count: number): void {
    const share = this.#shares.get(key);
    if (share) share.tokens += count;
  }

  connections(key: string): number {
    return this.#shares.get(key)?.connections ?? 0;
  }

  #forgetIfIdle(key: string, share: Share): void {
    if (share.connections > 0 || this.#shares.get(key) !== share) return;
    const idleMs = this.#clock.monotonic() - share.refilledAt;
    if (share.refilledAt === 0 || idleMs >= REFILL_MS) this.#shares.delete(key);
    else this.#forgetLater(key, share);
  }

  #forgetLater(key: string, share: Share): void {
    this.#clock.after(REFILL_MS, () => this.#forgetIfIdle(key, share));
  }

  #share(key: string): Share {
    let share = this.#shares.get(key);
    if (!share) {
      share = { connections: 0, tokens: 0, refilledAt: 0 };
      this.#shares.set(key, share);
    }
    return share;
  }
}

/** Memory for requests that are still being collected, over the whole process. */
export class BufferBudget {
  readonly #limitBytes: number;
  #usedBytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  take(bytes: number): boolean {
    if (this.#usedBytes + bytes > this.#limitBytes) return false;
    this.#usedBytes += bytes;
    return true;
  }

  giveBack(bytes: number): void {
    this.#usedBytes -= bytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }
}
