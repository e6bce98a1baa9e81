// SPDX-License-Identifier: Apache-2.0
import type { LimitLedger } from './limits.ts';

/** A process that requests were given to ahead of their use. */
export interface BudgetHolder {
  /** Requests of this budget were given to it. */
  given(key: string, count: number): void;
  /** What it gives up of a budget; never rejects. */
  recall(key: string): Promise<number>;
}

/** Gives out the requests of a ledger to several processes: nobody is denied while any has some left. */
export class RequestBudgets {
  readonly #ledger: LimitLedger;
  /** The last of those who wait for a budget that is spent. */
  readonly #turns = new Map<string, Promise<number>>();

  constructor(ledger: LimitLedger) {
    this.#ledger = ledger;
  }

  /** At most `wanted`; none when the budget is spent, also by `others`. */
  async take(
    asker: BudgetHolder,
    others: readonly BudgetHolder[],
    order: { readonly key: string; readonly perSecond: number; readonly wanted: number },
  ): Promise<number> {
    const { key, perSecond, wanted } = order;
    const waits = this.#turns.get(key);
    const taken = waits ? 0 : this.#ledger.takeRequests(key, perSecond, wanted);
    const given = taken > 0 ? taken : await this.#inTurn(others, key, perSecond);
    if (given > 0) asker.given(key, given);
    return given;
  }

  /** One after the other, and one each: what comes back is shared by those who wait for it. */
  async #inTurn(others: readonly BudgetHolder[], key: string, perSecond: number): Promise<number> {
    const before = this.#turns.get(key) ?? Promise.resolve(0);
    const turn = before.then(async () => {
      for (const unused of await Promise.all(others.map((holder) => holder.recall(key)))) {
        if (unused > 0) this.#ledger.returnRequests(key, unused);
      }
      return this.#ledger.takeRequests(key, perSecond, 1);
    });
    this.#turns.set(key, turn);
    try {
      return await turn;
    } finally {
      if (this.#turns.get(key) === turn) this.#turns.delete(key);
    }
  }
}
