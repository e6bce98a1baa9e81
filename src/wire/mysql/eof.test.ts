// SPDX-License-Identifier: Apache-2.0
import { describe } from 'node:test';
import { arbitrary, checkCodec, record } from '../../../test/support/codec.ts';
import { decodeEof, encodeEof } from './eof.ts';

describe('eof', () => {
  checkCodec({
    file: 'eof',
    decode: decodeEof,
    encode: encodeEof,
    messages: record({ warnings: arbitrary.u16, status: arbitrary.u16 }),
  });
});
