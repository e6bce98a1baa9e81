// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  deny,
  grant,
  need,
  ORDERS,
  policy,
  provider,
  reference,
  role,
  target,
} from '../../test/support/policy.ts';
import { runExpectations } from './expectation.ts';
import type { Condition, Expectation, Policy } from './policy.ts';

const NOW = Date.UTC(2026, 5, 1, 12);
const ANN = { kind: 'user', provider: 'entra', id: 'ann' } as const;
const READ = role('data-orders/read', ['select shop.orders']);
const MORNING: Condition = { key: 'time', fromMinute: 360, toMinute: 720, zone: 'UTC' };
const EVENING: Condition = { key: 'time', fromMinute: 1080, toMinute: 1200, zone: 'UTC' };

function held(rules: Policy, over: Partial<Expectation> & { asked?: string }): boolean {
  const { asked = 'select shop.orders', ...rest } = over;
  const expectation: Expectation = {
    rule: reference('Expectation/data-orders/e'),
    namespace: 'data-orders',
    name: 'e',
    as: 'user/entra/ann',
    groups: [],
    appRoles: [],
    claims: {},
    to: ORDERS,
    ...(asked !== '' && { do: need(asked) }),
    expect: 'Allow',
    ...rest,
  };
  const [result] = runExpectations({ ...rules, expectations: [expectation] }, NOW);
  assert.ok(result);
  return result.held;
}

function granting(when: readonly Condition[], denied: readonly Condition[][] = []): Policy {
  return policy({
    providers: [provider('entra')],
    roles: [READ],
    grants: [grant('g', READ.id, [ANN], { when })],
    denies: denied.map((one, index) => deny(`d${index}`, [ANN], { when: one })),
  });
}

describe('expectation', () => {
  it('holds when the decision is the expected one', () => {
    assert.equal(held(granting([]), {}), true);
    assert.equal(held(granting([]), { asked: '' }), true);
    assert.equal(held(granting([]), { asked: 'insert shop.orders', expect: 'Deny' }), true);
    assert.equal(held(granting([]), { as: 'user/entra/eve' }), false);
  });

  it('without a time is allowed when some moment is, and denied when none is', () => {
    assert.equal(held(granting([MORNING]), {}), true);
    assert.equal(held(granting([MORNING]), { expect: 'Deny' }), false);
    assert.equal(held(granting([MORNING, EVENING]), { expect: 'Deny' }), true);
    assert.equal(held(granting([MORNING], [[EVENING]]), {}), true);
    assert.equal(held(granting([MORNING], [[MORNING]]), { expect: 'Deny' }), true);
  });

  it('is asked at its time when it names one', () => {
    const noon = Date.UTC(2026, 5, 1, 12);
    assert.equal(held(granting([MORNING]), { at: noon, expect: 'Deny' }), true);
    assert.equal(held(granting([MORNING]), { at: noon - 1 }), true);
  });

  it('takes the claims it names and no others', () => {
    const values = [{ match: 'exact', value: 'finance' } as const];
    const claim: Condition = { key: 'text', name: 'claim[dept]', not: false, values };
    assert.equal(held(granting([claim]), { expect: 'Deny' }), true);
    assert.equal(held(granting([claim]), { claims: { dept: ['finance'] } }), true);
  });

  it('tries every way of identifying when a rule asks for one', () => {
    const values = [{ match: 'exact', value: 'ticket' } as const];
    const ticket: Condition = { key: 'text', name: 'identity.method', not: false, values };
    assert.equal(held(granting([ticket]), {}), true);
  });

  it('denies a whole schema only when every table in it is', () => {
    assert.equal(held(granting([]), { asked: 'select shop.*', expect: 'Deny' }), false);
    assert.equal(held(granting([]), { asked: 'insert shop.*', expect: 'Deny' }), true);
    assert.equal(held(granting([]), { asked: 'select shop.*' }), false);
  });

  it('looks through Observe mode, and fails for an id that cannot be read', () => {
    const observing = {
      ...granting([]),
      targets: new Map([[ORDERS, target(ORDERS, { enforcement: 'Observe' })]]),
    };
    assert.equal(held(observing, { as: 'user/entra/eve', expect: 'Deny' }), true);
    assert.equal(held(granting([]), { as: 'user/nobody/eve', expect: 'Deny' }), false);
  });
});
