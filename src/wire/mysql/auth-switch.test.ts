// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { arbitrary, checkCodec, isMalformed, record } from '../../../test/support/codec.ts';
import { decodeAuthSwitch, encodeAuthSwitch } from './auth-switch.ts';

describe('auth-switch', () => {
  checkCodec({
    file: 'auth-switch',
    decode: decodeAuthSwitch,
    encode: encodeAuthSwitch,
    messages: record({ plugin: arbitrary.text, data: arbitrary.challenge }),
  });

  it('refuses to fall back to the passwords of before 4.1', () => {
    assert.throws(() => decodeAuthSwitch(Buffer.from([0xfe])), isMalformed(/old_password/));
  });
});
