// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { checkCodec, isMalformed, record } from '../../../test/support/codec.ts';
import {
  type ComSetOption,
  decodeComSetOption,
  encodeComSetOption,
  MULTI_STATEMENTS_OFF,
  MULTI_STATEMENTS_ON,
} from './com-set-option.ts';

describe('com-set-option', () => {
  checkCodec<ComSetOption>({
    file: 'com-set-option',
    decode: decodeComSetOption,
    encode: encodeComSetOption,
    messages: record({ option: fc.constantFrom(MULTI_STATEMENTS_ON, MULTI_STATEMENTS_OFF) }),
  });

  it('refuses an option nobody defined', () => {
    assert.throws(() => decodeComSetOption(Buffer.from('1b0200', 'hex')), isMalformed(/option 2/));
  });
});
