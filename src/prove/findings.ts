// SPDX-License-Identifier: Apache-2.0
import type { CounterExample, LayerStatus } from './proof.ts';

/** What came of one layer for one target. */
export interface LayerOutcome {
  readonly status: LayerStatus;
  readonly text: string;
  readonly found: readonly CounterExample[];
}

export type Found = Omit<CounterExample, 'alike'>;

/**
 * Keeps, of all cases with one cause, the least one: the first, since they come in the order of how
 * little they ask for. Connecting is less than any right.
 */
export class Findings {
  readonly #byCause = new Map<string, { least: Found; count: number }>();

  /** `of` says what the cause is; by default what decides and why. */
  add(found: Found, of: string = JSON.stringify([found.by, found.why])): void {
    const { layer, kind, target } = found;
    const cause = JSON.stringify([layer, kind, target, of]);
    const known = this.#byCause.get(cause);
    if (!known) this.#byCause.set(cause, { least: found, count: 1 });
    else {
      known.count += 1;
      if (size(found) < size(known.least)) known.least = found;
    }
  }

  get all(): readonly CounterExample[] {
    return [...this.#byCause.values()].map(({ least, count }) => ({ ...least, alike: count - 1 }));
  }

  outcome(text: string, undecided?: string): LayerOutcome {
    const found = this.all;
    if (found.length > 0) return { status: 'differs', text, found };
    if (undecided !== undefined) return { status: 'undecided', text: undecided, found };
    return { status: 'agrees', text, found };
  }
}

function size({ action, object }: Found): number {
  return Number(action !== undefined) + Number(object !== undefined);
}

export const OVER_BUDGET = 'there was more to look at than the budget allows';

/** `1 verdict`, `2 verdicts`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
