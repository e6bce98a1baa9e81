// SPDX-License-Identifier: Apache-2.0
import type { KeyObject } from 'node:crypto';
import type { StreamPosition } from './chain.ts';
import type { FaultList } from './fault.ts';
import { headFiles, headLines } from './head-files.ts';
import {
  HEADS_FILE,
  HEADS_START,
  type Head,
  type HeadPosition,
  headHash,
  parseHead,
  type RetiredStream,
  signatureHolds,
} from './heads.ts';
import { lines } from './lines.ts';
import type { AuditSource } from './source.ts';

/** What heads say of one stream, and where in the file they say it. */
export interface NamedStream {
  readonly firstPlace: number;
  lastPlace: number;
  lastSigned: StreamPosition;
  /** The last that a witness has seen too. */
  lastWitnessed: StreamPosition | undefined;
}

export interface HeadMark {
  readonly head: number;
  readonly time: string;
}

/** What a head says was removed because its retention was over. */
export interface RetiredNote extends RetiredStream {
  readonly head: number;
  readonly headTime: string;
}

export interface CheckedHeads {
  readonly count: number;
  readonly last: HeadMark | undefined;
  readonly lastWitnessed: HeadMark | undefined;
  readonly streams: ReadonlyMap<string, NamedStream>;
  /** The last note of each stream. */
  readonly retired: ReadonlyMap<string, RetiredNote>;
}

/** Heads of a witness: hash by number. Lines that are no heads (a shared log) are passed over. */
export interface Witness {
  readonly file: string;
  readonly heads: ReadonlyMap<number, string>;
  readonly last: number;
  /** Numbers of which it holds two different heads. */
  readonly forked: readonly number[];
  /** Ranges of numbers, between its first and its last head, of which it holds none. */
  readonly gaps: readonly string[];
}

export function readWitness(file: string, chunks: Iterable<Buffer>): Witness {
  const heads = new Map<number, string>();
  const forked: number[] = [];
  for (const { text } of lines(chunks)) {
    const head = parseHead(text);
    if (!head) continue;
    const hash = headHash(text);
    const known = heads.get(head.head);
    if (known !== undefined && known !== hash) forked.push(head.head);
    // The first one counts: what came later claims a number that was taken.
    else heads.set(head.head, hash);
  }
  const numbers = Float64Array.from(heads.keys()).sort();
  return { file, heads, last: numbers.at(-1) ?? 0, forked, gaps: gapsIn(numbers) };
}

function gapsIn(numbers: Float64Array): string[] {
  const gaps: string[] = [];
  for (let index = 1; index < numbers.length; index += 1) {
    const [from, to] = [(numbers[index - 1] ?? 0) + 1, (numbers[index] ?? 0) - 1];
    if (from <= to) gaps.push(from === to ? `head ${from}` : `heads ${from} to ${to}`);
  }
  return gaps;
}

/** Walks the chain of heads once: form, numbers, links, signatures, and the witness. */
export function checkHeads(
  source: AuditSource,
  keys: ReadonlyMap<string, KeyObject>,
  witness: Witness | undefined,
  faults: FaultList,
): CheckedHeads {
  const streams = new Map<string, NamedStream>();
  const retired = new Map<string, RetiredNote>();
  let count = 0;
  let last: HeadMark | undefined;
  let lastWitnessed: HeadMark | undefined;
  if (witness) checkWitness(witness, faults);
  let expected: HeadPosition | undefined = HEADS_START;
  let resumed: ResumedHeads | undefined;
  for (const { text, number, place, whole, file } of headLines(source)) {
    const head = parseHead(text);
    if (!head) {
      // A crash may cut the last line short; it was never acknowledged.
      if (whole) faults.add('head-malformed', file, number);
      expected = undefined;
      continue;
    }
    count += 1;
    const hash = headHash(text);
    if (count === 1 && expected && head.head > 1) resumed = { first: head, file };
    else checkLink(head, expected, file, number, faults);
    if (resumed && head.retiredHeads) resumed.retired = head.retiredHeads;
    checkSignature(text, head, keys, file, number, faults);
    const seen = witness?.heads.get(head.head);
    if (seen !== undefined && seen !== hash) faults.add('witness-differs', file, number);
    last = { head: head.head, time: head.time };
    const witnessed = witness !== undefined && head.head <= witness.last;
    if (witnessed) lastWitnessed = last;
    noteStreams(streams, head, place, witnessed);
    for (const entry of head.retired ?? []) {
      // Said again, when the head that said it first is removed: it was said then.
      const said = retired.get(entry.stream)?.seq === entry.seq;
      if (!said) retired.set(entry.stream, { ...entry, head: head.head, headTime: head.time });
    }
    expected = { head: head.head, hash };
  }
  if (resumed) checkResumed(resumed, faults);
  if (headFiles(source).length === 0 && keys.size > 0) faults.add('head-missing', HEADS_FILE, 0);
  if (witness && witness.last > (last?.head ?? 0)) {
    faults.add('witness-ahead', witness.file, 0, `head ${witness.last}`);
  }
  return { count, last, lastWitnessed, streams, retired };
}

