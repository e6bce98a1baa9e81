// SPDX-License-Identifier: Apache-2.0
import { type Disk, writeAll } from './disk.ts';

/** `000000000001.jsonl`: a segment is named after the sequence number of its first record. */
export function segmentName(firstSeq: number): string {
  return `${String(firstSeq).padStart(12, '0')}.jsonl`;
}

export const SEGMENT_NAME = /^(\d{12,})\.jsonl$/;

/** The number of a segment's first record, as its name says; NaN for any other file. */
export function firstSeqOf(file: string): number {
  return Number(SEGMENT_NAME.exec(file.slice(file.lastIndexOf('/') + 1))?.[1]);
}

/**
 * One file of a stream. It holds whole lines only: what a failed write left behind is cut off
 * before anything else is written.
 */
export class Segment {
  readonly name: string;
  readonly #disk: Disk;
  readonly #file: number;
  #size = 0;
  #torn = false;
  #syncing: Promise<void> | undefined;

  /** Throws what the disk throws. */
  constructor(disk: Disk, directory: string, firstSeq: number) {
    this.#disk = disk;
    this.name = segmentName(firstSeq);
    this.#file = disk.create(`${directory}/${this.name}`);
  }

  /** Bytes of whole lines. */
  get size(): number {
    return this.#size;
  }

  /** All of it or, after a repair, nothing; throws what the disk throws. */
  append(bytes: Uint8Array): void {
    this.#repair();
    try {
      writeAll(this.#disk, this.#file, bytes, this.#size);
    } catch (cause) {
      this.#torn = true;
      this.#tryRepair();
      throw cause;
    }
    this.#size += bytes.length;
  }

  /** One at a time. */
  sync(): Promise<void> {
    const syncing = this.#disk.sync(this.#file).finally(() => {
      this.#syncing = undefined;
    });
    this.#syncing = syncing;
    return syncing;
  }

  syncNow(): void {
    this.#disk.syncNow(this.#file);
  }

  /** Makes the file durable and closes it; closes it too when that fails, and then throws. */
  finish(): void {
    try {
      this.#repair();
      this.#disk.syncNow(this.#file);
    } finally {
      this.#close();
    }
  }

  #close(): void {
    const close = () => this.#disk.close(this.#file);
    // The descriptor's number must not be reused under a sync that is still running.
    if (this.#syncing) void this.#syncing.then(close, close);
    else close();
  }

  #repair(): void {
    if (!this.#torn) return;
    this.#disk.truncate(this.#file, this.#size);
    this.#torn = false;
  }

  /** The write's own error is the one to report; the repair is tried again before the next. */
  #tryRepair(): void {
    try {
      this.#repair();
    } catch {
      this.#torn = true;
    }
  }
}
