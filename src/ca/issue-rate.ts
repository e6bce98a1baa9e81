// SPDX-License-Identifier: Apache-2.0
import type { Clock } from '../model/clock.ts';

const MINUTE_MS = 60_000;
/** Principals remembered at one time; who has not come for a minute is forgotten first. */
const MANY = 4_096;

/** How often one principal may ask: so many at once, refilled over a minute. */
export class IssueRate {
  readonly #perMinute: number;
  readonly #clock: Clock;
  readonly #buckets = new Map<string, { tokens: number; at: number }>();

  constructor(perMinute: number, clock: Clock) {
    this.#perMinute = perMinute;
    this.#clock = clock;
  }

  take(principal: string): boolean {
    const now = this.#clock.monotonic();
    const bucket = this.#buckets.get(principal) ?? { tokens: this.#perMinute, at: now };
    const earned = ((now - bucket.at) / MINUTE_MS) * this.#perMinute;
    const tokens = Math.min(this.#perMinute, bucket.tokens + earned);
    const enough = tokens >= 1;
    this.#buckets.set(principal, { tokens: enough ? tokens - 1 : tokens, at: now });
    if (this.#buckets.size > MANY) this.#forget(now);
    return enough;
  }

  /** A bucket that had a minute to fill is full again. */
  #forget(now: number): void {
    for (const [principal, { at }] of this.#buckets) {
      if (now - at >= MINUTE_MS) this.#buckets.delete(principal);
    }
  }
}
