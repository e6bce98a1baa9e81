// SPDX-License-Identifier: Apache-2.0
import { hash as digest } from 'node:crypto';
import { HASH_SUFFIX_LENGTH, linePrefix, NO_HASH, PREV_LENGTH } from './chain.ts';
import type { FaultList } from './fault.ts';
import type { RetiredStream } from './heads.ts';
import { blocks } from './lines.ts';
import { type LineView, OpenIntents, parseRecord, type RecordPlace } from './open-intents.ts';
import { firstSeqOf, SEGMENT_NAME } from './segment.ts';
import type { AuditSource } from './source.ts';
import type { NamedPosition } from './verify-heads.ts';

const TIME_LENGTH = 24;

/** A policy that a `policy-loaded` record says was in force, and the hash of its kept file. */
export interface PolicyInForce {
  readonly revision: string;
  readonly sources: string;
  readonly file: string;
  readonly line: number;
}

export interface CheckedStream {
  readonly stream: string;
  readonly records: number;
  readonly lastSeq: number;
  /** Allowed requests whose outcome was never written: a crash, or one still under way. */
  readonly unknown: readonly RecordPlace[];
  /** Ends with `gateway` / `stopped`: the process was not killed. */
  readonly stopped: boolean;
  /** Bytes of a last line that a crash cut short. */
  readonly tornBytes: number;
  /** Records after the last one that is protected, and when they were written. */
  readonly openWindow: number;
  readonly openSince?: string;
  readonly openUntil?: string;
  readonly policies: readonly PolicyInForce[];
}

/** What is known of a stream before it is read. */
export interface StreamFacts {
  /** The last record that a signed (or witnessed) head names. */
  readonly protectedSeq: number;
  /** What was removed of it. */
  readonly retired?: RetiredStream;
}

/** Checks one stream in one pass with flat memory. */
export class StreamCheck {
  readonly #source: AuditSource;
  readonly #stream: string;
  readonly #prefix: string;
  readonly #faults: FaultList;
  readonly #facts: StreamFacts;
  readonly #named: Iterator<NamedPosition>;
  #next: NamedPosition | undefined;
  readonly #open = new OpenIntents();
  readonly #policies = new Map<string, PolicyInForce>();
  #seq = 0;
  /** Undefined after a line whose hash cannot be known. */
  #prev: string | undefined = NO_HASH;
  #records = 0;
  #line = 0;
  #stopped = false;
  #tornBytes = 0;
  #resumed = false;
  #openSince: string | undefined;
  #openUntil: string | undefined;

  constructor(
    source: AuditSource,
    stream: string,
    named: Iterable<NamedPosition>,
    facts: StreamFacts,
    faults: FaultList,
  ) {
    this.#source = source;
    this.#stream = stream;
    this.#prefix = linePrefix(stream);
    this.#faults = faults;
    this.#facts = facts;
    this.#named = named[Symbol.iterator]();
    this.#advance();
  }

