// SPDX-License-Identifier: Apache-2.0
import { describe } from 'node:test';
import { arbitrary, checkCodec, record } from '../../../test/support/codec.ts';
import { decodeComStmtBulkExecute, encodeComStmtBulkExecute } from './com-stmt-bulk-execute.ts';

describe('com-stmt-bulk-execute', () => {
  checkCodec({
    file: 'com-stmt-bulk-execute',
    decode: decodeComStmtBulkExecute,
    encode: encodeComStmtBulkExecute,
    messages: record({
      statementId: arbitrary.u32,
      flags: arbitrary.u16,
      body: arbitrary.bytes,
    }),
  });
});
