// SPDX-License-Identifier: Apache-2.0
import { randomFillSync } from 'node:crypto';
import { type Disk, writeAll } from './disk.ts';

/**
 * Disk space held for outcomes that are owed when the disk is full: a file of real blocks, given
 * back to the file system when a write fails. Another writer on the same file system may take the
 * space first; an audit that must never lose an outcome has a file system of its own.
 */
export class Reserve {
  readonly #disk: Disk;
  readonly #path: string;
  readonly #sizeBytes: number;

  constructor(disk: Disk, path: string, sizeBytes: number) {
    this.#disk = disk;
    this.#path = path;
    this.#sizeBytes = sizeBytes;
  }

  /** Throws what the disk throws; then nothing is held. */
  fill(): void {
    const file = this.#disk.open(this.#path);
    try {
      // Random bytes, because a file system that compresses would give no blocks to zeros.
      const block = randomFillSync(Buffer.allocUnsafe(Math.min(this.#sizeBytes, 1 << 20)));
      for (let filled = 0; filled < this.#sizeBytes; filled += block.length) {
        const length = Math.min(block.length, this.#sizeBytes - filled);
        writeAll(this.#disk, file, block.subarray(0, length), filled);
      }
      this.#disk.truncate(file, this.#sizeBytes);
    } catch (cause) {
      this.#disk.truncate(file, 0);
      throw cause;
    } finally {
      this.#disk.close(file);
    }
  }

  release(): void {
    const file = this.#disk.open(this.#path);
    try {
      this.#disk.truncate(file, 0);
    } finally {
      this.#disk.close(file);
    }
  }

  /** Room for the reserve and as much again: less would be full at once. */
  fits(): boolean {
    return this.#disk.available(this.#path) >= 2 * this.#sizeBytes;
  }
}
