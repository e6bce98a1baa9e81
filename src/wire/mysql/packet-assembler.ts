// SPDX-License-Identifier: Apache-2.0
import { PosternError } from '../../model/errors.ts';
import { HEADER_BYTES, MAX_PACKET_BYTES } from './framing.ts';

/** One whole message as it arrived. */
export interface Message {
  /** Without headers; shares memory with what was pushed unless the message was split. */
  readonly payload: Buffer;
  /** The very bytes received, headers included: what a relay sends on. */
  readonly framed: Buffer;
  /** The id an answer to it begins with. */
  readonly nextSequence: number;
}

/** A piece of a message that is passed on without being collected. */
export interface MessagePart {
  /** Raw bytes, headers included; may be empty. */
  readonly framed: Buffer;
  /** The message is over; what comes next is another one. */
  readonly ended: boolean;
}

const NOTHING = Buffer.alloc(0);

/** Chunks below this are joined, or a peer that sends single bytes makes us hold one object each. */
const SMALL_CHUNK_BYTES = 4096;

/**
 * Puts packets back together, however the bytes were cut. Sequence ids must be consecutive: a peer
 * that lost count is desynchronised, and reading on would take data for headers.
 */
export class PacketAssembler {
  #chunks: Buffer[] = [];
  #bufferedBytes = 0;
  /** Whole packets of the current message seen so far, headers included, and their count. */
  #scannedBytes = 0;
  #scannedPackets = 0;
  /** Where the packet behind them ends, once its header was read; else 0. */
  #packetEnd = 0;
  #sequence = 0;
  /** While streaming: bytes of the current packet not yet given out, and whether more follow it. */
  #partBytes = 0;
  #partContinues = true;

  /** The id the next packet must have. */
  get sequence(): number {
    return this.#sequence;
  }

  /**
   * Sets the id the next message must start with: 0 for a command, else where it goes on. Within a
   * message of several packets it changes nothing: that one has started.
   */
  expectSequence(sequence: number): void {
    if (this.#scannedPackets > 0 || this.#sequence === (sequence & 0xff)) return;
    this.#sequence = sequence & 0xff;
    this.#packetEnd = 0;
  }

  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    const last = this.#chunks.at(-1);
    if (last && last.length < SMALL_CHUNK_BYTES && chunk.length < SMALL_CHUNK_BYTES) {
      this.#chunks[this.#chunks.length - 1] = Buffer.concat([last, chunk]);
    } else {
      this.#chunks.push(chunk);
    }
    this.#bufferedBytes += chunk.length;
  }

