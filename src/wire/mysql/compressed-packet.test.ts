// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkCodec, isMalformed } from '../../../test/support/codec.ts';
import { decodeCompressedHeader, encodeCompressedHeader } from './compressed-packet.ts';

describe('compressed-packet', () => {
  checkCodec({
    file: 'compressed-packet',
    decode: decodeCompressedHeader,
    encode: encodeCompressedHeader,
  });

  it('refuses an empty body, and one that claims to hold more than deflate can', () => {
    const empty = Buffer.from('00000000000000', 'hex');
    assert.throws(() => decodeCompressedHeader(empty), isMalformed(/empty/));
    const bomb = Buffer.from('10000000ffffff', 'hex');
    assert.throws(() => decodeCompressedHeader(bomb), isMalformed(/shrinks/));
  });
});
