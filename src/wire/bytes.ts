// SPDX-License-Identifier: Apache-2.0
import { PosternError } from '../model/errors.ts';

/**
 * A bounds-checked cursor over one message. Everything it cannot read throws `malformed-message`
 * with the message's name and the byte offset; nothing is copied (slices share the input's memory).
 */
export class ByteReader {
  readonly bytes: Buffer;
  readonly message: string;
  offset: number;
  readonly end: number;

  constructor(bytes: Buffer, message: string, offset = 0, end = bytes.length) {
    this.bytes = bytes;
    this.message = message;
    this.offset = offset;
    this.end = end;
  }

  get remaining(): number {
    return this.end - this.offset;
  }

  fail(problem: string): never {
    throw new PosternError('malformed-message', {
      message: this.message,
      offset: this.offset,
      problem,
    });
  }

  /** Moves on by `count` bytes and returns where they start. */
  skip(count: number): number {
    const start = this.offset;
    if (count < 0 || count > this.end - start) {
      this.fail(`${count} bytes are wanted, ${this.end - start} are left`);
    }
    this.offset = start + count;
    return start;
  }

  u8(): number {
    return this.bytes.readUInt8(this.skip(1));
  }

  peekU8(): number {
    if (this.remaining < 1) this.fail('it ends early');
    return this.bytes.readUInt8(this.offset);
  }

  u16(): number {
    return this.bytes.readUInt16LE(this.skip(2));
  }

  u24(): number {
    return this.bytes.readUIntLE(this.skip(3), 3);
  }

  u32(): number {
    return this.bytes.readUInt32LE(this.skip(4));
  }

  u48(): number {
    return this.bytes.readUIntLE(this.skip(6), 6);
  }

  u64(): bigint {
    return this.bytes.readBigUInt64LE(this.skip(8));
  }

  /** Length-encoded integer; above 2^53 - 1 is refused, no honest count or length gets there. */
  lenencInt(): number {
    const first = this.u8();
    if (first < 0xfb) return first;
    if (first === 0xfc) return this.u16();
    if (first === 0xfd) return this.u24();
    if (first !== 0xfe) this.fail(`0x${first.toString(16)} starts no length-encoded integer`);
    const value = this.u64();
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) this.fail('the integer is above 2^53 - 1');
    return Number(value);
  }

  take(count: number): Buffer {
    const start = this.skip(count);
    return this.bytes.subarray(start, start + count);
  }

  lenencBytes(): Buffer {
    return this.take(this.lenencInt());
  }

  lenencText(): string {
    return this.lenencBytes().toString('utf8');
  }

  nulBytes(): Buffer {
    const nul = this.bytes.indexOf(0, this.offset);
    if (nul < 0 || nul >= this.end) this.fail('a string has no terminating NUL');
    const value = this.bytes.subarray(this.offset, nul);
    this.offset = nul + 1;
    return value;
  }

  nulText(): string {
    return this.nulBytes().toString('utf8');
  }

  rest(): Buffer {
    return this.take(this.remaining);
  }

  restText(): string {
    return this.rest().toString('utf8');
  }

  /** Nothing may be left: bytes we would not look at could mean something to the other side. */
  finish(): void {
    if (this.remaining > 0) this.fail(`${this.remaining} bytes are left over`);
  }
}

/** Collects one message; the buffer grows by doubling. */
export class ByteWriter {
  #bytes: Buffer;
  #length = 0;

  constructor(sizeHint = 128) {
    this.#bytes = Buffer.allocUnsafe(Math.max(sizeHint, 16));
  }

  #reserve(count: number): number {
    const start = this.#length;
    const needed = start + count;
    if (needed > this.#bytes.length) {
      const grown = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2));
      this.#bytes.copy(grown, 0, 0, start);
      this.#bytes = grown;
    }
    this.#length = needed;
    return start;
  }

  u8(value: number): this {
    const at = this.#reserve(1);
    this.#bytes.writeUInt8(value, at);
    return this;
  }

  u16(value: number): this {
    const at = this.#reserve(2);
    this.#bytes.writeUInt16LE(value, at);
    return this;
  }

  u24(value: number): this {
    const at = this.#reserve(3);
    this.#bytes.writeUIntLE(value, at, 3);
    return this;
  }

  u32(value: number): this {
    const at = this.#reserve(4);
    this.#bytes.writeUInt32LE(value, at);
    return this;
  }

  u48(value: number): this {
    const at = this.#reserve(6);
    this.#bytes.writeUIntLE(value, at, 6);
    return this;
  }

  u64(value: bigint): this {
    const at = this.#reserve(8);
    this.#bytes.writeBigUInt64LE(value, at);
    return this;
  }

  lenencInt(value: number): this {
    if (value < 0xfb) return this.u8(value);
    if (value <= 0xffff) return this.u8(0xfc).u16(value);
    if (value <= 0xffffff) return this.u8(0xfd).u24(value);
    return this.u8(0xfe).u64(BigInt(value));
  }

  put(value: Uint8Array): this {
    const at = this.#reserve(value.length);
    this.#bytes.set(value, at);
    return this;
  }

  zeros(count: number): this {
    const at = this.#reserve(count);
    this.#bytes.fill(0, at, at + count);
    return this;
  }

  text(value: string): this {
    return this.put(Buffer.from(value, 'utf8'));
  }

  lenencBytes(value: Uint8Array): this {
    return this.lenencInt(value.length).put(value);
  }

  lenencText(value: string): this {
    return this.lenencBytes(Buffer.from(value, 'utf8'));
  }

  /** A NUL inside would let the rest of the value be read as the next field: a bug, not input. */
  nulText(value: string): this {
    if (value.includes('\0')) throw new RangeError('a NUL-terminated string holds a NUL');
    return this.text(value).u8(0);
  }

  finish(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }
}
