// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { arbitrary, checkCodec, isMalformed, record } from '../../../test/support/codec.ts';
import {
  decodeComStmtPrepare,
  decodePrepareOk,
  encodeComStmtPrepare,
  encodePrepareOk,
} from './com-stmt-prepare.ts';

describe('com-stmt-prepare', () => {
  checkCodec({
    file: 'com-stmt-prepare',
    decode: decodeComStmtPrepare,
    encode: encodeComStmtPrepare,
    messages: record({ statement: arbitrary.bytes }),
  });
});

describe('com-stmt-prepare: PREPARE_OK', () => {
  checkCodec({
    file: 'prepare-ok',
    decode: decodePrepareOk,
    encode: encodePrepareOk,
    messages: record({
      statementId: arbitrary.u32,
      columns: arbitrary.u16,
      parameters: arbitrary.u16,
      warnings: arbitrary.u16,
    }),
  });

  it('refuses another header', () => {
    assert.throws(() => decodePrepareOk(Buffer.from('fe', 'hex')), isMalformed(/0x00/));
  });
});
