// SPDX-License-Identifier: Apache-2.0
import { Duplex } from 'node:stream';
import { constants, deflate, deflateSync, inflate, inflateSync } from 'node:zlib';
import { PosternError } from '../../model/errors.ts';
import {
  COMPRESSED_HEADER_BYTES,
  type CompressedHeader,
  decodeCompressedHeader,
  encodeCompressedHeader,
  MAX_COMPRESSED_BYTES,
} from '../../wire/mysql/compressed-packet.ts';
import type { BufferBudget } from '../limits.ts';

/** Below it compression costs more than it saves; servers do the same. */
const MIN_COMPRESSED_BYTES = 50;
/** Larger pieces are worked on by another thread, so that nobody else waits meanwhile. */
const SYNCHRONOUS_BYTES = 32_768;
/** Larger pieces count against the process's buffer budget before they are unpacked. */
const COUNTED_BYTES = 65_536;
const LEVEL = { level: constants.Z_BEST_SPEED };

/** Where the counting of one command's packets and of its answer's stands. */
interface Counter {
  next: number;
}

/**
 * The downstream connection as the rest of the gateway sees it when the driver asked for
 * CLIENT_COMPRESS: plain packets in and out. The ids of compressed packets start at 0 with each
 * command and go on in its answer, so the owner says when it takes a command up (`began`).
 *
 * What is malformed is told as a `fault` and nothing more is read: the owner can still write.
 */
export class CompressedStream extends Duplex {
  readonly #socket: Duplex;
  readonly #budget: BufferBudget;
  readonly #arrived: Buffer[] = [];
  #arrivedBytes = 0;
  /** Of the packet at hand, and what is counted for it. */
  #header: CompressedHeader | undefined;
  #countedBytes = 0;
  #unpacking = false;
  #broken = false;
  /** Of commands that have come and were not taken up. */
  readonly #waiting: Counter[] = [];
  #current: Counter = { next: 0 };
  /** Before the first command there is nothing that a packet could go on with. */
  #started = false;

