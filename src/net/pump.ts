// SPDX-License-Identifier: Apache-2.0
import type { Duplex } from 'node:stream';

/**
 * Sends bytes on as they arrive and holds the sender back while the receiver is slow: memory stays
 * at one chunk and the receiver's own buffer. One per direction; no closures per message.
 */
export class Pump {
  readonly #from: Duplex;
  readonly #to: Duplex;
  #held = false;

  constructor(from: Duplex, to: Duplex) {
    this.#from = from;
    this.#to = to;
    to.on('drain', this.#onDrain);
  }

  readonly #onDrain = (): void => {
    if (!this.#held) return;
    this.#held = false;
    this.#from.resume();
  };

  /** Lets go of both sides: either may be somebody else's from then on. */
  release(): void {
    this.#to.off('drain', this.#onDrain);
  }

  send(bytes: Buffer): void {
    if (bytes.length === 0 || this.#to.destroyed) return;
    if (!this.#to.write(bytes) && !this.#held) {
      this.#held = true;
      this.#from.pause();
    }
  }
}
