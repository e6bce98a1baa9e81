// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { account, agent, ciJob, cluster, user, workload } from '../../test/support/policy.ts';
import type { Principal } from '../model/principal.ts';
import type { SubjectMatcher } from './policy.ts';
import { type Side, subjectMatch } from './subject-match.ts';

const clusters = new Map([['prod', cluster('prod', { trustDomainAliases: ['old.local'] })]]);

function match(subject: SubjectMatcher, principal: Principal, side: Side = 'grant'): string {
  return subjectMatch(subject, principal, side, clusters);
}

describe('subject-match', () => {
  it('asks cluster, namespace and account of a workload together', () => {
    const selected: SubjectMatcher = {
      kind: 'workload',
      clusters: new Set(['prod', 'dev']),
      namespaces: new Map([['prod', new Set(['payments'])]]),
    };
    assert.equal(match(selected, workload('prod/payments/any')), 'yes');
    assert.equal(match(selected, workload('prod/search/any')), 'no');
    assert.equal(match(selected, workload('dev/payments/any')), 'no');
    assert.equal(match(account('prod/payments/checkout'), workload('prod/payments/other')), 'no');
    assert.equal(match(account('prod/payments/checkout'), user('payments')), 'no');
  });

  it('lets a Deny catch namespaces that nobody listed', () => {
    const except: SubjectMatcher = {
      kind: 'workload',
      clusters: new Set(['prod']),
      exceptNamespaces: new Map([['prod', new Set(['payments'])]]),
    };
    assert.equal(match(except, workload('prod/payments/a'), 'deny'), 'no');
    assert.equal(match(except, workload('prod/new/a'), 'deny'), 'yes');
  });

  it('does not let a Deny by SPIFFE id be escaped with a token', () => {
    const path = 'ns/payments/sa/checkout';
    for (const domain of ['prod.local', 'old.local']) {
      const subject: SubjectMatcher = { kind: 'spiffeId', id: `spiffe://${domain}/${path}` };
      const byToken = workload(undefined, { method: 'token' });
      assert.equal(match(subject, byToken, 'deny'), 'yes');
      assert.equal(match(subject, byToken, 'grant'), 'no');
      assert.equal(match(subject, workload(undefined, { spiffeId: subject.id })), 'yes');
    }
  });

  it('cannot tell about groups when the list was cut off', () => {
    const group: SubjectMatcher = { kind: 'group', provider: 'entra', id: 'g1' };
    const cut = { groups: { ids: new Set(['g2']), incomplete: true } };
    assert.equal(match(group, user('ann', [], cut)), 'unknown');
    assert.equal(match({ ...group, id: 'g2' }, user('ann', [], cut)), 'yes');
    assert.equal(match({ ...group, provider: 'okta' }, user('ann', [], cut)), 'no');
    assert.equal(match(group, user('ann')), 'no');
  });

  it('compares every field of a CI subject that is given', () => {
    const subject: SubjectMatcher = { kind: 'ci', provider: 'github', ownerId: '1001' };
    assert.equal(match(subject, ciJob()), 'yes');
    assert.equal(match({ ...subject, repositoryId: '9' }, ciJob()), 'no');
    const tags = { match: 'prefix', value: 'refs/tags/' } as const;
    assert.equal(match({ ...subject, ref: tags }, ciJob()), 'no');
    assert.equal(match({ ...subject, ref: tags }, ciJob({ ref: 'refs/tags/v1' })), 'yes');
    const { ref: _, ...withoutRef } = ciJob();
    assert.equal(match({ ...subject, ref: tags }, withoutRef), 'no');
  });

  it('separates an agent by itself from one that acts for somebody', () => {
    const bot: SubjectMatcher = { kind: 'agent', provider: 'entra', client: 'bot' };
    const forAnn: SubjectMatcher = {
      ...bot,
      onBehalfOf: { kind: 'user', provider: 'entra', id: 'ann' },
    };
    const acting = agent('bot', { onBehalfOf: user('ann') });
    assert.equal(match(bot, agent('bot')), 'yes');
    assert.equal(match(bot, acting), 'no');
    assert.equal(match(bot, acting, 'deny'), 'yes');
    assert.equal(match(forAnn, acting), 'yes');
    assert.equal(match(forAnn, agent('bot', { onBehalfOf: user('eve') })), 'no');
    assert.equal(match(forAnn, agent('bot')), 'no');
  });

  it('lets only a Deny mean everybody', () => {
    assert.equal(match({ kind: 'any', of: 'user' }, user('ann'), 'deny'), 'yes');
    assert.equal(match({ kind: 'any', of: 'user' }, user('ann'), 'grant'), 'no');
    assert.equal(match({ kind: 'any', of: 'user' }, workload(), 'deny'), 'no');
  });
});
