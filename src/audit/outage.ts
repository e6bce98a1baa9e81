// SPDX-License-Identifier: Apache-2.0
import type { Clock } from '../model/clock.ts';
import type { GatewayEvent } from './record.ts';

/** Errors that more free space ends. */
const FULL = new Set(['ENOSPC', 'EDQUOT']);

/** A time in which the audit cannot be written, from its first error to its `audit-gap` record. */
export class Outage {
  readonly problem: string;
  readonly full: boolean;
  readonly #clock: Clock;
  readonly #since: number;
  readonly #began: number;
  #refused = 0;
  #lost = 0;

  constructor(problem: string, code: string | undefined, clock: Clock) {
    this.problem = problem;
    this.full = code !== undefined && FULL.has(code);
    this.#clock = clock;
    this.#since = clock.now();
    this.#began = clock.monotonic();
  }

  get refused(): number {
    return this.#refused;
  }

  get lost(): number {
    return this.#lost;
  }

  count(refused: number, lost: number): void {
    this.#refused += refused;
    this.#lost += lost;
  }

  event(): GatewayEvent {
    const since = new Date(this.#since).toISOString();
    const durationMs = Math.round(this.#clock.monotonic() - this.#began);
    const counts = `${this.#refused} refused, ${this.#lost} lost`;
    const detail = `since ${since} nothing could be recorded: ${counts}`;
    const gap = {
      since,
      durationMs,
      problem: this.problem,
      refused: this.#refused,
      lost: this.#lost,
    };
    return { event: 'gateway', what: 'audit-gap', gap, detail };
  }
}
