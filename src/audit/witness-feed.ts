// SPDX-License-Identifier: Apache-2.0
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { HEADS_FILE, parseHead } from './heads.ts';
import { blocks } from './lines.ts';
import { fileChunks } from './source.ts';
import type { WitnessPlace } from './witness-place.ts';

/** In the audit directory: how far the witness has acknowledged the heads. */
const CURSOR_FILE = '.witnessed';

/** The last head that a witness has, and where the next one begins in `heads.jsonl`. */
export interface WitnessCursor {
  readonly head: number;
  /** RFC 3339: when that head was signed. */
  readonly time: string;
  readonly offset: number;
}

/** Undefined before the first head was acknowledged, and for a file that is none. */
export function readWitnessCursor(directory: string): WitnessCursor | undefined {
  let value: Partial<WitnessCursor> | null;
  try {
    value = JSON.parse(readFileSync(`${directory}/${CURSOR_FILE}`, 'utf8'));
  } catch {
    return undefined;
  }
  const numbers = [value?.head, value?.offset].every((number) => Number.isSafeInteger(number));
  return numbers && typeof value?.time === 'string' ? (value as WitnessCursor) : undefined;
}

/**
 * Brings heads to the witness, in order and each at least once: what a witness missed while it
 * could not be reached, or while the signer was down, it gets later. The queue is `heads.jsonl`
 * itself, so a witness that is away costs no memory.
 */
export class WitnessFeed {
  readonly #directory: string;
  readonly #place: WitnessPlace;
  #cursor: WitnessCursor;
  #delivering: Promise<void> | undefined;
  #again = false;

  /** A witness that is new begins with the last head there is: it binds all before it. */
  constructor(directory: string, place: WitnessPlace, heads: { size: number; lastOffset: number }) {
    this.#directory = directory;
    this.#place = place;
    const start = { head: 0, time: '', offset: heads.lastOffset };
    const kept = readWitnessCursor(directory);
    // Beyond the end: heads that it has seen are not here any more, which `verify` reports.
    this.#cursor = kept && kept.offset <= heads.size ? kept : start;
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
        const [block] = blocks(fileChunks(`${this.#directory}/${HEADS_FILE}`, this.#cursor.offset));
        if (!block?.whole) break;
        await this.#send(block.bytes);
      }
    }
  }

  async #send(bytes: Buffer): Promise<void> {
    await this.#place.send(bytes);
    const last = bytes.toString('utf8', bytes.lastIndexOf(0x0a, bytes.length - 2) + 1);
    const { head, time } = parseHead(last) ?? this.#cursor;
    this.#cursor = { head, time, offset: this.#cursor.offset + bytes.length };
    // Not made durable: after a power loss a few heads come twice, which is no harm.
    const path = `${this.#directory}/${CURSOR_FILE}`;
    writeFileSync(`${path}.tmp`, JSON.stringify(this.#cursor), { mode: 0o600 });
    renameSync(`${path}.tmp`, path);
  }
}
