// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  account,
  grant,
  HOUR_MS,
  ORDERS,
  policy,
  role,
  workload,
} from '../../test/support/policy.ts';
import type { Principal } from '../model/principal.ts';
import { type Access, DecisionEngine } from './decide.ts';
import type { Policy } from './policy.ts';
import { nextChangeAt, sessionEnds } from './session-end.ts';

const NOW = Date.UTC(2026, 5, 1, 12);
const CHECKOUT = account('prod/payments/checkout');
const READ = role('data-orders/read', ['select shop.orders shop.items']);
const WRITE = role('data-orders/write', ['select,insert,update,delete shop.orders'], {
  requireWhere: new Set(['update', 'delete']),
});

function access(of: Policy, principal: Principal = workload(), now = NOW): Access {
  const found = new DecisionEngine(of).access(principal, ORDERS, now);
  assert.ok(found);
  return found;
}

describe('session-end', () => {
  const rules = policy({
    roles: [READ, WRITE],
    grants: [
      grant('r', READ.id, [CHECKOUT], { expires: NOW + HOUR_MS }),
      grant('w', WRITE.id, [CHECKOUT], {
        expires: NOW + 3 * HOUR_MS,
        session: { maxDurationMs: 2 * HOUR_MS },
      }),
    ],
  });

  it('ends at the smallest maximum, the last grant or the proof', () => {
    const ends = (principal: Principal, now = NOW) =>
      sessionEnds(access(rules, principal), { now, openedAt: NOW });
    assert.deepEqual(ends(workload()), { atMs: NOW + 2 * HOUR_MS, why: 'session-expired' });
    const certificate = workload(undefined, { expiresAt: NOW + 60_000 });
    assert.deepEqual(ends(certificate), { atMs: NOW + 60_000, why: 'identity-expired' });
    const byToken = workload(undefined, { method: 'token', expiresAt: NOW + 60_000 });
    assert.deepEqual(ends(byToken), { atMs: NOW + HOUR_MS, why: 'session-expired' });
    const over = ends(workload(), NOW + 4 * HOUR_MS);
    assert.deepEqual(over, { atMs: NOW + 4 * HOUR_MS, why: 'grant-expired' });
  });

  it('knows the next instant at which the answer may change', () => {
    assert.equal(nextChangeAt(access(rules), NOW), NOW + HOUR_MS);
    assert.equal(nextChangeAt(access(rules), NOW + HOUR_MS), NOW + 3 * HOUR_MS);
    assert.equal(nextChangeAt(access(rules), NOW + 3 * HOUR_MS), undefined);
    const windowed = policy({
      roles: [READ],
      grants: [
        grant('r', READ.id, [CHECKOUT], {
          when: [{ key: 'time', fromMinute: 360, toMinute: 1320, zone: 'UTC' }],
        }),
      ],
    });
    assert.equal(nextChangeAt(access(windowed), NOW), Date.UTC(2026, 5, 1, 22));
  });
});