/** Heads that do not begin with the first one: a later one must say that those are removed. */
interface ResumedHeads {
  readonly first: Head;
  readonly file: string;
  retired?: HeadPosition;
}

function checkResumed({ first, file, retired }: ResumedHeads, faults: FaultList): void {
  const before = first.head - 1;
  if (!retired || retired.head < before) faults.add('head-number', file, 1, `${first.head} first`);
  else if (retired.head === before && retired.hash !== first.prev) {
    faults.add('head-unlinked', file, 1);
  }
}

function checkWitness({ file, heads, forked, gaps }: Witness, faults: FaultList): void {
  if (heads.size === 0) faults.add('witness-empty', file, 0);
  for (const head of forked) faults.add('witness-forked', file, 0, `head ${head}`);
  for (const gap of gaps) faults.add('witness-gap', file, 0, gap);
}

function checkLink(
  head: Head,
  expected: HeadPosition | undefined,
  file: string,
  line: number,
  faults: FaultList,
): void {
  // After a malformed line there is nothing to compare with, and a fault is on record.
  if (!expected) return;
  if (head.head !== expected.head + 1) {
    faults.add('head-number', file, line, `${head.head} after ${expected.head}`);
  } else if (head.prev !== expected.hash) faults.add('head-unlinked', file, line);
}

function checkSignature(
  text: string,
  head: Head,
  keys: ReadonlyMap<string, KeyObject>,
  file: string,
  line: number,
  faults: FaultList,
): void {
  const key = keys.get(head.key);
  if (!key) faults.add('head-key', file, line, head.key.slice(0, 16));
  else if (!signatureHolds(text, head, key)) faults.add('head-signature', file, line);
}

function noteStreams(
  streams: Map<string, NamedStream>,
  head: Head,
  place: number,
  witnessed: boolean,
): void {
  for (const position of head.streams) {
    const named = streams.get(position.stream);
    const lastWitnessed = witnessed ? position : named?.lastWitnessed;
    if (!named) {
      const first = { firstPlace: place, lastPlace: place, lastSigned: position };
      streams.set(position.stream, { ...first, lastWitnessed });
    } else {
      named.lastPlace = place;
      named.lastSigned = position;
      named.lastWitnessed = lastWitnessed;
    }
  }
}

/** A place of a stream that a head vouches for. */
export type NamedPosition = StreamPosition & { readonly head: number; readonly headTime: string };

/** Every position at which heads name a stream, in their order; read again to keep memory flat. */
export function* namedPositions(
  source: AuditSource,
  stream: string,
  named: NamedStream,
): Generator<NamedPosition> {
  for (const { text, place } of headLines(source, named.firstPlace)) {
    if (place > named.lastPlace) return;
    const head = parseHead(text);
    const position = head?.streams.find((at) => at.stream === stream);
    if (head && position) yield { ...position, head: head.head, headTime: head.time };
  }
}
