// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Cluster } from '../policy/policy.ts';
import { proxiedIdentity } from './proxied-identity.ts';

const NOW = 1_800_000_000_000;
const cluster = {
  name: 'prod',
  trustDomain: 'prod.local',
  trustDomainAliases: ['old.example'],
} as unknown as Cluster;
const identified = (...texts: string[]) =>
  proxiedIdentity(
    texts.map((text) => Buffer.from(text)),
    cluster,
    NOW,
  );

describe('identity from a PROXY header', () => {
  it('is the workload of the one cluster that the proxy belongs to', () => {
    for (const domain of ['prod.local', 'old.example']) {
      const found = identified(`spiffe://${domain}/ns/payments/sa/checkout`);
      assert.deepEqual(found, {
        ok: true,
        principal: {
          kind: 'workload',
          id: 'workload/prod/payments/checkout',
          method: 'proxy-v2',
          verifiedBy: 'prod',
          claims: {},
          expiresAt: NOW + 86_400_000,
          cluster: 'prod',
          namespace: 'payments',
          serviceAccount: 'checkout',
          spiffeId: 'spiffe://prod.local/ns/payments/sa/checkout',
        },
      });
    }
  });

  it('is nobody without a peer that the proxy verified', () => {
    for (const texts of [[], [''], ['-']]) {
      const found = identified(...texts);
      assert.equal(found.ok || found.reason, 'anonymous');
    }
  });

  it('is refused when there are two, when it is none, or one of another trust domain', () => {
    const good = 'spiffe://prod.local/ns/a/sa/b';
    for (const texts of [
      [good, good],
      [good, ''],
      [`${good}\0`],
      [`${good},${good}`],
      [`${good}/`],
      ['URI=spiffe://prod.local/ns/a/sa/b'],
      ['spiffe://evil.local/ns/a/sa/b'],
      ['spiffe://prod.local/ns/a/sa/\u00e9'],
    ]) {
      const found = identified(...texts);
      assert.equal(found.ok || found.reason, 'proxy-identity', texts.join());
    }
  });
});
