// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { arbitrary } from '../../../../test/support/codec.ts';
import { scrambleSha2, sha2Stage2, verifySha2 } from './caching-sha2.ts';

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest();

describe('caching-sha2', () => {
  it('follows the formula of the documents', () => {
    const challenge = Buffer.from('abcdefghijklmnopqrst');
    const once = sha256(Buffer.from('secret'));
    const mask = sha256(Buffer.concat([sha256(once), challenge]));
    const expected = Buffer.from(once.map((byte, index) => byte ^ (mask[index] ?? 0)));
    assert.deepEqual(scrambleSha2('secret', challenge), expected);
  });

  it('verifies answers to its challenge, with its password, and no others', () => {
    fc.assert(
      fc.property(arbitrary.challenge, fc.string({ minLength: 1 }), (challenge, password) => {
        const answer = scrambleSha2(password, challenge);
        const stage2 = sha2Stage2(password);
        assert.ok(verifySha2(answer, challenge, stage2));
        assert.ok(!verifySha2(answer, challenge, sha2Stage2(`${password}x`)));
        assert.ok(!verifySha2(answer, Buffer.alloc(20), stage2));
      }),
      { numRuns: 40 },
    );
  });

  it('never accepts an empty answer', () => {
    assert.equal(scrambleSha2('', Buffer.alloc(20)).length, 0);
    assert.ok(!verifySha2(Buffer.alloc(0), Buffer.alloc(20), sha2Stage2('')));
  });
});
