// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  account,
  agent,
  deny,
  grant,
  need,
  ORDERS,
  policy,
  privilege,
  role,
  serviceClass,
  target,
  user,
  workload,
} from '../../test/support/policy.ts';
import type { Decision } from '../model/decision.ts';
import type { Principal } from '../model/principal.ts';
import {
  type Access,
  DecisionEngine,
  decideLogin,
  decideRequest,
  type RequestQuestion,
} from './decide.ts';
import type { Policy } from './policy.ts';

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

function ask(of: Policy, needs: string, principal?: Principal, now = NOW): Decision {
  return decideRequest(access(of, principal, now), question(needs), { now });
}

function reason(decision: Decision): string {
  return decision.effect === 'deny' ? decision.reason : 'allow';
}

describe('decide', () => {
  it('denies when nothing matches, and knows no undeclared target', () => {
    const empty = policy({});
    assert.equal(reason(ask(empty, 'select shop.orders')), 'no-grant');
    assert.equal(reason(decideLogin(access(empty), { now: NOW })), 'no-grant');
    assert.equal(new DecisionEngine(empty).access(workload(), 'data/none', NOW), undefined);
  });

  it('adds up the privileges of all grants', () => {
    const both = policy({
      roles: [READ, WRITE],
      grants: [grant('r', READ.id, [CHECKOUT]), grant('w', WRITE.id, [CHECKOUT])],
    });
    const decision = ask(both, 'select shop.items; insert shop.orders');
    assert.equal(decision.effect, 'allow');
    assert.deepEqual(
      decision.rules.map(({ name }) => name),
      ['Grant/data-orders/r', 'Grant/data-orders/w'],
    );
    assert.equal(reason(ask(both, 'insert shop.items')), 'not-permitted');
    assert.equal(reason(ask(both, '')), 'allow');
  });

  it('lets any matching Deny win, and names it', () => {
    const denied = policy({
      roles: [READ],
      grants: [grant('r', READ.id, [CHECKOUT])],
      denies: [deny('no-workloads', [{ kind: 'any', of: 'workload' }])],
    });
    const decision = ask(denied, 'select shop.orders');
    assert.equal(reason(decision), 'denied-by-rule');
    assert.deepEqual(
      decision.rules.map(({ name }) => name),
      ['Deny/no-workloads'],
    );
  });

  it('takes the strictest limits of the grants that allow this request only', () => {
    const limited = policy({
      roles: [READ, WRITE],
      grants: [
        grant('r', READ.id, [CHECKOUT], { serviceClass: 'slow' }),
        grant('w', WRITE.id, [CHECKOUT], { serviceClass: 'fast' }),
      ],
      serviceClasses: [
        serviceClass('slow', { requestsPerSecond: 5, rowsPerRequest: 900 }),
        serviceClass('fast', { requestsPerSecond: 50, rowsPerRequest: 100 }),
      ],
    });
    const both = ask(limited, 'select shop.orders');
    assert.ok(both.effect === 'allow');
    assert.deepEqual(both.limits, { requestsPerSecond: 5, rowsPerRequest: 100 });
    assert.equal(both.serviceClass, 'slow');
    const one = ask(limited, 'insert shop.orders');
    assert.ok(one.effect === 'allow');
    assert.deepEqual(one.limits, { requestsPerSecond: 50, rowsPerRequest: 100 });
    assert.equal(one.serviceClass, 'fast');
  });

  it('offers columns through the view, and not the table behind it', () => {
    const columns = privilege('select shop.customers', {
      columns: ['id'],
      as: { schema: 'shop', name: 'customers_public' },
    });
    const views = role('data-orders/views', [columns]);
    const viewing = policy({ roles: [views], grants: [grant('v', views.id, [CHECKOUT])] });
    assert.equal(reason(ask(viewing, 'select shop.customers_public')), 'allow');
    assert.equal(reason(ask(viewing, 'select shop.customers')), 'not-permitted');
  });

  it('reads schema.* as its tables and the schema itself, without routines', () => {
    const all = role('data-orders/all', ['select,create,execute shop.*']);
    const whole = policy({ roles: [all], grants: [grant('a', all.id, [CHECKOUT])] });
    assert.equal(reason(ask(whole, 'select shop.anything; create shop.*')), 'allow');
    assert.equal(reason(ask(whole, 'execute shop.refund()')), 'not-permitted');
    assert.equal(reason(ask(whole, 'select shops.orders')), 'not-permitted');
  });

  it('compares names as the target does', () => {
    const upper = role('data-orders/upper', ['select Shop.Orders', 'execute shop.Refund()']);
    const grants = [grant('u', upper.id, [CHECKOUT])];
    const exact = policy({ roles: [upper], grants });
    assert.equal(reason(ask(exact, 'select shop.orders')), 'not-permitted');
    assert.equal(reason(ask(exact, 'execute shop.refund()')), 'allow');
    const { system } = target();
    assert.ok(system.type === 'mariadb');
    const folding = target(ORDERS, { system: { ...system, caseInsensitiveNames: true } });
    const folded = policy({ roles: [upper], grants, targets: [folding] });
    assert.equal(reason(ask(folded, 'select shop.orders')), 'allow');
  });

  it('tells the hardest obstacle of several', () => {
    const rules = policy({
      roles: [READ, WRITE],
      grants: [
        grant('r', READ.id, [CHECKOUT], { expires: NOW }),
        grant('w', WRITE.id, [CHECKOUT], {
          when: [{ key: 'text', name: 'claim[x]', not: false, values: [] }],
        }),
      ],
    });
    assert.equal(reason(ask(rules, 'select shop.orders')), 'condition-not-met');
    assert.equal(reason(ask(rules, 'select shop.items')), 'grant-expired');
    assert.equal(reason(ask(rules, 'select shop.orders; select shop.items')), 'grant-expired');
    assert.equal(reason(ask(rules, 'select shop.items; drop shop.items')), 'not-permitted');
    assert.equal(reason(ask(rules, '')), 'condition-not-met');
    assert.equal(reason(decideLogin(access(rules), { now: NOW })), 'condition-not-met');
  });

  it('ends a grant at the very millisecond it names', () => {
    const ending = policy({
      roles: [READ],
      grants: [grant('r', READ.id, [CHECKOUT], { expires: NOW })],
    });
    assert.equal(reason(ask(ending, 'select shop.orders', workload(), NOW - 1)), 'allow');
    assert.equal(reason(ask(ending, 'select shop.orders', workload(), NOW)), 'grant-expired');
  });

  it('takes unlisted groups as absent for a Grant and as present for a Deny', () => {
    const subject = { kind: 'group', provider: 'entra', id: 'g1' } as const;
    const cut = user('ann', [], { groups: { ids: new Set(), incomplete: true } });
    const granting = policy({ roles: [READ], grants: [grant('g', READ.id, [subject])] });
    assert.equal(reason(ask(granting, 'select shop.orders', cut)), 'groups-unknown');
    assert.equal(access(granting, cut).groupsUnknown, true);
    assert.equal(reason(ask(granting, 'select shop.orders', user('ann'))), 'no-grant');
    assert.equal(reason(ask(granting, 'select shop.orders', user('ann', ['g1']))), 'allow');
    const denying = policy({
      roles: [READ],
      grants: [grant('u', READ.id, [{ kind: 'user', provider: 'entra', id: 'ann' }])],
      denies: [deny('d', [subject])],
    });
    assert.equal(reason(ask(denying, 'select shop.orders', cut)), 'groups-unknown');
    assert.equal(reason(ask(denying, 'select shop.orders', user('ann'))), 'allow');
    assert.equal(reason(ask(denying, 'select shop.orders', user('ann', ['g1']))), 'denied-by-rule');
  });

  it('gives who acts for another what both may do', () => {
    const ann = { kind: 'user', provider: 'entra', id: 'ann' } as const;
    const bot = { kind: 'agent', provider: 'entra', client: 'bot' } as const;
    const rules = policy({
      roles: [READ, WRITE],
      grants: [
        grant('person', READ.id, [ann]),
        grant('delegated', WRITE.id, [{ ...bot, onBehalfOf: ann }]),
        grant('shared', READ.id, [{ ...bot, onBehalfOf: ann }]),
        grant('itself', WRITE.id, [bot]),
      ],
    });
    const acting = agent('bot', { onBehalfOf: user('ann') });
    assert.equal(reason(ask(rules, 'select shop.orders', acting)), 'allow');
    assert.equal(reason(ask(rules, 'insert shop.orders', acting)), 'not-permitted');
    assert.deepEqual(access(rules, acting).roleIds, [READ.id]);
    assert.equal(reason(ask(rules, 'insert shop.orders', agent('bot'))), 'allow');
    const stranger = agent('bot', { onBehalfOf: user('eve') });
    assert.equal(reason(ask(rules, 'select shop.orders', stranger)), 'no-grant');
  });

  it('applies a Deny on either side of a delegation', () => {
    const ann = { kind: 'user', provider: 'entra', id: 'ann' } as const;
    const bot = { kind: 'agent', provider: 'entra', client: 'bot' } as const;
    const grants = [grant('g', READ.id, [ann, { ...bot, onBehalfOf: ann }])];
    const acting = agent('bot', { onBehalfOf: user('ann') });
    for (const subject of [ann, bot]) {
      const rules = policy({ roles: [READ], grants, denies: [deny('d', [subject])] });
      assert.equal(reason(ask(rules, 'select shop.orders', acting)), 'denied-by-rule');
    }
  });

  it('only notes in Observe mode what Enforce would deny', () => {
    const observing = target(ORDERS, { enforcement: 'Observe' });
    const decision = ask(policy({ targets: [observing] }), 'select shop.orders');
    assert.ok(decision.effect === 'allow');
    assert.equal(decision.wouldDeny?.reason, 'no-grant');
    assert.deepEqual(decision.rules, [observing.rule]);
  });

  it('names the content of the privilege set, not its order or its rules', () => {
    const rules = policy({
      roles: [READ, WRITE],
      grants: [
        grant('r', READ.id, [CHECKOUT], { expires: NOW + 1 }),
        grant('w', WRITE.id, [CHECKOUT]),
      ],
    });
    const again = policy({
      roles: [WRITE, READ],
      grants: [grant('x', WRITE.id, [CHECKOUT]), grant('y', READ.id, [CHECKOUT])],
    });
    assert.equal(access(again).privilegeSetId, access(rules).privilegeSetId);
    const later = access(rules, workload(), NOW + 1);
    assert.deepEqual(later.roleIds, [WRITE.id]);
    assert.notEqual(later.privilegeSetId, access(rules).privilegeSetId);
  });
});
