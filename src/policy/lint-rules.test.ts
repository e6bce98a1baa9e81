// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { account, deny, grant, policy, role } from '../../test/support/policy.ts';
import { lintRules } from './lint-rules.ts';
import type { Condition, Deny, Grant } from './policy.ts';

const NOW = Date.UTC(2026, 5, 1, 12);
const CHECKOUT = account('prod/payments/checkout');
const READ = role('data-orders/read', ['select shop.orders']);
const ALL = role('data-orders/all', ['select,insert shop.*']);
const NIGHT: Condition = { key: 'time', fromMinute: 1320, toMinute: 360, zone: 'UTC' };

function findings(grants: readonly Grant[], denies: readonly Deny[] = [], budget?: number) {
  const rules = policy({ roles: [READ, ALL], grants, denies });
  const options = budget === undefined ? { nowMs: NOW } : { nowMs: NOW, budget };
  return lintRules(rules, options).map(({ code, message }) => `${code}: ${message}`);
}

function codes(...args: Parameters<typeof findings>): readonly string[] {
  return findings(...args).map((text) => text.split(':')[0] ?? '');
}

describe('lint-rules', () => {
  it('is content with rules that each do something', () => {
    const grants = [
      grant('a', READ.id, [CHECKOUT]),
      grant('b', ALL.id, [account('prod/payments/refund')]),
    ];
    assert.deepEqual(findings(grants, [deny('d', [account('prod/ops/tool')])]), []);
  });

  it('finds a Grant whose rights another gives at the same time', () => {
    const small = grant('small', READ.id, [CHECKOUT]);
    const large = grant('large', ALL.id, [CHECKOUT]);
    const [text = ''] = findings([small, large]);
    assert.match(text, /^rule-shadowed: Grant\/data-orders\/small .* Grant\/data-orders\/large/);
    assert.deepEqual(codes([small, { ...large, when: [NIGHT] }]), []);
    assert.deepEqual(codes([{ ...small, when: [NIGHT] }, large]), ['rule-shadowed']);
  });

  it('reports one of two that are the same, the later one', () => {
    const [text = '', ...others] = findings([
      grant('first', READ.id, [CHECKOUT]),
      grant('second', READ.id, [CHECKOUT]),
    ]);
    assert.match(text, /^rule-shadowed: Grant\/data-orders\/second /);
    assert.deepEqual(others, []);
  });

  it('finds a Grant that a Deny takes away altogether, with a witness', () => {
    const granted = grant('a', READ.id, [CHECKOUT]);
    const [text = ''] = findings([granted], [deny('d', [{ kind: 'any', of: 'workload' }])]);
    assert.match(text, /^grant-denied: .*Deny\/d .* workload\/prod\/payments\/checkout/);
    const atNight = deny('d', [{ kind: 'any', of: 'workload' }], { when: [NIGHT] });
    assert.deepEqual(codes([granted], [atNight]), []);
  });

  it('finds rules whose conditions cannot hold together', () => {
    const noon: Condition = { key: 'time', fromMinute: 700, toMinute: 800, zone: 'UTC' };
    const never = [noon, NIGHT];
    assert.deepEqual(codes([grant('a', READ.id, [CHECKOUT], { when: never })]), ['rule-dead']);
    const denied = deny('d', [{ kind: 'any', of: 'user' }], { when: never });
    assert.deepEqual(codes([], [denied]), ['rule-dead']);
    assert.deepEqual(codes([], [deny('d', [{ kind: 'any', of: 'user' }])]), []);
  });

  it('finds a Deny inside another', () => {
    const wide = deny('wide', [{ kind: 'any', of: 'workload' }]);
    assert.deepEqual(codes([], [wide, deny('narrow', [CHECKOUT])]), ['rule-shadowed']);
  });

  it('says so when it did not look at everything', () => {
    assert.deepEqual(codes([grant('a', READ.id, [CHECKOUT])], [], 0), ['rules-undecided']);
  });
});
