// SPDX-License-Identifier: Apache-2.0

/** Seeded (mulberry32), so that a failure names the seed that repeats it. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** In [0, 1). */
  fraction(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  }

  /** From 0 to `bound` - 1. */
  below(bound: number): number {
    return Math.floor(this.fraction() * bound);
  }

  chance(share: number): boolean {
    return this.fraction() < share;
  }

  pick<One>(from: readonly One[]): One {
    const picked = from[this.below(from.length)];
    if (picked === undefined) throw new Error('nothing to pick from');
    return picked;
  }

  /** At least `least` different ones. */
  some<One>(from: readonly One[], least = 1): One[] {
    const left = [...from];
    const count = least + this.below(Math.max(1, from.length - least));
    const taken: One[] = [];
    while (taken.length < count && left.length > 0) {
      taken.push(...left.splice(this.below(left.length), 1));
    }
    return taken;
  }

  times<One>(count: number, make: (index: number) => One): One[] {
    return Array.from({ length: count }, (_, index) => make(index));
  }
}