  /**
   * The next whole message; undefined while bytes are missing. `too-large` as soon as headers
   * announce more than `maxPayloadBytes`, before the bytes are there; the connection is then lost,
   * unless the caller passes over the message with `stream()`.
   */
  next(maxPayloadBytes: number): Message | 'too-large' | undefined {
    for (;;) {
      const headerEnd = this.#scannedBytes + HEADER_BYTES;
      if (this.#packetEnd === 0) {
        if (this.#bufferedBytes < headerEnd) return undefined;
        const header = this.#uint32At(this.#scannedBytes);
        this.#checkSequence(header >>> 24);
        this.#packetEnd = headerEnd + (header & MAX_PACKET_BYTES);
      }
      const packetEnd = this.#packetEnd;
      const payloadBytes = packetEnd - (this.#scannedPackets + 1) * HEADER_BYTES;
      if (payloadBytes > maxPayloadBytes) return 'too-large';
      if (this.#bufferedBytes < packetEnd) return undefined;
      this.#sequence = (this.#sequence + 1) & 0xff;
      this.#scannedBytes = packetEnd;
      this.#scannedPackets++;
      this.#packetEnd = 0;
      if (packetEnd - headerEnd < MAX_PACKET_BYTES) return this.#takeMessage();
    }
  }

  /** Little-endian, as a packet header is; leaves the chunks apart, which may be a large message. */
  #uint32At(offset: number): number {
    let index = 0;
    let at = offset;
    let chunk = this.#chunks[0] ?? NOTHING;
    const next = () => {
      at -= chunk.length;
      index++;
      chunk = this.#chunks[index] ?? NOTHING;
    };
    while (at >= chunk.length) next();
    if (at + 4 <= chunk.length) return chunk.readUInt32LE(at);
    let value = 0;
    for (let byte = 0; byte < 4; byte++, at++) {
      while (at >= chunk.length) next();
      value |= chunk.readUInt8(at) << (8 * byte);
    }
    return value >>> 0;
  }

  /** Up to `count` buffered bytes of the current message's payload, to decide how to take it. */
  peek(count: number): Buffer {
    const end = Math.min(HEADER_BYTES + count, this.#bufferedBytes);
    return end <= HEADER_BYTES ? NOTHING : this.#front(end).subarray(HEADER_BYTES, end);
  }

  /**
   * Gives out what is there of the current message, in place of `next()`: for messages that are
   * passed on (or over) without being held. Once begun it must be called until `ended`.
   */
  stream(): MessagePart {
    let end = this.#scannedBytes;
    this.#forgetScan();
    for (;;) {
      const inside = Math.min(this.#partBytes, this.#bufferedBytes - end);
      end += inside;
      this.#partBytes -= inside;
      if (this.#partBytes > 0) return { framed: this.#take(end), ended: false };
      if (!this.#partContinues) break;
      if (this.#bufferedBytes - end < HEADER_BYTES)
        return { framed: this.#take(end), ended: false };
      const head = this.#front(end + HEADER_BYTES);
      this.#checkSequence(head.readUInt8(end + 3));
      this.#sequence = (this.#sequence + 1) & 0xff;
      this.#partBytes = head.readUIntLE(end, 3);
      this.#partContinues = this.#partBytes === MAX_PACKET_BYTES;
      end += HEADER_BYTES;
    }
    this.#partContinues = true;
    return { framed: this.#take(end), ended: true };
  }

  /** Everything not yet given out, e.g. the TLS hello behind an SSLRequest; empties the buffer. */
  leftover(): Buffer {
    this.#forgetScan();
    return this.#take(this.#bufferedBytes);
  }

  #checkSequence(sequence: number): void {
    if (sequence === this.#sequence) return;
    throw new PosternError('malformed-message', {
      message: 'packet header',
      offset: 3,
      problem: `sequence id ${sequence} instead of ${this.#sequence}`,
    });
  }

  /** A buffer holding at least the first `count` bytes; joins chunks only when one is too short. */
  #front(count: number): Buffer {
    const first = this.#chunks[0] ?? NOTHING;
    if (first.length >= count) return first;
    let joined = 1;
    let bytes = first.length;
    while (bytes < count && joined < this.#chunks.length) {
      bytes += this.#chunks[joined]?.length ?? 0;
      joined++;
    }
    const front = Buffer.concat(this.#chunks.slice(0, joined), bytes);
    this.#chunks.splice(0, joined, front);
    return front;
  }

  #take(count: number): Buffer {
    if (count === 0) return NOTHING;
    const front = this.#front(count);
    this.#bufferedBytes -= count;
    if (front.length === count) {
      this.#chunks.shift();
      return front;
    }
    this.#chunks[0] = front.subarray(count);
    return front.subarray(0, count);
  }

  #takeMessage(): Message {
    const single = this.#scannedPackets === 1;
    const framed = this.#take(this.#scannedBytes);
    const payload = single ? framed.subarray(HEADER_BYTES) : withoutHeaders(framed);
    this.#forgetScan();
    return { payload, framed, nextSequence: this.#sequence };
  }

  #forgetScan(): void {
    this.#scannedBytes = 0;
    this.#scannedPackets = 0;
    this.#packetEnd = 0;
  }
}

/** The payload of a message of several packets, which are all full but the last. */
function withoutHeaders(framed: Buffer): Buffer {
  const pieces: Buffer[] = [];
  for (let at = 0; at < framed.length; ) {
    const end = at + HEADER_BYTES + framed.readUIntLE(at, 3);
    pieces.push(framed.subarray(at + HEADER_BYTES, end));
    at = end;
  }
  return Buffer.concat(pieces);
}
