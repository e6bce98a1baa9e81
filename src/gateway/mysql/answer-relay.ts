// SPDX-License-Identifier: Apache-2.0
import { PosternError } from '../../model/errors.ts';
import {
  type Capabilities,
  CLIENT_DEPRECATE_EOF,
  CLIENT_SESSION_TRACK,
  hasCapability,
  MARIADB_CLIENT_CACHE_METADATA,
} from '../../wire/mysql/capabilities.ts';
import { frame, HEADER_BYTES } from '../../wire/mysql/framing.ts';
import { decodeOk, encodeOk } from '../../wire/mysql/ok.ts';
import { type ResponseKind, ResponseWalker } from '../../wire/mysql/response-walker.ts';
import { decodeSessionTrack } from '../../wire/mysql/session-track.ts';
import type { SessionState } from './session-state.ts';

/** Header, two one-byte numbers, status, warnings: an OK without text or session state. */
const BARE_OK_BYTES = 7;

/** What follows the bytes of an answer. */
export interface AnswerObserver {
  /** These go downstream at once. */
  send(bytes: Buffer): void;
  /**
   * The answer is complete. `bytes` is what has not been sent of it, ready to be: its last packet,
   * which starts at `lastAt`, and whatever arrived together with it.
   */
  ended(bytes: Buffer, lastAt: number): void;
  /** One row too many is about to come; nothing more is sent, `sequence` is for an ERR instead. */
  tooManyRows(sequence: number): void;
  /**
   * The target asks for a file: `packet` is its request, which has not been sent. The answer goes on
   * with `sendRequest`, or not at all.
   */
  localFile(packet: Buffer): void;
}

/**
 * Lets one answer at a time through: everything at once but its last packet, which waits until the
 * outcome is recorded. Learns the session state on the way, and takes tracking information out of
 * OKs for drivers that did not negotiate it.
 */
export class AnswerRelay {
  /** Bytes of the current answer that have gone downstream. */
  sentBytes = 0;
  readonly walker: ResponseWalker;
  readonly #downstream: Capabilities;
  readonly #upstream: Capabilities;
  readonly #tracked: boolean;
  readonly #observer: AnswerObserver;
  #held: Buffer | undefined;
  #muted = false;
  #rowsWhenMuted = 0;
  /** A request for a file that has not been sent. */
  #request: Buffer | undefined;

  constructor(
    capabilities: { readonly downstream: Capabilities; readonly upstream: Capabilities },
    state: SessionState,
    observer: AnswerObserver,
  ) {
    this.#downstream = capabilities.downstream;
    this.#upstream = capabilities.upstream;
    this.#tracked = hasCapability(capabilities.downstream, CLIENT_SESSION_TRACK);
    this.#observer = observer;
    this.walker = new ResponseWalker(
      {
        deprecateEof: hasCapability(capabilities.upstream, CLIENT_DEPRECATE_EOF),
        sessionTrack: true,
        cacheMetadata: hasCapability(capabilities.upstream, MARIADB_CLIENT_CACHE_METADATA),
        stopAtOk: !this.#tracked,
      },
      { sessionState: (chunk, start, end) => learn(state, chunk.subarray(start, end)) },
    );
  }

  begin(kind: ResponseKind, sequence: number, rowLimit: number | undefined): void {
    this.sentBytes = 0;
    this.#muted = false;
    this.#request = undefined;
    this.walker.begin(kind, sequence, rowLimit);
  }

  /** Id of the next packet towards the principal. */
  get sequence(): number {
    return this.#request ? sequenceOf(this.#request) : this.walker.sequence;
  }

  /** Rows that went downstream, or were changed. */
  get rows(): number {
    const { rows, affectedRows } = this.walker;
    const sent = this.#muted ? this.#rowsWhenMuted : rows;
    return sent > 0 ? sent : affectedRows;
  }

  /** Sends the request for a file on; returns the id that the file's first packet must have. */
  sendRequest(): number {
    if (this.#request) this.#pass(this.#request);
    this.#request = undefined;
    return this.walker.sequence;
  }

  /** The file is over; its packet after the last would have the id `sequence`. */
  resume(sequence: number): void {
    this.walker.resume(sequence);
  }

  /** Throws `malformed-message` for bytes that no answer can contain. */
  take(arrived: Buffer): void {
    const chunk = this.#held ? Buffer.concat([this.#held, arrived]) : arrived;
    this.#held = undefined;
    const { walker } = this;
    // Where the bytes not yet sent begin. They go in one piece: each write costs a TLS record and
    // a system call, which is most of what a small answer costs.
    let from = 0;
    let at = 0;
    for (;;) {
      const result = walker.walk(chunk, at);
      at = walker.position;
      switch (result) {
        case 'more':
          this.#pass(chunk.subarray(from, at));
          if (at < chunk.length) this.#held = chunk.subarray(at);
          return;
        case 'ended':
          if (walker.packetEnd < chunk.length) throw odd('bytes behind an answer');
          return this.#end(chunk.subarray(from, walker.packetEnd), at - from);
        case 'result-ended':
          this.#pass(chunk.subarray(from, at));
          this.#pass(this.#withoutTracking(chunk.subarray(at, walker.packetEnd)));
          at = walker.packetEnd;
          from = at;
          break;
        case 'row-limit':
          this.#pass(chunk.subarray(from, at));
          from = at;
          this.#muted = true;
          this.#rowsWhenMuted = walker.rows;
          walker.liftRowLimit();
          this.#observer.tooManyRows(walker.sequence);
          break;
        case 'local-infile':
          if (walker.packetEnd < chunk.length) throw odd('bytes behind a request for a file');
          this.#pass(chunk.subarray(from, at));
          this.#request = chunk.subarray(at, walker.packetEnd);
          return this.#observer.localFile(this.#request);
      }
    }
  }

  #pass(bytes: Buffer): void {
    if (this.#muted || bytes.length === 0) return;
    this.sentBytes += bytes.length;
    this.#observer.send(bytes);
  }

  #end(bytes: Buffer, lastAt: number): void {
    if (this.#muted) return this.#observer.ended(bytes.subarray(lastAt), 0);
    this.sentBytes += bytes.length;
    if (this.walker.terminal !== 'ok' || this.#isBare(bytes.length - lastAt)) {
      return this.#observer.ended(bytes, lastAt);
    }
    const packet = bytes.subarray(lastAt);
    const last = this.#withoutTracking(packet);
    const whole = last === packet ? bytes : Buffer.concat([bytes.subarray(0, lastAt), last]);
    this.#observer.ended(whole, lastAt);
  }

  /** Whether an OK of so many bytes, header included, goes on as it is. */
  #isBare(bytes: number): boolean {
    return this.#tracked || bytes <= HEADER_BYTES + BARE_OK_BYTES;
  }

  #withoutTracking(packet: Buffer): Buffer {
    if (this.#isBare(packet.length)) return packet;
    const ok = decodeOk(packet.subarray(HEADER_BYTES), this.#upstream);
    return frame(encodeOk(ok, this.#downstream), sequenceOf(packet));
  }
}

/** Sequence id of the packet that starts at `at`. */
export function sequenceOf(bytes: Buffer, at = 0): number {
  return bytes[at + HEADER_BYTES - 1] ?? 1;
}

function learn(state: SessionState, block: Buffer): void {
  for (const change of decodeSessionTrack(block)) {
    if (change.type === 'system-variable') state.systemVariable(change.name, change.value);
    else if (change.type === 'schema') state.schema = change.name || undefined;
  }
}

function odd(problem: string): PosternError {
  return new PosternError('malformed-message', { message: 'answer', offset: 0, problem });
}
