// SPDX-License-Identifier: Apache-2.0

/** Counts decisions and verdicts; what would go over it is not done, and that is said. */
export class WorkBudget {
  #left: number;
  #used = 0;

  constructor(units: number) {
    this.#left = units;
  }

  get used(): number {
    return this.#used;
  }

  /** False: there is not that much left, and nothing is taken from then on. */
  take(units: number): boolean {
    if (units > this.#left) this.#left = 0;
    if (units > this.#left) return false;
    this.#left -= units;
    this.#used += units;
    return true;
  }
}
