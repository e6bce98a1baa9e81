// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseToken } from './unverified-token.ts';

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

describe('unverified-token', () => {
  it('never throws and never invents an issuer', () => {
    const segment = fc.oneof(
      fc.string(),
      fc.base64String(),
      fc.json().map((text) => Buffer.from(text).toString('base64url')),
      fc.object().map(encode),
    );
    fc.assert(
      fc.property(fc.array(segment, { maxLength: 6 }), (segments) => {
        const result = parseToken(segments.join('.'));
        assert.ok(result.ok ? result.token.issuer !== undefined : result.detail.length > 0);
      }),
      { numRuns: 2000 },
    );
  });

  it('reads any JSON object as claims without being polluted by it', () => {
    const header = encode({ alg: 'ES256', kid: 'k' });
    const hostile = '{"iss":"i","__proto__":{"admin":"yes"},"constructor":"x"}';
    const result = parseToken(`${header}.${Buffer.from(hostile).toString('base64url')}.AA`);
    assert.ok(result.ok);
    assert.equal(({} as Record<string, unknown>).admin, undefined);
    assert.equal(result.token.issuer, 'i');
  });

  it('refuses bytes that are not UTF-8 and padding or spaces in base64url', () => {
    const header = encode({ alg: 'ES256' });
    const latin1 = Buffer.from('{"iss":"\xe9"}', 'latin1').toString('base64url');
    for (const payload of [latin1, 'e30=', ' e30', 'e30\n', 'e+/0', '']) {
      assert.equal(parseToken(`${header}.${payload}.AA`).ok, false, JSON.stringify(payload));
    }
  });

  it('survives deep nesting', () => {
    const deep = Buffer.from('['.repeat(11_000)).toString('base64url');
    assert.equal(parseToken(`${encode({ alg: 'ES256' })}.${deep}.AA`).ok, false);
  });
});
