// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HandshakeBudget } from './handshake-budget.ts';

function taken(budget: HandshakeBudget, addresses: readonly string[]): readonly boolean[] {
  return addresses.map((address) => budget.take(address) !== undefined);
}

describe('handshake budget', () => {
  it('leaves room for others, whatever one address does', () => {
    const budget = new HandshakeBudget({ handshakes: 4, handshakesPerSource: 1 });
    const one = '10.0.0.1';
    assert.deepEqual(taken(budget, [one, one, one, '10.0.0.2']), [true, true, false, true]);
  });

  it('has an end for all together', () => {
    const budget = new HandshakeBudget({ handshakes: 2, handshakesPerSource: 2 });
    assert.deepEqual(taken(budget, ['10.0.0.1', '10.0.0.2', '10.0.0.3']), [true, true, false]);
  });

  it('takes a place back once, however often it is given', () => {
    const budget = new HandshakeBudget({ handshakes: 2, handshakesPerSource: 1 });
    const first = budget.take('10.0.0.1');
    assert.ok(budget.take('10.0.0.2'));
    first?.();
    first?.();
    assert.ok(budget.take('10.0.0.1'));
    assert.equal(budget.take('10.0.0.3'), undefined);
  });

  it('counts an IPv6 network as one source', () => {
    const budget = new HandshakeBudget({ handshakes: 8, handshakesPerSource: 1 });
    assert.ok(taken(budget, ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4']).every(Boolean));
    const network = ['2001:db8:0:1::1', '2001:db8:0:1:ffff::2', '2001:0db8:0000:0001::3'];
    assert.deepEqual(taken(budget, network), [true, false, false]);
    assert.deepEqual(taken(budget, ['2001:db8:0:2::1', '::1', '2001:db8::1']), [true, true, true]);
  });
});
