// SPDX-License-Identifier: Apache-2.0
import { describe } from 'node:test';
import { arbitrary, checkCodec, record } from '../../../test/support/codec.ts';
import { decodeComStmtClose, encodeComStmtClose } from './com-stmt-close.ts';

describe('com-stmt-close', () => {
  checkCodec({
    file: 'com-stmt-close',
    decode: decodeComStmtClose,
    encode: encodeComStmtClose,
    messages: record({ statementId: arbitrary.u32 }),
  });
});
