// SPDX-License-Identifier: Apache-2.0
import {
  closeSync,
  constants,
  fdatasyncSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
} from 'node:fs';
import type { StreamPosition } from './chain.ts';
import { nodeDisk, writeAll } from './disk.ts';
import {
  HEADS_START,
  type HeadPosition,
  headHash,
  parseHead,
  type RetiredStream,
  signHead,
} from './heads.ts';
import type { SigningKey } from './signing-key.ts';

/** Longer than any head: one names a few streams with some 250 bytes each. */
const TAIL_BYTES = 1 << 20;

/** Appends signed heads to one file, going on where an earlier run stopped. */
export class HeadWriter {
  readonly #file: number;
  readonly #key: SigningKey;
  #size: number;
  #torn = false;
  #position: HeadPosition;
  #lastOffset: number;

  /** Throws what the file system throws, and when the last line is not a head. */
  constructor(path: string, key: SigningKey) {
    this.#key = key;
    this.#file = openSync(path, constants.O_CREAT | constants.O_RDWR, 0o600);
    const tail = readTail(this.#file);
    this.#position = tail.position;
    this.#size = tail.size;
    this.#lastOffset = tail.lastOffset;
    // A line that a crash cut short was never acknowledged, nor shown to a witness.
    ftruncateSync(this.#file, this.#size);
  }

  get position(): HeadPosition {
    return this.#position;
  }

  /** Of whole heads. */
  get size(): number {
    return this.#size;
  }

  /** Where the last head begins in the file. */
  get lastOffset(): number {
    return this.#lastOffset;
  }

  /** The signed line, durable; throws what the file system throws, and then it does not count. */
  append(
    time: string,
    streams: readonly StreamPosition[],
    retired: readonly RetiredStream[] = [],
  ): string {
    this.#repair();
    if (fstatSync(this.#file).size !== this.#size) {
      throw new Error('another process changed the file; an audit directory has one gateway');
    }
    const line = signHead(this.#position, time, streams, this.#key, retired);
    const bytes = Buffer.from(`${line}\n`);
    try {
      writeAll(nodeDisk, this.#file, bytes, this.#size);
      fdatasyncSync(this.#file);
    } catch (cause) {
      this.#torn = true;
      throw cause;
    }
    this.#lastOffset = this.#size;
    this.#size += bytes.length;
    this.#position = { head: this.#position.head + 1, hash: headHash(line) };
    return line;
  }

  /** Cuts off what a failed write left; what failed on a full disk may fail here too, so later. */
  #repair(): void {
    if (!this.#torn) return;
    ftruncateSync(this.#file, this.#size);
    this.#torn = false;
  }

  close(): void {
    closeSync(this.#file);
  }
}

function readTail(file: number): { position: HeadPosition; size: number; lastOffset: number } {
  const { size } = fstatSync(file);
  const start = Math.max(0, size - TAIL_BYTES);
  const bytes = Buffer.alloc(size - start);
  readSync(file, bytes, 0, bytes.length, start);
  const end = bytes.lastIndexOf(0x0a);
  if (end < 0) {
    if (start > 0) throw new Error('the last line is too long to be a head');
    return { position: HEADS_START, size: 0, lastOffset: 0 };
  }
  const begin = end === 0 ? 0 : bytes.lastIndexOf(0x0a, end - 1) + 1;
  const line = bytes.toString('utf8', begin, end);
  const head = parseHead(line);
  if (!head) throw new Error('the last line is not a head');
  const position = { head: head.head, hash: headHash(line) };
  return { position, size: start + end + 1, lastOffset: start + begin };
}
