// SPDX-License-Identifier: Apache-2.0
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { fullFileName, headFiles } from './head-files.ts';
import { HEADS_FILE, parseHead } from './heads.ts';
import { blocks, lines } from './lines.ts';
import { type AuditSource, directorySource } from './source.ts';
import type { WitnessPlace } from './witness-place.ts';

/** In the audit directory: how far the witness has acknowledged the heads. */
const CURSOR_FILE = '.witnessed';

/** The last head that a witness has. */
export interface WitnessCursor {
  readonly head: number;
  /** RFC 3339: when that head was signed. */
  readonly time: string;
}

/** Undefined before the first head was acknowledged, and for a file that is none. */
export function readWitnessCursor(directory: string): WitnessCursor | undefined {
  let value: Partial<WitnessCursor> | null;
  try {
    value = JSON.parse(readFileSync(`${directory}/${CURSOR_FILE}`, 'utf8'));
  } catch {
    return undefined;
  }
  const known = Number.isSafeInteger(value?.head) && typeof value?.time === 'string';
  return known ? (value as WitnessCursor) : undefined;
}

/** A file of heads is known by its first head: its name changes when it is full. */
interface Place {
  readonly firstHead: number;
  readonly offset: number;
}

/**
 * Brings heads to the witness, in order and each at least once: what a witness missed while it
 * could not be reached, or while the signer was down, it gets later. The queue is the files of
 * heads, so a witness that is away costs no memory.
 */
export class WitnessFeed {
  readonly #source: AuditSource;
  readonly #directory: string;
  readonly #to: WitnessPlace;
  #cursor: WitnessCursor;
  #next: Place;
  #delivering: Promise<void> | undefined;
  #again = false;

  /** A witness that is new begins with the last head there is: it binds all before it. */
  constructor(directory: string, to: WitnessPlace) {
    this.#directory = directory;
    this.#source = directorySource(directory);
    this.#to = to;
    const kept = readWitnessCursor(directory);
    this.#cursor = kept ?? { head: 0, time: '' };
    this.#next = placeAfter(this.#source, kept?.head);
  }

  get acknowledged(): WitnessCursor {
    return this.#cursor;
  }

  /** Resolves when the witness has all there is; rejects with what keeps it from that. */
  deliver(): Promise<void> {
    this.#again = true;
    this.#delivering ??= this.#run().finally(() => {
      this.#delivering = undefined;
    });
    return this.#delivering;
  }

  async #run(): Promise<void> {
    while (this.#again) {
      this.#again = false;
      for (;;) {
        const { firstHead, offset } = this.#next;
        const full = fullFileName(firstHead);
        const isFull = this.#source.exists(full);
        const [block] = blocks(this.#source.chunks(isFull ? full : HEADS_FILE, offset));
        if (block?.whole) await this.#send(block.bytes);
        else if (isFull) this.#next = { firstHead: this.#cursor.head + 1, offset: 0 };
        else break;
      }
    }
  }

  async #send(bytes: Buffer): Promise<void> {
    await this.#to.send(bytes);
    const last = bytes.toString('utf8', bytes.lastIndexOf(0x0a, bytes.length - 2) + 1);
    const { head, time } = parseHead(last) ?? this.#cursor;
    this.#cursor = { head, time };
    this.#next = { ...this.#next, offset: this.#next.offset + bytes.length };
    // Not made durable: after a power loss a few heads come twice, which is no harm.
    const path = `${this.#directory}/${CURSOR_FILE}`;
    writeFileSync(`${path}.tmp`, JSON.stringify(this.#cursor), { mode: 0o600 });
    renameSync(`${path}.tmp`, path);
  }
}

/** Where the head after `last` begins, in the newest file that can hold it. */
function placeAfter(source: AuditSource, last: number | undefined): Place {
  let end: Place = { firstHead: 1, offset: 0 };
  for (const file of headFiles(source).toReversed()) {
    let firstHead: number | undefined;
    let found: Place | undefined;
    for (const { text, offset, whole } of lines(source.chunks(file))) {
      const head = whole ? parseHead(text) : undefined;
      if (!head) continue;
      firstHead ??= head.head;
      // Without a last one, or when it is not here any more: the last head there is.
      if (last === undefined || head.head <= last + 1) found = { firstHead, offset };
      if (head.head === last) found = { firstHead, offset: offset + Buffer.byteLength(text) + 1 };
      if (last !== undefined && head.head > last) break;
    }
    if (found) return found;
    if (firstHead !== undefined) end = { firstHead, offset: 0 };
  }
  return end;
}
