// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { formatWorkloadSpiffeId, parseWorkloadSpiffeId } from './spiffe-id.ts';

const GOOD = 'spiffe://cluster.local/ns/payments/sa/checkout';

describe('spiffe-id', () => {
  it('reads Istio workload ids', () => {
    assert.deepEqual(parseWorkloadSpiffeId(GOOD), {
      trustDomain: 'cluster.local',
      namespace: 'payments',
      serviceAccount: 'checkout',
    });
    assert.ok(parseWorkloadSpiffeId('spiffe://td/ns/a/sa/with.dots.in-it'));
  });

  it('refuses everything else', () => {
    const bad = [
      '',
      'spiffe://',
      'spiffe://td',
      'spiffe://td/ns/a',
      `${GOOD}/`,
      `${GOOD}/x`,
      `${GOOD}?x=1`,
      `${GOOD}#x`,
      'SPIFFE://td/ns/a/sa/b',
      'spiffe://TD/ns/a/sa/b',
      'spiffe://td:8080/ns/a/sa/b',
      'spiffe://user@td/ns/a/sa/b',
      'spiffe:///ns/a/sa/b',
      'spiffe://td//ns/a/sa/b',
      'spiffe://td/ns/../sa/b',
      'spiffe://td/ns/a/sa/..',
      'spiffe://td/ns/a%2fb/sa/c',
      'spiffe://td/ns/A/sa/b',
      'spiffe://td/ns/a.b/sa/c',
      'spiffe://td/ns/-a/sa/c',
      'spiffe://td/ns//sa/c',
      'spiffe://td/ns/a/sa/',
      'spiffe://td/sa/a/ns/b',
      ` ${GOOD}`,
      `${GOOD}\n`,
      `${GOOD}\0`,
      `spiffe://${'t'.repeat(256)}/ns/a/sa/b`,
      `spiffe://td/ns/${'a'.repeat(64)}/sa/b`,
      `spiffe://td/ns/a/sa/${'b.'.repeat(130)}b`,
    ];
    for (const text of bad) assert.equal(parseWorkloadSpiffeId(text), undefined, text);
  });

  it('writes back what it read, whatever it reads', () => {
    const part = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?$/);
    fc.assert(
      fc.property(part, part, part, (trustDomain, namespace, serviceAccount) => {
        const id = { trustDomain, namespace, serviceAccount };
        assert.deepEqual(parseWorkloadSpiffeId(formatWorkloadSpiffeId(id)), id);
      }),
      { numRuns: 200 },
    );
    const noise = fc.string({ unit: fc.constantFrom(...'spife:/nsatd.-_%@?#A0\0 ') });
    fc.assert(
      fc.property(
        fc.oneof(
          noise,
          noise.map((end) => GOOD + end),
        ),
        (text) => {
          const id = parseWorkloadSpiffeId(text);
          if (id) assert.equal(formatWorkloadSpiffeId(id), text);
        },
      ),
      { numRuns: 1000 },
    );
  });
});
