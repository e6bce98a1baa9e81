// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { arbitrary, isMalformed } from '../../test/support/codec.ts';
import { ByteReader, ByteWriter } from './bytes.ts';

const reader = (hex: string) => new ByteReader(Buffer.from(hex.replaceAll(' ', ''), 'hex'), 'TEST');

describe('bytes', () => {
  it('reads little-endian integers of every width', () => {
    const r = reader('01 0201 030201 04030201 060504030201 0807060504030201');
    assert.equal(r.u8(), 1);
    assert.equal(r.u16(), 0x0102);
    assert.equal(r.u24(), 0x010203);
    assert.equal(r.u32(), 0x01020304);
    assert.equal(r.u48(), 0x010203040506);
    assert.equal(r.u64(), 0x0102030405060708n);
    r.finish();
  });

  it('reads length-encoded integers at the edges of each form', () => {
    const r = reader('fa fcfb00 fcffff fd000001 fdffffff fe0000000100000000 feffffffffffff1f00');
    const values = [0xfa, 0xfb, 0xffff, 0x10000, 0xffffff, 0x1000000, Number.MAX_SAFE_INTEGER];
    for (const value of values) assert.equal(r.lenencInt(), value);
  });

  it('refuses integers above 2^53 - 1 and the bytes that start none', () => {
    assert.throws(() => reader('fe00000000000020 00').lenencInt(), isMalformed(/2\^53/));
    assert.throws(() => reader('fb').lenencInt(), isMalformed(/0xfb/));
    assert.throws(() => reader('ff').lenencInt(), isMalformed(/0xff/));
  });

  it('names message, offset and problem', () => {
    const r = reader('0102');
    r.u8();
    assert.throws(() => r.u32(), {
      code: 'malformed-message',
      facts: { message: 'TEST', offset: 1, problem: '4 bytes are wanted, 1 are left' },
    });
  });

  it('never reads beyond its end, though the buffer goes on', () => {
    const bytes = Buffer.from('0161620063', 'hex');
    const r = new ByteReader(bytes, 'TEST', 0, 3);
    r.u8();
    assert.throws(() => r.nulText(), isMalformed(/NUL/));
    assert.throws(() => r.take(3), isMalformed(/wanted/));
    assert.throws(() => r.take(-1), isMalformed(/wanted/));
    assert.equal(r.restText(), 'ab');
    assert.throws(() => r.peekU8(), isMalformed(/early/));
  });

  it('refuses what is left over', () => {
    assert.throws(() => reader('00').finish(), isMalformed(/left over/));
  });

  it('reads back what it wrote', () => {
    const { u8, u16, u24, u32, u64, count, bytes, text } = arbitrary;
    fc.assert(
      fc.property(u8, u16, u24, u32, u64, count, bytes, text, (a, b, c, d, e, f, g, h) => {
        const writer = new ByteWriter(1)
          .u8(a)
          .u16(b)
          .u24(c)
          .u32(d)
          .u48(f % 2 ** 48)
          .u64(e);
        const written = writer
          .lenencInt(f)
          .lenencBytes(g)
          .nulText(h)
          .lenencText(h)
          .zeros(3)
          .text(h);
        const r = new ByteReader(written.finish(), 'TEST');
        assert.deepEqual([r.u8(), r.u16(), r.u24(), r.u32(), r.u48()], [a, b, c, d, f % 2 ** 48]);
        assert.deepEqual([r.u64(), r.lenencInt(), r.lenencBytes()], [e, f, g]);
        assert.deepEqual([r.nulText(), r.lenencText(), r.u24(), r.restText()], [h, h, 0, h]);
      }),
      { numRuns: 100 },
    );
  });

  it('refuses to hide a NUL in a NUL-terminated string', () => {
    assert.throws(() => new ByteWriter().nulText('a\0b'), RangeError);
  });
});
