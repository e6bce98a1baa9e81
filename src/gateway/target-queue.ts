// SPDX-License-Identifier: Apache-2.0

/** Logins that wait for their target: one that hangs must not collect them without bound. */
export class TargetQueue {
  readonly #limit: number;
  readonly #waiting = new Map<string, number>();

  /** `limit` counts for each target by itself: the others' logins go on. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Undefined when too many wait already; else to be called when it waits no more. Idempotent. */
  enter(targetId: string): (() => void) | undefined {
    const before = this.#waiting.get(targetId) ?? 0;
    if (before >= this.#limit) return undefined;
    this.#waiting.set(targetId, before + 1);
    let waits = true;
    return () => {
      if (!waits) return;
      waits = false;
      const left = (this.#waiting.get(targetId) ?? 1) - 1;
      if (left > 0) this.#waiting.set(targetId, left);
      else this.#waiting.delete(targetId);
    };
  }
}
