// SPDX-License-Identifier: Apache-2.0
import { PosternError } from '../../model/errors.ts';
import {
  type Capabilities,
  CLIENT_DEPRECATE_EOF,
  CLIENT_SESSION_TRACK,
  hasCapability,
} from '../../wire/mysql/capabilities.ts';
import { frame, HEADER_BYTES } from '../../wire/mysql/framing.ts';
import { decodeOk, encodeOk } from '../../wire/mysql/ok.ts';
import { type ResponseKind, ResponseWalker } from '../../wire/mysql/response-walker.ts';
import { decodeSessionTrack } from '../../wire/mysql/session-track.ts';
import type { SessionState } from './session-state.ts';

/** What follows the bytes of an answer. */
export interface AnswerObserver {
  /** These go downstream at once. */
  send(bytes: Buffer): void;
  /** The answer is complete; `packet` is its last, held back and ready to be sent. */
  ended(packet: Buffer): void;
  /** One row too many is about to come; nothing more is sent, `sequence` is for an ERR instead. */
  tooManyRows(sequence: number): void;
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
        cacheMetadata: false,
        stopAtOk: !this.#tracked,
      },
      { sessionState: (chunk, start, end) => learn(state, chunk.subarray(start, end)) },
    );
  }

  begin(kind: ResponseKind, sequence: number, rowLimit: number | undefined): void {
    this.sentBytes = 0;
    this.#muted = false;
    this.walker.begin(kind, sequence, rowLimit);
  }

  /** Throws `malformed-message` for bytes that no answer can contain. */
  take(arrived: Buffer): void {
    const chunk = this.#held ? Buffer.concat([this.#held, arrived]) : arrived;
    this.#held = undefined;
    const { walker } = this;
    let at = 0;
    for (;;) {
      const from = at;
      const result = walker.walk(chunk, at);
      at = walker.position;
      this.#pass(chunk.subarray(from, at));
      switch (result) {
        case 'more':
          if (at < chunk.length) this.#held = chunk.subarray(at);
          return;
        case 'ended':
          if (walker.packetEnd < chunk.length) throw odd('bytes behind an answer');
          this.#observer.ended(this.#last(chunk.subarray(at, walker.packetEnd)));
          return;
        case 'result-ended':
          this.#pass(this.#withoutTracking(chunk.subarray(at, walker.packetEnd)));
          at = walker.packetEnd;
          break;
        case 'row-limit':
          this.#muted = true;
          walker.liftRowLimit();
          this.#observer.tooManyRows(walker.sequence);
          break;
        case 'local-infile':
          throw odd('a local file was asked for, which was not offered');
      }
    }
  }

  #pass(bytes: Buffer): void {
    if (this.#muted || bytes.length === 0) return;
    this.sentBytes += bytes.length;
    this.#observer.send(bytes);
  }

  #last(packet: Buffer): Buffer {
    return this.walker.terminal === 'ok' ? this.#withoutTracking(packet) : packet;
  }

  #withoutTracking(packet: Buffer): Buffer {
    if (this.#tracked) return packet;
    const ok = decodeOk(packet.subarray(HEADER_BYTES), this.#upstream);
    return frame(encodeOk(ok, this.#downstream), sequenceOf(packet));
  }
}

export function sequenceOf(packet: Buffer): number {
  return packet[HEADER_BYTES - 1] ?? 1;
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
