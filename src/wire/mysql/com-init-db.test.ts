// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { arbitrary, checkCodec, isMalformed, record } from '../../../test/support/codec.ts';
import { decodeComInitDb, encodeComInitDb } from './com-init-db.ts';

describe('com-init-db', () => {
  checkCodec({
    file: 'com-init-db',
    decode: decodeComInitDb,
    encode: encodeComInitDb,
    messages: record({ schema: arbitrary.text.map((text) => Buffer.from(text)) }),
  });

  it('refuses a name that the server would read differently', () => {
    const bytes = Buffer.from('\x02shop\0x');
    assert.throws(() => decodeComInitDb(bytes), isMalformed(/NUL/));
  });
});
