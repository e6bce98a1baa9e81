// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  account,
  cluster,
  deny,
  grant,
  ORDERS,
  policy,
  provider,
  role,
  serviceClass,
  target,
} from '../../test/support/policy.ts';
import { type AccessChange, diffPolicies } from './compare.ts';
import type { Condition, Grant, Policy, SubjectMatcher } from './policy.ts';

const NOW = Date.UTC(2026, 5, 1, 12);
const CHECKOUT = account('prod/payments/checkout');
const READ = role('data-orders/read', ['select shop.orders']);
const ALL = role('data-orders/all', ['select,insert shop.*']);
const GROUP: SubjectMatcher = { kind: 'group', provider: 'entra', id: 'g1' };
const TARGET = target();

function rules(grants: readonly Grant[], over: Partial<Policy> = {}): Policy {
  const made = policy({
    clusters: [cluster('prod'), cluster('dev')],
    providers: [provider('entra')],
    targets: [TARGET],
    roles: [READ, ALL],
    grants,
  });
  return { ...made, ...over };
}

function changes(before: Policy, after: Policy): readonly string[] {
  return diffPolicies(before, after, { nowMs: NOW }).changes.map(changeText);
}

function changeText({ direction, inPart, subjects, rights, when }: AccessChange): string {
  const condition = when === '' ? '' : ` when ${when}`;
  return `${inPart ? 'partly ' : ''}${direction} ${subjects.join(' + ')}: ${rights.join('; ')}${condition}`;
}

describe('compare', () => {
  const none = rules([]);
  const reading = rules([grant('read', READ.id, [CHECKOUT])]);

  it('tells who gains and who loses', () => {
    assert.deepEqual(changes(none, reading), [
      'gains workload/prod/payments/checkout: select on shop.orders',
    ]);
    assert.deepEqual(changes(reading, none), [
      'loses workload/prod/payments/checkout: select on shop.orders',
    ]);
  });

  it('says nothing of rules that are only renamed, split or moved', () => {
    const again = rules([grant('other', READ.id, [CHECKOUT]), grant('twice', READ.id, [CHECKOUT])]);
    assert.deepEqual(changes(reading, again), []);
  });

  it('tells only what is new when a role grows', () => {
    const more = rules([grant('all', ALL.id, [CHECKOUT])]);
    assert.deepEqual(changes(reading, more), [
      'gains workload/prod/payments/checkout: insert, select on shop.*',
    ]);
  });

  it('names the Deny that made the difference', () => {
    const denied = { ...reading, denies: [deny('no', [{ kind: 'any', of: 'workload' }])] };
    const [change] = diffPolicies(reading, denied, { nowMs: NOW }).changes;
    assert.ok(change);
    assert.equal(change.deny?.name, 'Deny/no');
    assert.equal(change.witness.after.effect, 'deny');
    assert.equal(change.direction, 'loses');
  });

  it('sees that a Deny for one group takes from who is in two', () => {
    const before = rules([grant('read', READ.id, [GROUP])]);
    const after = { ...before, denies: [deny('no', [{ ...GROUP, id: 'g2' }])] };
    assert.deepEqual(changes(before, after), [
      'loses user/entra/* in group entra/g1 and group entra/g2: select on shop.orders',
    ]);
  });

  it('tells apart a new right and more time for an old one', () => {
    const until = (toMinute: number): Condition[] => [
      { key: 'time', fromMinute: 360, toMinute, zone: 'UTC' },
    ];
    const short = rules([grant('read', READ.id, [CHECKOUT], { when: until(1200) })]);
    const long = rules([grant('read', READ.id, [CHECKOUT], { when: until(1260) })]);
    assert.deepEqual(changes(short, long), [
      'partly gains workload/prod/payments/checkout: select on shop.orders when time 06:00-21:00 UTC',
    ]);
    const [change] = diffPolicies(short, long, { nowMs: NOW }).changes;
    assert.equal(change?.witness.surroundings.now, Date.UTC(2026, 5, 1, 20));
  });

  it('finds claims that make a difference', () => {
    const dept = (not: boolean): Condition[] => [
      { key: 'text', name: 'claim[dept]', not, values: [{ match: 'prefix', value: 'fin' }] },
    ];
    const before = rules([grant('read', READ.id, [GROUP], { when: dept(false) })]);
    const after = rules([grant('read', READ.id, [GROUP], { when: dept(true) })]);
    const [gain, loss] = diffPolicies(before, after, { nowMs: NOW }).changes;
    assert.deepEqual(gain?.witness.principal.claims, { dept: '~' });
    assert.deepEqual(loss?.witness.principal.claims, { dept: 'fin~' });
  });

  it('follows a target that appears and an expiry that comes closer', () => {
    const without = { ...reading, targets: new Map() };
    assert.equal(changes(without, reading).length, 1);
    const ending = rules([grant('read', READ.id, [CHECKOUT], { expires: NOW + 1_000 })]);
    assert.deepEqual(changes(reading, ending), [
      'partly loses workload/prod/payments/checkout: select on shop.orders',
    ]);
  });

  it('lists what changes beside rights', () => {
    const slow = serviceClass('slow', { connections: 1 });
    const after: Policy = {
      ...reading,
      targets: new Map([[ORDERS, { ...TARGET, enforcement: 'Observe' as const }]]),
      serviceClasses: new Map([['slow', slow]]),
    };
    const { changes: rights, settings } = diffPolicies(reading, after, { nowMs: NOW });
    assert.deepEqual(rights, []);
    assert.deepEqual(
      settings.map(({ rule, field, after: now }) => [rule.name, field, now]),
      [
        ['Target/data-orders/orders', 'enforcement', '"Observe"'],
        ['ServiceClass/slow', undefined, 'declared'],
      ],
    );
  });

  it('claims nothing about targets that are over the budget', () => {
    const { changes: rights, undecided } = diffPolicies(none, reading, { nowMs: NOW, budget: 0 });
    assert.deepEqual([rights, undecided], [[], [ORDERS]]);
  });
});
