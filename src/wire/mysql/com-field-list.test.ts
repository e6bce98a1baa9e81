// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { arbitrary, checkCodec, record } from '../../../test/support/codec.ts';
import { decodeComFieldList, encodeComFieldList } from './com-field-list.ts';

const name = arbitrary.text.map((text) => Buffer.from(text));

describe('com-field-list', () => {
  checkCodec({
    file: 'com-field-list',
    decode: decodeComFieldList,
    encode: encodeComFieldList,
    messages: record({ table: name, wildcard: name }),
  });

  it('leaves out a NUL that closes the pattern', () => {
    const { wildcard } = decodeComFieldList(Buffer.from('\x04t\0a%\0'));
    assert.equal(wildcard.toString(), 'a%');
  });
});
