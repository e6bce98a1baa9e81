// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { arbitrary, checkCodec, isMalformed } from '../../../../test/support/codec.ts';
import { decodeClearPassword, encodeClearPassword } from './clear-password.ts';

describe('clear-password', () => {
  checkCodec({
    file: 'clear-password',
    decode: decodeClearPassword,
    encode: encodeClearPassword,
    messages: arbitrary.text,
  });

  it('takes a password without its closing NUL', () => {
    assert.equal(decodeClearPassword(Buffer.from('token')), 'token');
  });

  it('refuses a NUL inside', () => {
    assert.throws(() => decodeClearPassword(Buffer.from('to\0ken\0')), isMalformed(/NUL/));
    assert.throws(() => encodeClearPassword('to\0ken'), RangeError);
  });
});
