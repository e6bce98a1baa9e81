// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { arbitrary } from '../../../../test/support/codec.ts';
import { nativeStage2, scrambleNative, verifyNative } from './native-password.ts';

describe('native-password', () => {
  it('makes the answer that a stock driver made and MariaDB accepted', () => {
    // From the captured vectors: greeting and login of the mariadb command line.
    const challenge = Buffer.from('474d304755552b752e215c2c653b363a615b2543', 'hex');
    const answer = '27578895c7bae46b3dba363e45a85e8f9673fb0b';
    assert.equal(scrambleNative('secret', challenge).toString('hex'), answer);
  });

  it('stores what PASSWORD() prints', () => {
    const stored = nativeStage2('password').toString('hex').toUpperCase();
    assert.equal(stored, '2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19');
  });

  it('verifies answers to its challenge, with its password, and no others', () => {
    fc.assert(
      fc.property(arbitrary.challenge, fc.string({ minLength: 1 }), (challenge, password) => {
        const answer = scrambleNative(password, challenge);
        const stage2 = nativeStage2(password);
        assert.ok(verifyNative(answer, challenge, stage2));
        assert.ok(!verifyNative(answer, challenge, nativeStage2(`${password}x`)));
        const other = Buffer.from(challenge);
        other[0] = (other[0] ?? 0) ^ 1;
        assert.ok(!verifyNative(answer, other, stage2));
      }),
      { numRuns: 40 },
    );
  });

  it('never accepts an empty answer', () => {
    const challenge = Buffer.alloc(20, 1);
    assert.equal(scrambleNative('', challenge).length, 0);
    assert.ok(!verifyNative(Buffer.alloc(0), challenge, nativeStage2('')));
    assert.ok(!verifyNative(Buffer.alloc(0), challenge, Buffer.alloc(0)));
  });
});
