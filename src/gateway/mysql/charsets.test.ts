// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isReadable } from './charsets.ts';

const UTF8MB4 = 45;
const LATIN1 = 8;
const GBK = 28;

describe('names in logins', () => {
  it('are read as UTF-8 only when the driver speaks it', () => {
    assert.ok(isReadable('shop', GBK));
    assert.ok(isReadable('caf\u00e9', UTF8MB4));
    assert.ok(!isReadable('caf\u00e9', LATIN1));
    assert.ok(!isReadable('caf\u00e9', GBK));
  });

  it('are refused when they are no UTF-8 at all, or hold control characters in another set', () => {
    assert.ok(!isReadable(Buffer.from('636166e9', 'hex').toString('utf8'), UTF8MB4));
    assert.ok(!isReadable('a\u001bb', GBK));
  });
});
