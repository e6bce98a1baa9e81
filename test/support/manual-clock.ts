// SPDX-License-Identifier: Apache-2.0
import type { Clock } from '../../src/model/clock.ts';

/** A clock that moves only when told to; timers run in the order of their times. */
export class ManualClock implements Clock {
  #elapsedMs = 0;
  readonly #start: number;
  #timers: { at: number; run: () => void }[] = [];

  constructor(start = Date.UTC(2027, 0, 1)) {
    this.#start = start;
  }

  now(): number {
    return this.#start + this.#elapsedMs;
  }

  monotonic(): number {
    return this.#elapsedMs;
  }

  after(delayMs: number, run: () => void): { stop(): void } {
    const timer = { at: this.#elapsedMs + delayMs, run };
    this.#timers.push(timer);
    return {
      stop: () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
      },
    };
  }

  advance(ms: number): void {
    const end = this.#elapsedMs + ms;
    for (;;) {
      const due = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (!due) break;
      this.#timers = this.#timers.filter((timer) => timer !== due);
      this.#elapsedMs = Math.max(this.#elapsedMs, due.at);
      due.run();
    }
    this.#elapsedMs = end;
  }
}
