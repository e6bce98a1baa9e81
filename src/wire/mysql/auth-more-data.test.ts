// SPDX-License-Identifier: Apache-2.0
import { describe } from 'node:test';
import { arbitrary, checkCodec, record } from '../../../test/support/codec.ts';
import { decodeAuthMoreData, encodeAuthMoreData } from './auth-more-data.ts';

describe('auth-more-data', () => {
  checkCodec({
    file: 'auth-more-data',
    decode: decodeAuthMoreData,
    encode: encodeAuthMoreData,
    messages: record({ data: arbitrary.bytes }),
  });
});
