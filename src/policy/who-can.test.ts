// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { account, deny, grant, need, ORDERS, policy, role } from '../../test/support/policy.ts';
import type { Policy } from './policy.ts';
import { whoCan } from './who-can.ts';

const NOW = Date.UTC(2026, 5, 1, 12);
const READ = role('data-orders/read', ['select shop.orders']);
const GROUP = { kind: 'group', provider: 'entra', id: 'g1', displayName: 'payments' } as const;
const CHECKOUT = account('prod/payments/checkout');

function rules(over: Partial<Policy> = {}): Policy {
  const grants = [
    grant('people', READ.id, [GROUP], {
      when: [{ key: 'time', fromMinute: 360, toMinute: 1320, zone: 'UTC' }],
    }),
    grant('services', READ.id, [CHECKOUT], { expires: NOW + 1_000 }),
    grant('over', READ.id, [account('prod/old/old')], { expires: NOW }),
  ];
  return { ...policy({ roles: [READ], grants }), ...over };
}

describe('who-can', () => {
  it('answers with subjects, conditions and ends', () => {
    const holders = whoCan(rules(), ORDERS, need('select shop.orders'), NOW);
    assert.deepEqual(
      holders.map(({ subjects, when, until, denied }) => ({ subjects, when, until, denied })),
      [
        {
          subjects: ['group entra/g1 (payments)'],
          when: 'time 06:00-22:00 UTC',
          until: undefined,
          denied: 'never',
        },
        {
          subjects: ['workload/prod/payments/checkout'],
          when: '',
          until: '2026-06-01T12:00:01.000Z',
          denied: 'never',
        },
      ],
    );
    assert.deepEqual(whoCan(rules(), ORDERS, need('drop shop.orders'), NOW), []);
    assert.equal(whoCan(rules(), ORDERS, undefined, NOW).length, 2);
  });

  it('names the members it knows, and the others as unknown', () => {
    const members = whoCan(rules(), ORDERS, undefined, NOW).flatMap((one) => one.members);
    assert.deepEqual(members, [
      { principal: 'group entra/g1 (payments)', access: 'unknown' },
      { principal: 'workload/prod/payments/checkout', access: 'sometimes' },
    ]);
  });

  it('tells what a Deny leaves of a Grant', () => {
    const one = (denies: Policy['denies']) =>
      whoCan(rules({ denies }), ORDERS, need('select shop.orders'), NOW);
    const [people, services] = one([deny('no', [{ kind: 'any', of: 'workload' }])]);
    assert.equal(people?.denied, 'never');
    assert.equal(services?.denied, 'always');
    assert.deepEqual(
      services?.except.map(({ subjects }) => subjects),
      [['every workload']],
    );
    assert.equal(services?.members[0]?.access, 'denied');
    const [partly] = one([deny('no', [{ ...GROUP, id: 'g2' }])]);
    assert.equal(partly?.denied, 'partly');
  });
});
