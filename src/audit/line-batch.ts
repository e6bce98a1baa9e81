// SPDX-License-Identifier: Apache-2.0
import { hash as digest } from 'node:crypto';
import { type ChainPosition, chainedText, hashSuffix } from './chain.ts';

const KEPT_BYTES = 1 << 16;
/** UTF-8 takes at most so many bytes for one unit of a string. */
const BYTES_PER_UNIT = 3;

/**
 * The lines of one write. A line becomes bytes once, in memory that is used again: what is hashed is
 * what will be in the file.
 */
export class LineBatch {
  #memory = Buffer.allocUnsafeSlow(KEPT_BYTES);
  #length = 0;

  /** Begins anew; bytes given out before are not valid any more. */
  clear(): void {
    this.#length = 0;
    if (this.#memory.length > KEPT_BYTES) this.#memory = Buffer.allocUnsafeSlow(KEPT_BYTES);
  }

  /** Adds the line behind `position`; where the chain stands then. */
  add(prefix: string, position: ChainPosition, time: string, fields: string): ChainPosition {
    const text = chainedText(prefix, position, time, fields);
    const start = this.#length;
    this.#reserve(text.length * BYTES_PER_UNIT);
    this.#length += this.#memory.write(text, start, 'utf8');
    const hashed = new Uint8Array(this.#memory.buffer, start, this.#length - start);
    const hash = digest('sha256', hashed, 'hex');
    const end = `${hashSuffix(hash)}\n`;
    this.#reserve(end.length);
    this.#length += this.#memory.write(end, this.#length, 'latin1');
    return { seq: position.seq + 1, hash };
  }

  /** Whole lines; valid until `clear`. */
  get bytes(): Uint8Array {
    return this.#memory.subarray(0, this.#length);
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#memory.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#memory.length));
    this.#memory.copy(larger, 0, 0, this.#length);
    this.#memory = larger;
  }
}
