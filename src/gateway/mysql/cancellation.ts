// SPDX-License-Identifier: Apache-2.0
import { problemText } from '../../model/errors.ts';

/**
 * KILL QUERY of what runs on a principal's upstream connection, sent over another connection. It
 * may arrive when the request it was for has just ended, so nothing else may begin meanwhile.
 */
export class Cancellation {
  readonly #cancel: () => Promise<void>;
  readonly #warn: (message: string) => void;
  #underWay: Promise<void> | undefined;

  constructor(cancel: () => Promise<void>, warn: (message: string) => void) {
    this.#cancel = cancel;
    this.#warn = warn;
  }

  /** A KILL may still come. */
  get underWay(): boolean {
    return this.#underWay !== undefined;
  }

  start(): void {
    const mine = this.#cancel()
      .catch((cause: unknown) => {
        this.#warn(`cancelling a request failed: ${problemText(cause)}`);
      })
      .finally(() => {
        if (this.#underWay === mine) this.#underWay = undefined;
      });
    this.#underWay = mine;
  }

  /** Calls `next` at once, or when the target cannot be told any more to cancel what it runs. */
  whenOver(next: () => void): void {
    if (this.#underWay) void this.#underWay.then(next);
    else next();
  }
}