  constructor(socket: Duplex, early: Buffer, budget: BufferBudget) {
    super({ allowHalfOpen: true, emitClose: true });
    this.#socket = socket;
    this.#budget = budget;
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('end', () => this.push(null));
    socket.on('error', (cause) => this.destroy(cause));
    socket.on('close', () => this.destroy());
    // What came too early is not to be unpacked before anybody listens.
    if (early.length > 0) setImmediate(() => this.#receive(early));
  }

  /** The owner takes up the next command: what it writes from now on is the answer to it. */
  began(): void {
    this.#current = this.#waiting.shift() ?? this.#current;
  }

  override _read(): void {
    if (this.#socket.isPaused() && !this.#unpacking) {
      this.#socket.resume();
      this.#unpack();
    }
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#pack(chunk, 0, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.end();
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket.destroy();
    this.#uncount();
    done(error);
  }

  #receive(chunk: Buffer): void {
    if (this.#broken || this.destroyed) return;
    this.#arrived.push(chunk);
    this.#arrivedBytes += chunk.length;
    this.#unpack();
  }

  /** Gives out what is whole, one piece after the other. */
  #unpack(): void {
    try {
      while (!this.#unpacking && !this.#broken && !this.destroyed) {
        const header = this.#header ?? this.#readHeader();
        if (!header || this.#arrivedBytes < header.bodyBytes) return;
        const body = this.#next(header.bodyBytes);
        this.#header = undefined;
        if (header.plainBytes > 0) this.#inflate(header, body);
        else {
          this.#uncount();
          this.#give(body);
        }
      }
    } catch (thrown) {
      this.#fault(thrown);
    }
  }

  /** What it announces is counted before it is waited for, and before it is unpacked. */
  #readHeader(): CompressedHeader | undefined {
    if (this.#arrivedBytes < COMPRESSED_HEADER_BYTES) return undefined;
    const header = decodeCompressedHeader(this.#next(COMPRESSED_HEADER_BYTES));
    this.#number(header.sequence);
    const bytes = header.bodyBytes + header.plainBytes;
    const counted = bytes > COUNTED_BYTES ? bytes : 0;
    if (!this.#budget.take(counted)) throw malformed('the gateway holds too much; try again');
    this.#countedBytes = counted;
    this.#header = header;
    return header;
  }

  #uncount(): void {
    this.#budget.giveBack(this.#countedBytes);
    this.#countedBytes = 0;
  }

  /** Exactly so many of the bytes that are there; joined once, however they came. */
  #next(count: number): Buffer {
    const first = this.#arrived[0];
    const joined = first && first.length >= count ? first : Buffer.concat(this.#arrived);
    if (joined !== first) this.#arrived.length = 0;
    else this.#arrived.shift();
    if (joined.length > count) this.#arrived.unshift(joined.subarray(count));
    this.#arrivedBytes -= count;
    return joined.subarray(0, count);
  }

  /** A packet goes on with the numbers of the command before it, or starts a new one with 0. */
  #number(sequence: number): void {
    const newest = this.#waiting.at(-1) ?? this.#current;
    if (this.#started && sequence === newest.next) newest.next = (sequence + 1) & 0xff;
    else if (sequence === 0) this.#waiting.push({ next: 1 });
    else throw malformed(`sequence id ${sequence} instead of ${newest.next}`);
    this.#started = true;
  }

  #inflate({ plainBytes }: CompressedHeader, body: Buffer): void {
    // One byte more than announced already is a lie, and ends it.
    const options = { maxOutputLength: plainBytes, info: true };
    if (plainBytes <= SYNCHRONOUS_BYTES) {
      return this.#take(inflateSync(body, options) as unknown as Inflated, plainBytes, body);
    }
    this.#unpacking = true;
    this.#socket.pause();
    inflate(body, options, (error, result) => {
      this.#unpacking = false;
      if (this.destroyed) return;
      try {
        if (error) throw error;
        this.#take(result as unknown as Inflated, plainBytes, body);
        this.#unpack();
        if (!this.#unpacking && !this.isPaused()) this.#socket.resume();
      } catch (thrown) {
        this.#fault(thrown);
      }
    });
  }

  #take({ buffer, engine }: Inflated, plainBytes: number, body: Buffer): void {
    if (buffer.length !== plainBytes) throw malformed('a body has another size than announced');
    if (engine.bytesWritten !== body.length) throw malformed('bytes behind the compressed data');
    this.#uncount();
    this.#give(buffer);
  }

  #give(plain: Buffer): void {
    if (!this.push(plain)) this.#socket.pause();
  }

  #pack(chunk: Buffer, from: number, done: (error?: Error | null) => void): void {
    const plain = chunk.subarray(from, from + MAX_COMPRESSED_BYTES);
    const next = (error?: Error | null) => {
      if (error || from + plain.length >= chunk.length) done(error);
      else this.#pack(chunk, from + plain.length, done);
    };
    if (plain.length < MIN_COMPRESSED_BYTES) return this.#send(plain, 0, next);
    const packed = (body: Buffer) =>
      body.length < plain.length
        ? this.#send(body, plain.length, next)
        : this.#send(plain, 0, next);
    if (plain.length <= SYNCHRONOUS_BYTES) packed(deflateSync(plain, LEVEL));
    else deflate(plain, LEVEL, (error, body) => (error ? next(error) : packed(body)));
  }

  #send(body: Buffer, plainBytes: number, done: (error?: Error | null) => void): void {
    const sequence = this.#current.next;
    this.#current.next = (sequence + 1) & 0xff;
    const header = encodeCompressedHeader({ bodyBytes: body.length, sequence, plainBytes });
    this.#socket.write(Buffer.concat([header, body]), done);
  }

  #fault(thrown: unknown): void {
    this.#broken = true;
    this.#arrived.length = 0;
    this.#uncount();
    const problem = thrown instanceof Error ? thrown.message : String(thrown);
    this.emit('fault', thrown instanceof PosternError ? thrown : malformed(problem));
  }
}

/** What zlib returns with `info`. */
interface Inflated {
  readonly buffer: Buffer;
  readonly engine: { readonly bytesWritten: number };
}

function malformed(problem: string): PosternError {
  return new PosternError('malformed-message', {
    message: 'compressed packet',
    offset: 0,
    problem,
  });
}
