// SPDX-License-Identifier: Apache-2.0
import { describe } from 'node:test';
import { arbitrary, checkCodec, record } from '../../../test/support/codec.ts';
import { decodeComStmtSendLongData, encodeComStmtSendLongData } from './com-stmt-send-long-data.ts';

describe('com-stmt-send-long-data', () => {
  checkCodec({
    file: 'com-stmt-send-long-data',
    decode: decodeComStmtSendLongData,
    encode: encodeComStmtSendLongData,
    messages: record({
      statementId: arbitrary.u32,
      parameter: arbitrary.u16,
      data: arbitrary.bytes,
    }),
  });
});
