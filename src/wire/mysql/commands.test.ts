// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { COM, COMMAND_NAMES, commandName } from './commands.ts';

describe('commands', () => {
  it('gives every command a byte of its own and finds it back', () => {
    assert.equal(new Set(Object.values(COM)).size, COMMAND_NAMES.length);
    for (const name of COMMAND_NAMES) assert.equal(commandName(COM[name]), name);
    assert.equal(commandName(0x77), undefined);
  });
});
