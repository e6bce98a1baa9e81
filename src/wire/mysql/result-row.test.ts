// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { arbitrary, checkCodec, isMalformed } from '../../../test/support/codec.ts';
import { decodeTextRow, encodeTextRow } from './result-row.ts';

const COLUMNS = 2;

describe('result-row', () => {
  checkCodec({
    file: 'result-row',
    decode: (payload) => decodeTextRow(payload, COLUMNS),
    encode: encodeTextRow,
    messages: fc
      .tuple(fc.option(arbitrary.bytes), fc.option(arbitrary.bytes))
      .map((row) => [...row]),
  });

  it('tells NULL from the empty text', () => {
    assert.deepEqual(decodeTextRow(Buffer.from('fb00', 'hex'), COLUMNS), [null, Buffer.alloc(0)]);
  });

  it('refuses a row with another number of values', () => {
    assert.throws(() => decodeTextRow(Buffer.from('0000', 'hex'), 1), isMalformed(/left over/));
    assert.throws(() => decodeTextRow(Buffer.from('00', 'hex'), COLUMNS), isMalformed(/early/));
  });
});
