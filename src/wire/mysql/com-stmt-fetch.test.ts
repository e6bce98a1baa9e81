// SPDX-License-Identifier: Apache-2.0
import { describe } from 'node:test';
import { arbitrary, checkCodec, record } from '../../../test/support/codec.ts';
import { decodeComStmtFetch, encodeComStmtFetch } from './com-stmt-fetch.ts';

describe('com-stmt-fetch', () => {
  checkCodec({
    file: 'com-stmt-fetch',
    decode: decodeComStmtFetch,
    encode: encodeComStmtFetch,
    messages: record({ statementId: arbitrary.u32, rows: arbitrary.u32 }),
  });
});
