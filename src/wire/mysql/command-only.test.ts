// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { checkCodec, isMalformed } from '../../../test/support/codec.ts';
import { type CommandOnly, decodeCommandOnly, encodeCommandOnly } from './command-only.ts';

describe('command-only', () => {
  checkCodec<CommandOnly>({
    file: 'command-only',
    decode: decodeCommandOnly,
    encode: encodeCommandOnly,
    messages: fc.constantFrom('COM_QUIT', 'COM_PING', 'COM_STATISTICS', 'COM_DEBUG'),
  });

  it('refuses a body and commands that have one', () => {
    assert.throws(() => decodeCommandOnly(Buffer.from('0e00', 'hex')), isMalformed(/left over/));
    assert.throws(() => decodeCommandOnly(Buffer.from('03', 'hex')), isMalformed(/0x3/));
  });
});
