// SPDX-License-Identifier: Apache-2.0

const NEWLINE = 0x0a;

/** Whole lines, each with its newline; or, last and with `whole` false, what has none. */
export interface Block {
  readonly bytes: Buffer;
  /** Of the first byte, counted from the first chunk. */
  readonly offset: number;
  readonly whole: boolean;
}

/** Cuts chunks at line ends. Memory: one chunk, or the longest line. */
export function* blocks(chunks: Iterable<Buffer>): Generator<Block> {
  let pending: Buffer[] = [];
  let offset = 0;
  for (const chunk of chunks) {
    const end = chunk.lastIndexOf(NEWLINE) + 1;
    if (end > 0) {
      pending.push(chunk.subarray(0, end));
      const bytes = pending.length === 1 ? chunk.subarray(0, end) : Buffer.concat(pending);
      yield { bytes, offset, whole: true };
      offset += bytes.length;
      pending = [];
    }
    if (end < chunk.length) pending.push(chunk.subarray(end));
  }
  if (pending.length > 0) yield { bytes: Buffer.concat(pending), offset, whole: false };
}

export interface Line {
  /** Without its newline. */
  readonly text: string;
  /** From 1. */
  readonly number: number;
  /** Of the line's first byte, counted from the first chunk. */
  readonly offset: number;
  /** False for a last line without a newline: a write that a crash cut short. */
  readonly whole: boolean;
}

export function* lines(chunks: Iterable<Buffer>): Generator<Line> {
  let number = 0;
  for (const { bytes, offset, whole } of blocks(chunks)) {
    for (let start = 0; start < bytes.length; ) {
      const newline = bytes.indexOf(NEWLINE, start);
      const end = newline < 0 ? bytes.length : newline;
      number += 1;
      yield { text: bytes.toString('utf8', start, end), number, offset: offset + start, whole };
      start = end + 1;
    }
  }
}
