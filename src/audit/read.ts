// SPDX-License-Identifier: Apache-2.0
import type { AuditRecord } from './chain.ts';
import { lines } from './lines.ts';
import { SEGMENT_NAME } from './segment.ts';
import type { AuditSource } from './source.ts';

export interface ReadRecord {
  readonly record: AuditRecord;
  /** The line as it stands in the file, without its newline. */
  readonly line: string;
  readonly file: string;
  readonly lineNumber: number;
}

export interface ReadOptions {
  /** RFC 3339 in UTC with milliseconds, inclusive; compared as text. */
  readonly since?: string;
  /** The same, exclusive. */
  readonly until?: string;
  /** A cheap test on the raw line, before it is parsed. */
  readonly mayMatch?: (line: string) => boolean;
  readonly stream?: string;
  /** Told of every line that is no record: reading goes on, verification is for judging. */
  readonly unreadable: (file: string, lineNumber: number) => void;
}

export function segmentsOf(source: AuditSource, stream: string): readonly string[] {
  return source
    .files(stream)
    .filter((file) => SEGMENT_NAME.test(file))
    .map((file) => `${stream}/${file}`);
}

/** The line as a record; undefined when it is none. The chain is not checked. */
export function parseLine(line: string): AuditRecord | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  const record = value as Partial<AuditRecord> | null;
  const whole = typeof record?.time === 'string' && typeof record.event === 'string';
  return whole ? (record as AuditRecord) : undefined;
}

/**
 * Records of all streams in the order of their times; within a stream always in the order in which
 * they were written. A stream is opened when its time has come.
 */
export function* readRecords(source: AuditSource, options: ReadOptions): Generator<ReadRecord> {
  const streams = options.stream === undefined ? source.streams() : [options.stream];
  // Taken from the end: latest first, and of one time the last name first.
  const waiting = streams
    .toReversed()
    .map((stream) => new Cursor(source, stream, options))
    .filter((cursor) => cursor.time !== undefined)
    .sort((a, b) => compare(b.time, a.time));
  const active: Cursor[] = [];
  for (;;) {
    const first = earliest(active);
    const next = waiting.at(-1);
    if (next && (!first || compare(next.time, first.time) < 0)) {
      waiting.pop();
      next.advance();
      if (next.current) active.push(next);
      continue;
    }
    const found = first?.current;
    if (!first || !found) return;
    // Times may go back a little within a stream; what comes after the end is not looked for.
    const over = options.until !== undefined && found.record.time >= options.until;
    if (!over) {
      yield found;
      first.advance();
    }
    if (over || !first.current) active.splice(active.indexOf(first), 1);
  }
}

function earliest(cursors: readonly Cursor[]): Cursor | undefined {
  let first = cursors[0];
  for (const cursor of cursors) {
    if (first && compare(cursor.time, first.time) < 0) first = cursor;
  }
  return first;
}

function compare(a: string | undefined, b: string | undefined): number {
  if (a === b) return 0;
  return (a ?? '') < (b ?? '') ? -1 : 1;
}

/** One stream, read lazily; until the first `advance` it knows only when it begins. */
class Cursor {
  readonly #records: Iterator<ReadRecord>;
  #current: ReadRecord | undefined;
  #started = false;
  readonly #beginsAt: string | undefined;

  constructor(source: AuditSource, stream: string, options: ReadOptions) {
    const segments = segmentsSince(source, stream, options.since);
    this.#beginsAt = segments[0] && firstTime(source, segments[0]);
    this.#records = streamRecords(source, segments, options);
  }

  get time(): string | undefined {
    return this.#started ? this.#current?.record.time : this.#beginsAt;
  }

  get current(): ReadRecord | undefined {
    return this.#current;
  }

  advance(): void {
    this.#started = true;
    const { value, done } = this.#records.next();
    this.#current = done ? undefined : value;
  }
}

function* streamRecords(
  source: AuditSource,
  segments: readonly string[],
  options: ReadOptions,
): Generator<ReadRecord> {
  const { since, mayMatch, unreadable } = options;
  for (const file of segments) {
    for (const { text, number, whole } of lines(source.chunks(file))) {
      if (!whole || (mayMatch && !mayMatch(text))) continue;
      const record = parseLine(text);
      if (!record) unreadable(file, number);
      else if (since === undefined || record.time >= since) {
        yield { record, line: text, file, lineNumber: number };
      }
    }
  }
}

/** Without the segments that ended before `since`: the next one begins before it. */
function segmentsSince(
  source: AuditSource,
  stream: string,
  since: string | undefined,
): readonly string[] {
  const segments = segmentsOf(source, stream);
  if (since === undefined) return segments;
  const from = segments.findLastIndex((file) => {
    const time = firstTime(source, file);
    return time !== undefined && time < since;
  });
  return segments.slice(Math.max(0, from));
}

/** When the first record of a file was written. */
export function firstTime(source: AuditSource, file: string): string | undefined {
  for (const { text, whole } of lines(source.chunks(file))) {
    const record = whole ? parseLine(text) : undefined;
    if (record) return record.time;
  }
  return undefined;
}
