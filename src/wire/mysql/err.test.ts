// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { arbitrary, checkCodec, isMalformed, record } from '../../../test/support/codec.ts';
import { MESSAGE_VECTORS } from '../../../test/vectors/mysql/messages.ts';
import { decodeErr, encodeErr } from './err.ts';
import { SERVER_ERRORS } from './errors.ts';

const vectors = MESSAGE_VECTORS['err'] ?? [];

describe('err', () => {
  checkCodec({
    file: 'err',
    decode: decodeErr,
    encode: encodeErr,
    readOnly: ['too many connections, before the login: no SQLSTATE'],
    messages: record({
      errno: fc.integer({ min: 0, max: 0xfffe }),
      sqlState: fc.constantFrom('HY000', '42S22', '08004'),
      message: arbitrary.text,
    }),
  });

  it('reads number, state and text', () => {
    assert.deepEqual(decodeErr(vectors[0]?.payload ?? Buffer.alloc(0)), {
      errno: 1054,
      sqlState: '42S22',
      message: "Unknown column 'nope' in 'SELECT'",
    });
  });

  it('reads an error from before the login, which has no SQLSTATE', () => {
    const err = decodeErr(vectors[2]?.payload ?? Buffer.alloc(0));
    assert.deepEqual([err.errno, err.sqlState], [1040, 'HY000']);
    assert.equal(err.message, 'Too many connections');
  });

  it('does not take a progress report for an error', () => {
    assert.throws(() => decodeErr(Buffer.from('ffffff01', 'hex')), isMalformed(/progress/));
  });

  it('writes only states of five characters', () => {
    const message = { errno: 1, sqlState: 'HY00', message: '' };
    assert.throws(() => encodeErr(message), RangeError);
    for (const { sqlState } of Object.values(SERVER_ERRORS))
      assert.match(sqlState, /^[0-9A-Z]{5}$/);
  });
});
