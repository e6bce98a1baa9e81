// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { arbitrary, checkCodec, isMalformed, record } from '../../../test/support/codec.ts';
import {
  decodeBulkSets,
  decodeComStmtBulkExecute,
  encodeComStmtBulkExecute,
} from './com-stmt-bulk-execute.ts';

describe('com-stmt-bulk-execute', () => {
  checkCodec({
    file: 'com-stmt-bulk-execute',
    decode: decodeComStmtBulkExecute,
    encode: encodeComStmtBulkExecute,
    messages: record({
      statementId: arbitrary.u32,
      flags: fc.constantFrom(0, 64, 128, 192, 256, 448),
      body: arbitrary.bytes,
    }),
  });

  const head = { statementId: 1, flags: 128 };
  const sets = (hex: string, parameters: number, known?: readonly number[], flags = 128) =>
    decodeBulkSets({ ...head, flags, body: Buffer.from(hex, 'hex') }, parameters, known);

  it('counts sets of values, NULL, DEFAULT and IGNORE', () => {
    const types = '0300fd00';
    const rows = `0001000000000161${'01'}${'02'}${'03'}${'0002bbbb'}`;
    assert.deepEqual(sets(types + rows, 2), { types: [3, 253], count: 3 });
  });

  it('remembers types only when it is given them', () => {
    assert.equal(sets('0001000000', 1, [3], 0).count, 1);
    assert.throws(() => sets('0001000000', 1, undefined, 0), isMalformed(/without their types/));
  });

  it('refuses what is cut off, an unknown indicator or flag, and nothing at all', () => {
    assert.throws(() => sets('03000001', 1), isMalformed(/wanted/));
    assert.throws(() => sets('0300fd000001000000', 2), isMalformed(/wanted/));
    assert.throws(() => sets('030004', 1), isMalformed(/no indicator/));
    assert.throws(() => sets('0300', 1), isMalformed(/no parameter set/));
    assert.throws(() => sets('', 0), isMalformed(/no parameters/));
    const unknown = Buffer.from('fa010000000002', 'hex');
    assert.throws(() => decodeComStmtBulkExecute(unknown), isMalformed(/flags/));
  });
});
