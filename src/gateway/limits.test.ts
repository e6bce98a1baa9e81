// SPDX-License-Identifier: Apache-2.0
import { equal } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManualClock } from '../../test/support/manual-clock.ts';
import type { Clock } from '../model/clock.ts';
import { BufferBudget, LimitLedger } from './limits.ts';

function clockAt(): Clock & { ms: number } {
  return {
    ms: 1,
    now() {
      return this.ms;
    },
    monotonic() {
      return this.ms;
    },
    after: () => ({ stop: () => undefined }),
  };
}

describe('limits', () => {
  it('does not fill the bucket of somebody who connects again', () => {
    const clock = new ManualClock();
    clock.advance(1);
    const ledger = new LimitLedger(clock);
    const reconnect = () => {
      ledger.returnConnection('a');
      return ledger.takeConnection('a', 1);
    };
    ledger.takeConnection('a', 1);
    equal(ledger.takeRequest('a', 1), true);
    equal(reconnect(), true);
    equal(ledger.takeRequest('a', 1), false);
    clock.advance(1_000);
    equal(reconnect(), true);
    equal(ledger.takeRequest('a', 1), true);
  });

  it('counts connections exactly and forgets the last one', () => {
    const ledger = new LimitLedger(clockAt());
    equal(ledger.takeConnection('a', 2), true);
    equal(ledger.takeConnection('a', 2), true);
    equal(ledger.takeConnection('a', 2), false);
    equal(ledger.takeConnection('b', 2), true);
    ledger.returnConnection('a');
    equal(ledger.takeConnection('a', 2), true);
    ledger.returnConnection('a');
    ledger.returnConnection('a');
    equal(ledger.connections('a'), 0);
  });

  it('lets through exactly the rate, never more than a second of it at once', () => {
    const clock = clockAt();
    const ledger = new LimitLedger(clock);
    const take = () => {
      let count = 0;
      while (ledger.takeRequest('a', 50)) count += 1;
      return count;
    };
    equal(take(), 50);
    clock.ms += 100;
    equal(take(), 5);
    clock.ms += 60_000;
    equal(take(), 50);
  });

  it('bounds the memory of requests', () => {
    const budget = new BufferBudget(100);
    equal(budget.take(60), true);
    equal(budget.take(60), false);
    budget.giveBack(60);
    equal(budget.take(100), true);
    equal(budget.usedBytes, 100);
  });
});
