// SPDX-License-Identifier: Apache-2.0

/** A running timer; `stop()` is idempotent. */
export interface Timer {
  stop(): void;
}

/**
 * Time, injected everywhere so that tests own it. `now()` is wall-clock time in milliseconds since
 * the epoch (what tokens, certificates and rules speak of); `monotonic()` is in milliseconds from
 * an arbitrary origin and never goes back (what durations and limits are measured with).
 */
export interface Clock {
  now(): number;
  monotonic(): number;
  /** Calls `run` once after `delayMs`; the timer does not keep the process alive. */
  after(delayMs: number, run: () => void): Timer;
}

/** Node cannot hold a timer beyond 2^31 - 1 ms: a longer delay is cut, and the caller re-arms. */
const MAX_TIMER_MS = 2_147_483_647;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, run) {
    const handle = setTimeout(run, Math.min(Math.max(delayMs, 0), MAX_TIMER_MS));
    handle.unref();
    return { stop: () => clearTimeout(handle) };
  },
};
