// SPDX-License-Identifier: Apache-2.0
import {
  closeSync,
  constants,
  fdatasyncSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
} from 'node:fs';
import type { StreamPosition } from './chain.ts';
import { nodeDisk, writeAll } from './disk.ts';
import { fullFileName, headFiles } from './head-files.ts';
import {
  HEADS_FILE,
  HEADS_START,
  type HeadPosition,
  headHash,
  parseHead,
  type Retirement,
  signHead,
} from './heads.ts';
import type { SigningKey } from './signing-key.ts';
import { directorySource } from './source.ts';

/** Longer than any head: one names a few streams with some 250 bytes each. */
const TAIL_BYTES = 1 << 20;

/** A file of heads that is larger gets a name of its own, so that it can be removed one day. */
const FILE_BYTES = 64 << 20;

/** Appends signed heads to the last file, going on where an earlier run stopped. */
export class HeadWriter {
  readonly #directory: string;
  readonly #fileBytes: number;
  #file: number;
  readonly #key: SigningKey;
  #size: number;
  #torn = false;
  #position: HeadPosition;

  /** Throws what the file system throws, and when the last line is not a head. */
  constructor(directory: string, key: SigningKey, fileBytes = FILE_BYTES) {
    this.#directory = directory;
    this.#fileBytes = fileBytes;
    this.#key = key;
    this.#file = openHeads(directory);
    const tail = readTail(this.#file);
    this.#position = tail.size === 0 ? endOfFullFiles(directory) : tail.position;
    this.#size = tail.size;
    // A line that a crash cut short was never acknowledged, nor shown to a witness.
    ftruncateSync(this.#file, this.#size);
  }

  get position(): HeadPosition {
    return this.#position;
  }

  /** The signed line, durable; throws what the file system throws, and then it does not count. */
  append(time: string, streams: readonly StreamPosition[], retirement: Retirement = {}): string {
    this.#repair();
    if (fstatSync(this.#file).size !== this.#size) {
      throw new Error('another process changed the file; an audit directory has one gateway');
    }
    if (this.#size >= this.#fileBytes) this.#beginFile();
    const line = signHead(this.#position, time, streams, this.#key, retirement);
    const bytes = Buffer.from(`${line}\n`);
    try {
      writeAll(nodeDisk, this.#file, bytes, this.#size);
      fdatasyncSync(this.#file);
    } catch (cause) {
      this.#torn = true;
      throw cause;
    }
    this.#size += bytes.length;
    this.#position = { head: this.#position.head + 1, hash: headHash(line) };
    return line;
  }

  #beginFile(): void {
    const path = `${this.#directory}/${HEADS_FILE}`;
    const first = firstHead(this.#file);
    renameSync(path, `${this.#directory}/${fullFileName(first)}`);
    const full = this.#file;
    this.#file = openHeads(this.#directory);
    this.#size = 0;
    closeSync(full);
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

function openHeads(directory: string): number {
  return openSync(`${directory}/${HEADS_FILE}`, constants.O_CREAT | constants.O_RDWR, 0o600);
}

/** After a crash between the end of one file and the first head of the next. */
function endOfFullFiles(directory: string): HeadPosition {
  const files = headFiles(directorySource(directory));
  const last = files.filter((file) => file !== HEADS_FILE).at(-1);
  if (last === undefined) return HEADS_START;
  const file = openSync(`${directory}/${last}`, 'r');
  try {
    return readTail(file).position;
  } finally {
    closeSync(file);
  }
}

function firstHead(file: number): number {
  const bytes = Buffer.alloc(TAIL_BYTES);
  const length = readSync(file, bytes, 0, bytes.length, 0);
  const head = parseHead(bytes.toString('utf8', 0, bytes.subarray(0, length).indexOf(0x0a)));
  if (!head) throw new Error('the first line is not a head');
  return head.head;
}

function readTail(file: number): { position: HeadPosition; size: number } {
  const { size } = fstatSync(file);
  const start = Math.max(0, size - TAIL_BYTES);
  const bytes = Buffer.alloc(size - start);
  readSync(file, bytes, 0, bytes.length, start);
  const end = bytes.lastIndexOf(0x0a);
  if (end < 0) {
    if (start > 0) throw new Error('the last line is too long to be a head');
    return { position: HEADS_START, size: 0 };
  }
  const begin = end === 0 ? 0 : bytes.lastIndexOf(0x0a, end - 1) + 1;
  const line = bytes.toString('utf8', begin, end);
  const head = parseHead(line);
  if (!head) throw new Error('the last line is not a head');
  const position = { head: head.head, hash: headHash(line) };
  return { position, size: start + end + 1 };
}
