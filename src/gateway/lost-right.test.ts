// SPDX-License-Identifier: Apache-2.0
import { equal } from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  account,
  grant,
  HOUR_MS,
  ORDERS,
  policy,
  role,
  target,
  workload,
} from '../../test/support/policy.ts';
import { DecisionEngine } from '../policy/decide.ts';
import type { DataRole, Grant } from '../policy/policy.ts';
import { lostRight } from './lost-right.ts';

const NOW = Date.UTC(2027, 0, 1);
const CHECKOUT = account('prod/payments/checkout');
const READ = role('data-orders/read', ['select shop.orders']);
const WRITE = role('data-orders/write', ['select,insert shop.orders']);
const reads = (over: Partial<Grant> = {}) => grant('reads', READ.id, [CHECKOUT], over);
const writes = (over: Partial<Grant> = {}) => grant('writes', WRITE.id, [CHECKOUT], over);

function accessOf(grants: readonly Grant[], roles: readonly DataRole[] = [READ, WRITE], at = NOW) {
  const rules = policy({ targets: [target()], roles, grants });
  return new DecisionEngine(rules).access(workload(), ORDERS, at);
}

/** What is said to a session that began under `reads` when these are the rules. */
function lost(...after: Parameters<typeof accessOf>): string | undefined {
  const lent = accessOf([reads({ expires: NOW + HOUR_MS })]);
  return lent && lostRight(lent, accessOf(...after), after[2] ?? NOW);
}

describe('lost right', () => {
  it('is none when the role is still given, by whatever Grant, or more are', () => {
    equal(lost([reads()]), undefined);
    equal(lost([grant('others', READ.id, [CHECKOUT]), writes()]), undefined);
  });

  it('names the Grant and what became of it', () => {
    equal(lost([writes()]), 'Grant/data-orders/reads was removed');
    equal(
      lost([reads({ subjects: [account('prod/a/b')] }), writes()]),
      'Grant/data-orders/reads no longer includes workload/prod/payments/checkout',
    );
    equal(
      lost([reads({ targets: new Set(['x/y']) }), writes()]),
      `Grant/data-orders/reads no longer includes ${ORDERS}`,
    );
    equal(
      lost([grant('reads', WRITE.id, [CHECKOUT])]),
      `Grant/data-orders/reads no longer gives role ${READ.id}`,
    );
    const expiring = [reads({ expires: NOW + HOUR_MS }), writes()];
    equal(lost(expiring), undefined);
    equal(lost(expiring, [READ, WRITE], NOW + HOUR_MS), 'Grant/data-orders/reads has expired');
  });

  it('is a role that was changed, and a target that is gone', () => {
    const changed = role(READ.id, ['select shop.orders shop.items']);
    equal(lost([reads()], [changed]), `role ${READ.id} was changed; connect again`);
    const lent = accessOf([reads()]);
    equal(lent && lostRight(lent, undefined, NOW), 'the target is no longer declared');
  });
});