  run(): CheckedStream {
    const files = this.#source.files(this.#stream);
    for (const file of files) {
      if (!SEGMENT_NAME.test(file)) this.#faults.add('file-unexpected', this.#path(file), 0);
    }
    const segments = files.filter((file) => SEGMENT_NAME.test(file));
    this.#resume(segments[0]);
    segments.forEach((segment, index) => {
      this.#checkSegment(segment, index === segments.length - 1);
    });
    for (; this.#next; this.#advance()) this.#unmet(this.#next);
    const openWindow = Math.max(0, this.#seq - this.#facts.protectedSeq);
    return {
      stream: this.#stream,
      records: this.#records,
      lastSeq: this.#seq,
      unknown: this.#open.places(),
      stopped: this.#stopped,
      tornBytes: this.#tornBytes,
      openWindow,
      ...(openWindow > 0 && this.#openSince && { openSince: this.#openSince }),
      ...(openWindow > 0 && this.#openUntil && { openUntil: this.#openUntil }),
      policies: [...this.#policies.values()],
    };
  }

  /** Where the kept records go on when the ones before were retired. */
  #resume(firstSegment: string | undefined): void {
    const { retired } = this.#facts;
    if (!retired) return;
    const first = firstSegment === undefined ? retired.seq + 1 : firstSeqOf(firstSegment);
    if (first === 1 || first > retired.seq + 1) return;
    this.#resumed = true;
    this.#seq = first - 1;
    // A crash between signing and deleting leaves some that were to go: nothing says what they
    // link to, but the heads still name them.
    this.#prev = first === retired.seq + 1 ? retired.hash : undefined;
    for (; this.#next && this.#next.seq < first; this.#advance()) {
      const { seq, hash } = this.#next;
      if (seq === retired.seq && hash !== retired.hash) this.#unmet(this.#next);
    }
  }

  #path(segment: string): string {
    return `${this.#stream}/${segment}`;
  }

  #advance(): void {
    const { value, done } = this.#named.next();
    this.#next = done ? undefined : value;
  }

  #unmet(position: NamedPosition): void {
    const { head, seq, segment } = position;
    this.#faults.add('head-unmet', this.#path(segment), 0, `head ${head}, record ${seq}`);
  }

  #checkSegment(segment: string, last: boolean): void {
    const path = this.#path(segment);
    this.#line = 0;
    for (const { bytes, offset, whole } of blocks(this.#source.chunks(path))) {
      if (whole) this.#checkBlock(segment, path, bytes, offset);
      else if (last) this.#tornBytes = bytes.length;
      else this.#faults.add('segment-torn', path, this.#line + 1);
    }
    if (this.#line === 0 && !last) this.#faults.add('segment-empty', path, 0);
  }

  #checkBlock(segment: string, path: string, bytes: Buffer, offset: number): void {
    // One character per byte: positions in the text are positions in the bytes.
    const text = bytes.toString('latin1');
    for (let start = 0; start < text.length; ) {
      const end = text.indexOf('\n', start);
      this.#line += 1;
      const malformed = this.#checkLine(path, bytes, text, start, end);
      if (malformed) {
        this.#faults.add('record-malformed', path, this.#line);
        // The next line's link cannot be judged; its number can, if this line took one.
        this.#seq += 1;
        this.#prev = undefined;
      }
      if (this.#line === 1) this.#checkSegmentName(segment, path);
      this.#meetHead(segment, offset + end + 1);
      start = end + 1;
    }
  }

  /** True when the line is not even shaped like a record of this stream. */
  #checkLine(path: string, bytes: Buffer, text: string, start: number, end: number): boolean {
    const bodyEnd = end - HASH_SUFFIX_LENGTH;
    const seqStart = start + this.#prefix.length;
    if (bodyEnd - PREV_LENGTH < seqStart || !text.startsWith(this.#prefix, start)) return true;
    const seqEnd = text.indexOf(',"time":"', seqStart);
    const seq = Number(text.slice(seqStart, seqEnd));
    const closed = text.startsWith(',"hash":"', bodyEnd) && text.startsWith('"}', end - 2);
    const linked = text.startsWith(',"prev":"', bodyEnd - PREV_LENGTH);
    if (seqEnd < 0 || seqEnd > bodyEnd || !Number.isSafeInteger(seq) || !closed || !linked) {
      return true;
    }
    this.#records += 1;
    if (seq !== this.#seq + 1) {
      this.#faults.add('record-number', path, this.#line, `${seq} after ${this.#seq}`);
    }
    if (this.#prev !== undefined && !text.startsWith(this.#prev, bodyEnd - 65)) {
      this.#faults.add('record-unlinked', path, this.#line, `record ${seq}`);
    }
    const claimed = text.slice(end - 66, end - 2);
    if (digest('sha256', bytes.subarray(start, bodyEnd), 'hex') !== claimed) {
      this.#faults.add('record-changed', path, this.#line, `record ${seq}`);
    }
    this.#seq = seq;
    this.#prev = claimed;
    if (seq > this.#facts.protectedSeq) {
      this.#openUntil = text.slice(seqEnd + 9, seqEnd + 9 + TIME_LENGTH);
      this.#openSince ??= this.#openUntil;
    }
    const eventStart = seqEnd + ',"time":"'.length + TIME_LENGTH + 2;
    this.#follow({ bytes, text, start, end, eventStart, file: path, line: this.#line });
    return false;
  }

  /** What the event means for open intents, the stream's start and end, and policies. */
  #follow(view: LineView): void {
    const gateway = view.text.startsWith('"event":"gateway"', view.eventStart);
    if (!gateway) this.#open.take(view);
    const event: { what?: unknown; revision?: unknown; sources?: unknown } = gateway
      ? parseRecord(view)
      : {};
    this.#stopped = event.what === 'stopped';
    const begins = this.#records === 1 && !this.#resumed;
    if (begins && (event.what !== 'started' || this.#seq !== 1)) {
      this.#faults.add('stream-start', view.file, view.line);
    }
    const { what, revision, sources } = event;
    if (what !== 'policy-loaded' || typeof revision !== 'string' || typeof sources !== 'string') {
      return;
    }
    const key = `${revision} ${sources}`;
    const { file, line } = view;
    if (!this.#policies.has(key)) this.#policies.set(key, { revision, sources, file, line });
  }

  #checkSegmentName(segment: string, path: string): void {
    const named = Number(SEGMENT_NAME.exec(segment)?.[1]);
    if (named !== this.#seq) this.#faults.add('segment-name', path, 1, `record ${this.#seq}`);
  }

  #meetHead(segment: string, bytesSoFar: number): void {
    while (this.#next && this.#next.seq <= this.#seq) {
      const { seq, hash, segment: named, bytes } = this.#next;
      const met =
        seq === this.#seq && hash === this.#prev && named === segment && bytes === bytesSoFar;
      if (!met) this.#unmet(this.#next);
      this.#advance();
    }
  }
}
