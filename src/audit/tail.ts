// SPDX-License-Identifier: Apache-2.0
import { lines } from './lines.ts';
import { parseLine, type ReadRecord, segmentsOf } from './read.ts';
import type { AuditSource } from './source.ts';

/** First look back; doubled until enough records are found. */
const WINDOW_BYTES = 1 << 16;

interface FileEnd {
  readonly found: ReadRecord[];
  readonly end: number;
}

/** The streams that can still grow: the newest of each process of an installation. */
export function newestStreams(source: AuditSource): readonly string[] {
  const newest = new Map<string, string>();
  // Boot ids sort by time, so the last of a process wins.
  for (const stream of source.streams()) {
    newest.set(stream.slice(0, stream.lastIndexOf('.')), stream);
  }
  return [...newest.values()];
}

/** The last `count` records over all streams, by time. Reads the ends of files only. */
export function lastRecords(source: AuditSource, count: number): readonly ReadRecord[] {
  const newest = newestStreams(source);
  const older = source.streams().filter((stream) => !newest.includes(stream));
  const found = newest.flatMap((stream) => lastOfStream(source, stream, count));
  for (const stream of older.reverse()) {
    if (found.length >= count) break;
    found.push(...lastOfStream(source, stream, count));
  }
  return inOrder(found).slice(-count);
}

function lastOfStream(source: AuditSource, stream: string, count: number): ReadRecord[] {
  let found: ReadRecord[] = [];
  for (const file of [...segmentsOf(source, stream)].reverse()) {
    if (found.length >= count) break;
    found = [...lastOfFile(source, file, count - found.length).found, ...found];
  }
  return found;
}

/** The last records of a file, and where its last whole line ends. */
export function lastOfFile(source: AuditSource, file: string, count: number): FileEnd {
  const size = source.size(file);
  for (let window = WINDOW_BYTES; ; window *= 2) {
    const start = Math.max(0, size - window);
    const { found, end } = recordsFrom(source, file, start, start > 0);
    if (found.length >= count || start === 0) return { found: found.slice(-count), end };
  }
}

function recordsFrom(
  source: AuditSource,
  file: string,
  start: number,
  insideLine: boolean,
): FileEnd {
  const found: ReadRecord[] = [];
  let end = start;
  for (const { text, number, offset, whole } of lines(source.chunks(file, start))) {
    if (!whole) break;
    end = start + offset + Buffer.byteLength(text) + 1;
    const record = insideLine && number === 1 ? undefined : parseLine(text);
    if (record) found.push({ record, line: text, file, lineNumber: 0 });
  }
  return { found, end };
}

/** New records since the last look, in batches ordered by time. */
export class Follower {
  readonly #source: AuditSource;
  readonly #offsets = new Map<string, number>();

  /** From now on: what is there already is not shown. */
  constructor(source: AuditSource) {
    this.#source = source;
    for (const stream of source.streams()) {
      for (const file of segmentsOf(source, stream)) this.#offsets.set(file, source.size(file));
    }
  }

  look(): readonly ReadRecord[] {
    const found: ReadRecord[] = [];
    for (const stream of newestStreams(this.#source)) {
      for (const file of segmentsOf(this.#source, stream)) {
        const from = this.#offsets.get(file) ?? 0;
        const added = recordsFrom(this.#source, file, from, false);
        this.#offsets.set(file, added.end);
        found.push(...added.found);
      }
    }
    return inOrder(found);
  }
}

/** Stable, so that records of one stream keep their order. */
function inOrder(records: readonly ReadRecord[]): readonly ReadRecord[] {
  return [...records].sort((a, b) => a.record.time.localeCompare(b.record.time, 'en'));
}
