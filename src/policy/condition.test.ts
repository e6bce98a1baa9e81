// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { target, user } from '../../test/support/policy.ts';
import type { ClaimValue } from '../model/principal.ts';
import { holds } from './condition.ts';
import { conditionText } from './condition-text.ts';
import type { Condition, TextPattern } from './policy.ts';
import type { Side } from './subject-match.ts';

function text(name: string, values: TextPattern[], not = false): Condition {
  return { key: 'text', name, not, values };
}

function answer(
  condition: Condition,
  claims: Record<string, ClaimValue> = {},
  side: Side = 'grant',
  sourceIp?: string,
): boolean {
  const surroundings = sourceIp === undefined ? { now: 0 } : { now: 0, sourceIp };
  return holds(condition, user('ann', [], { claims }), target(), surroundings, side);
}

describe('condition', () => {
  const finance = text('claim[dept]', [{ match: 'exact', value: 'finance' }]);
  const notFinance = text('claim[dept]', [{ match: 'exact', value: 'finance' }], true);

  it('matches when one of several values of a claim does', () => {
    assert.equal(answer(finance, { dept: 'finance' }), true);
    assert.equal(answer(finance, { dept: ['sales', 'finance'] }), true);
    assert.equal(answer(finance, { dept: 'finances' }), false);
    assert.equal(answer(notFinance, { dept: ['sales', 'finance'] }), false);
    assert.equal(answer(notFinance, { dept: 'sales' }), true);
  });

  it('counts a missing key against the principal, on both sides', () => {
    for (const claims of [{}, { dept: [] }]) {
      assert.equal(answer(finance, claims, 'grant'), false);
      assert.equal(answer(finance, claims, 'deny'), false);
      assert.equal(answer(notFinance, claims, 'grant'), false);
      assert.equal(answer(notFinance, claims, 'deny'), true);
    }
  });

  it('reads no claim that is not the principal own', () => {
    for (const name of ['claim[constructor]', 'claim[__proto__]', 'claim[toString]']) {
      assert.equal(answer(text(name, [{ match: 'prefix', value: '' }])), false);
    }
  });

  it('reads the method and the labels of the target', () => {
    assert.equal(answer(text('identity.method', [{ match: 'exact', value: 'token' }])), true);
    assert.equal(answer(text('target.label[env]', [{ match: 'suffix', value: 'rod' }])), true);
    assert.equal(answer(text('target.label[tier]', [{ match: 'prefix', value: '' }])), false);
    assert.equal(answer(text('unknown', [{ match: 'prefix', value: '' }])), false);
  });

  it('reads the source address, unknown when it is none', () => {
    const inside: Condition = { key: 'source.ip', not: false, cidrs: ['10.0.0.0/8'] };
    const outside: Condition = { ...inside, not: true };
    assert.equal(answer(inside, {}, 'grant', '10.9.8.7'), true);
    assert.equal(answer(inside, {}, 'grant', '192.0.2.1'), false);
    assert.equal(answer(outside, {}, 'grant', '192.0.2.1'), true);
    assert.equal(answer(outside, {}, 'grant', 'unix'), false);
    assert.equal(answer(outside, {}, 'deny'), true);
  });

  it('is told in words', () => {
    const window: Condition = {
      key: 'time',
      fromMinute: 360,
      toMinute: 1320,
      days: new Set([5, 1]),
      zone: 'UTC',
    };
    assert.equal(conditionText(window), 'time 06:00-22:00 Mon,Fri UTC');
    assert.equal(conditionText(notFinance), 'claim[dept] not in finance');
  });
});
