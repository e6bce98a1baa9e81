// SPDX-License-Identifier: Apache-2.0
import type { Clock, Timer } from '../model/clock.ts';
import type { Limits } from './limits.ts';

/** Where the budgets are kept; each call goes to another process. */
export interface LimitKeeper {
  takeConnection(key: string, limit: number | undefined): Promise<boolean>;
  returnConnection(key: string): void;
  takeRequests(key: string, perSecond: number, wanted: number): Promise<number>;
  returnRequests(key: string, count: number): void;
}

/** Tokens are fetched so many at a time: a fiftieth of a second's worth. */
const BATCHES_PER_SECOND = 50;
const LARGEST_BATCH = 256;
/** Tokens that lie unused for so long go back, for other workers to use. */
const IDLE_MS = 100;

interface Share {
  tokens: number;
  perSecond: number;
  /** Requests that wait for a token, in order. */
  waiting: ((enough: boolean) => void)[];
  asking: boolean;
  usedAt: number;
  idle?: Timer;
}

/**
 * A worker's part in budgets that all workers share. Requests are paid from a few tokens at hand;
 * when there is none the request waits for the keeper, which recalls what others hold unused
 * before it says no: nobody is denied while budget is left.
 */
export class SharedLimits implements Limits {
  readonly #keeper: LimitKeeper;
  readonly #clock: Clock;
  readonly #shares = new Map<string, Share>();

  constructor(keeper: LimitKeeper, clock: Clock) {
    this.#keeper = keeper;
    this.#clock = clock;
  }

  takeConnection(key: string, limit: number | undefined): boolean | Promise<boolean> {
    // Counted, but not waited for: it cannot be refused.
    if (limit === undefined) {
      void this.#keeper.takeConnection(key, limit).catch(() => undefined);
      return true;
    }
    return this.#keeper.takeConnection(key, limit).catch(() => false);
  }

  returnConnection(key: string): void {
    this.#keeper.returnConnection(key);
  }

  takeRequest(key: string, perSecond: number): boolean | Promise<boolean> {
    const share = this.#share(key);
    share.perSecond = perSecond;
    share.usedAt = this.#clock.monotonic();
    if (share.tokens > 0 && share.waiting.length === 0) {
      share.tokens -= 1;
      if (share.tokens < batchOf(perSecond) / 2) this.#fetch(key, share);
      return true;
    }
    return new Promise((resolve) => {
      share.waiting.push(resolve);
      this.#fetch(key, share);
    });
  }

  /** The keeper wants back what is not used. */
  recall(key: string): number {
    const share = this.#shares.get(key);
    const unused = share?.tokens ?? 0;
    if (share) share.tokens = 0;
    return unused;
  }

  #fetch(key: string, share: Share): void {
    if (share.asking) return;
    share.asking = true;
    const wanted = share.waiting.length + batchOf(share.perSecond);
    void this.#keeper
      .takeRequests(key, share.perSecond, wanted)
      .catch(() => 0)
      .then((given) => this.#given(key, share, given));
  }

  #given(key: string, share: Share, given: number): void {
    share.asking = false;
    share.tokens += given;
    const waiting = share.waiting.splice(0);
    const served = waiting.splice(0, share.tokens);
    share.tokens -= served.length;
    // Those that came while the question was under way are asked for once more.
    const late = given > 0 ? waiting.splice(0) : [];
    for (const resolve of served) resolve(true);
    for (const resolve of waiting) resolve(false);
    share.waiting.push(...late);
    if (late.length > 0) this.#fetch(key, share);
    share.idle ??= this.#clock.after(IDLE_MS, () => this.#rest(key, share));
  }

  /** Gives back what nobody used, and forgets budgets that rest. */
  #rest(key: string, share: Share): void {
    delete share.idle;
    const restedMs = this.#clock.monotonic() - share.usedAt;
    if (share.asking || restedMs < IDLE_MS) {
      share.idle = this.#clock.after(IDLE_MS, () => this.#rest(key, share));
      return;
    }
    this.#shares.delete(key);
    this.#keeper.returnRequests(key, share.tokens);
  }

  #share(key: string): Share {
    let share = this.#shares.get(key);
    if (!share) {
      share = { tokens: 0, perSecond: 0, waiting: [], asking: false, usedAt: 0 };
      this.#shares.set(key, share);
    }
    return share;
  }
}

/** At least one, so that a budget of a few requests works as well. */
function batchOf(perSecond: number): number {
  return Math.max(1, Math.min(LARGEST_BATCH, Math.floor(perSecond / BATCHES_PER_SECOND)));
}
