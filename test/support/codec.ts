// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { PosternError } from '../../src/model/errors.ts';
import type { Capabilities } from '../../src/wire/mysql/capabilities.ts';
import { MESSAGE_VECTORS } from '../vectors/mysql/messages.ts';

export interface CodecCheck<T> {
  /** Key of the vectors. */
  readonly file: string;
  decode(payload: Buffer, capabilities: Capabilities): T;
  encode?(message: T, capabilities: Capabilities): Buffer;
  /** Vectors that are read but come out in another form: optional parts, other orders. */
  readonly readOnly?: readonly string[];
  /** Messages to write and read back, with the capabilities they are written for. */
  readonly messages?: fc.Arbitrary<T>;
  readonly capabilities?: Capabilities;
}

const RUNS = 40;

/** The checks every codec gets: vectors both ways, no prefix of one does harm, round trips. */
export function checkCodec<T>(check: CodecCheck<T>): void {
  const vectors = MESSAGE_VECTORS[check.file] ?? [];
  it('has vectors', () => assert.ok(vectors.length > 0));

  for (const vector of vectors) {
    const capabilities = vector.capabilities ?? check.capabilities ?? 0n;
    it(`reads and writes: ${vector.name}`, () => {
      const message = check.decode(vector.payload, capabilities);
      if (!check.encode || check.readOnly?.includes(vector.name)) return;
      const written = check.encode(message, capabilities);
      assert.equal(written.toString('hex'), vector.payload.toString('hex'));
    });

    it(`refuses every cut of: ${vector.name}`, () => {
      for (let length = 0; length < vector.payload.length; length++) {
        onlyMalformed(() => check.decode(vector.payload.subarray(0, length), capabilities));
      }
    });
  }

  const { messages, encode } = check;
  if (!messages || !encode) return;
  it('reads back what it wrote', () => {
    const capabilities = check.capabilities ?? 0n;
    fc.assert(
      fc.property(messages, (message) => {
        const read = check.decode(encode(message, capabilities), capabilities);
        assert.deepEqual(read, message);
      }),
      { numRuns: RUNS },
    );
  });
}

/** Runs something that may succeed, or fail with `malformed-message`, but in no other way. */
export function onlyMalformed(run: () => unknown): void {
  try {
    run();
  } catch (error) {
    if (error instanceof PosternError && error.code === 'malformed-message') return;
    throw error;
  }
}

export function isMalformed(problem: RegExp): (error: unknown) => boolean {
  return (error) =>
    error instanceof PosternError &&
    error.code === 'malformed-message' &&
    problem.test(String(error.facts['problem']));
}

/** A message with exactly these fields; plain objects, as decoders make them. */
export function record<T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record<T>(fields, { noNullPrototype: true });
}

/** Arbitraries of the fields messages are made of. */
export const arbitrary = {
  u8: fc.integer({ min: 0, max: 0xff }),
  u16: fc.integer({ min: 0, max: 0xffff }),
  u24: fc.integer({ min: 0, max: 0xffffff }),
  u32: fc.integer({ min: 0, max: 0xffff_ffff }),
  u64: fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn }),
  count: fc.oneof(
    fc.integer({ min: 0, max: 0x20000 }),
    fc.constantFrom(0xfa, 0xfb, 0xffff, 0x10000, 0xffffff, 0x1000000, Number.MAX_SAFE_INTEGER),
  ),
  bytes: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  challenge: fc
    .uint8Array({ minLength: 20, maxLength: 20, min: 1 })
    .map((bytes) => Buffer.from(bytes)),
  text: fc.string({ unit: 'grapheme', maxLength: 40 }).filter((text) => !text.includes('\0')),
  attributes: fc
    .dictionary(fc.string({ maxLength: 12 }), fc.string({ maxLength: 20 }), {
      maxKeys: 5,
      noNullPrototype: true,
    })
    .filter((attributes) => !Object.hasOwn(attributes, '__proto__')),
};
