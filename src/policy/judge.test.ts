// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { account, grant, need, ORDERS, policy, role, workload } from '../../test/support/policy.ts';
import type { Decision } from '../model/decision.ts';
import type { Principal } from '../model/principal.ts';
import { type Access, DecisionEngine, decideRequest, type RequestQuestion } from './decide.ts';
import type { Policy } from './policy.ts';

const NOW = Date.UTC(2026, 5, 1, 12);
const CHECKOUT = account('prod/payments/checkout');
const WRITE = role('data-orders/write', ['select,insert,update,delete shop.orders'], {
  requireWhere: new Set(['update', 'delete']),
});

function access(of: Policy, principal: Principal = workload(), now = NOW): Access {
  const found = new DecisionEngine(of).access(principal, ORDERS, now);
  assert.ok(found);
  return found;
}

function question(needs: string, over: Partial<RequestQuestion> = {}): RequestQuestion {
  return {
    kind: 'select',
    needs: needs === '' ? [] : needs.split('; ').map(need),
    features: {
      hasWhere: false,
      localInfile: false,
      multiStatement: false,
      mayHoldCredentials: false,
    },
    ...over,
  };
}

function reason(decision: Decision): string {
  return decision.effect === 'deny' ? decision.reason : 'allow';
}

describe('judge', () => {
  const rules = policy({
    roles: [WRITE, role('data-orders/free', ['delete shop.orders'], { multiStatement: 'Allow' })],
    grants: [
      grant('w', WRITE.id, [CHECKOUT]),
      grant('f', 'data-orders/free', [CHECKOUT, account('prod/ops/tool')]),
    ],
  });
  const judge = (over: Partial<RequestQuestion>, features: object, who?: Principal) => {
    const base = question('delete shop.orders', { kind: 'delete', ...over });
    const asked = { ...base, features: { ...base.features, ...features } };
    return reason(decideRequest(access(rules, who), asked, { now: NOW }));
  };

  it('requires a WHERE as soon as one allowing role does', () => {
    assert.equal(judge({}, {}), 'require-where');
    assert.equal(judge({}, { hasWhere: true }), 'allow');
    assert.equal(judge({}, {}, workload('prod/ops/tool')), 'allow');
  });

  it('does not trust one WHERE for several statements, nor a wrapped statement without', () => {
    const tool = policy({
      roles: [
        role('data-orders/many', ['delete shop.orders'], {
          multiStatement: 'Allow',
          requireWhere: new Set(['delete']),
        }),
      ],
      grants: [grant('m', 'data-orders/many', [CHECKOUT])],
    });
    const base = question('delete shop.orders', { kind: 'delete' });
    const features = { ...base.features, multiStatement: true, hasWhere: true };
    const decision = decideRequest(access(tool), { ...base, features }, { now: NOW });
    assert.equal(reason(decision), 'require-where');
    assert.equal(judge({ kind: 'explain' }, {}), 'require-where');
    assert.equal(judge({ kind: 'replace' }, {}), 'allow');
  });

  it('allows several statements and local files only when every allowing role does', () => {
    assert.equal(judge({}, { multiStatement: true, hasWhere: true }), 'multi-statement');
    assert.equal(judge({}, { multiStatement: true }, workload('prod/ops/tool')), 'allow');
    assert.equal(judge({}, { localInfile: true, hasWhere: true }), 'local-infile');
  });
});
