// SPDX-License-Identifier: Apache-2.0
import { describe } from 'node:test';
import { arbitrary, checkCodec, record } from '../../../test/support/codec.ts';
import { decodeComStmtReset, encodeComStmtReset } from './com-stmt-reset.ts';

describe('com-stmt-reset', () => {
  checkCodec({
    file: 'com-stmt-reset',
    decode: decodeComStmtReset,
    encode: encodeComStmtReset,
    messages: record({ statementId: arbitrary.u32 }),
  });
});
