// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { arbitrary, checkCodec, isMalformed, record } from '../../../test/support/codec.ts';
import { MESSAGE_VECTORS } from '../../../test/vectors/mysql/messages.ts';
import {
  decodeComStmtExecute,
  decodeExecuteParameters,
  encodeComStmtExecute,
  LAST_PREPARED_STATEMENT_ID,
} from './com-stmt-execute.ts';
import { FIELD_TYPE } from './field-types.ts';

const vectors = MESSAGE_VECTORS['com-stmt-execute'] ?? [];
const payload = (index: number) => vectors[index]?.payload ?? Buffer.alloc(0);
const fixed = (type: number, bytes: number) =>
  record({
    type: fc.constant(type),
    unsigned: fc.boolean(),
    name: fc.constant(''),
    value: fc.option(
      fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((value) => Buffer.from(value)),
    ),
  });
const parameter = fc.oneof(
  fixed(FIELD_TYPE.TINY, 1),
  fixed(FIELD_TYPE.SHORT, 2),
  fixed(FIELD_TYPE.LONG, 4),
  fixed(FIELD_TYPE.DOUBLE, 8),
  fixed(FIELD_TYPE.TIMESTAMP, 7),
  fixed(FIELD_TYPE.BLOB, 300),
);

describe('com-stmt-execute', () => {
  checkCodec({ file: 'com-stmt-execute', decode: decodeComStmtExecute });

  it('reads the example of the documents', () => {
    const head = decodeComStmtExecute(payload(0));
    assert.deepEqual(head, { statementId: 1, flags: 0, iterations: 1 });
    const [value] = decodeExecuteParameters(payload(0), 1);
    assert.equal(value?.value?.toString(), 'foo');
    assert.equal(value?.type, FIELD_TYPE.VARCHAR);
  });

  it('knows the id that stands for the statement prepared last', () => {
    assert.equal(decodeComStmtExecute(payload(1)).statementId, LAST_PREPARED_STATEMENT_ID);
  });

  it('reads back parameters of every length class', () => {
    fc.assert(
      fc.property(arbitrary.u32, fc.array(parameter, { maxLength: 20 }), (statementId, values) => {
        const bytes = encodeComStmtExecute({ statementId, flags: 0, iterations: 1 }, values);
        assert.equal(decodeComStmtExecute(bytes).statementId, statementId);
        assert.deepEqual(decodeExecuteParameters(bytes, values.length), values);
      }),
      { numRuns: 60 },
    );
  });

  it('refuses several iterations and parameters without types', () => {
    const twice = encodeComStmtExecute({ statementId: 1, flags: 0, iterations: 2 }, []);
    assert.throws(() => decodeComStmtExecute(twice), isMalformed(/2 iterations/));
    const untyped = Buffer.from('170100000000010000000000', 'hex');
    assert.throws(() => decodeExecuteParameters(untyped, 1), isMalformed(/without their types/));
  });
});
