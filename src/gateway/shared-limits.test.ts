// SPDX-License-Identifier: Apache-2.0
import { equal, ok } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { LimitLedger } from './limits.ts';
import { type BudgetHolder, RequestBudgets } from './request-budgets.ts';
import { SharedLimits } from './shared-limits.ts';

const KEY = 'user/people/ada slow';

/** Several workers and their coordinator, whose messages take a turn of the event loop. */
function several(count: number, clock: ManualClock) {
  clock.advance(1);
  const ledger = new LimitLedger(clock);
  const budgets = new RequestBudgets(ledger);
  const onTheWay = () => new Promise((resolve) => setImmediate(resolve));
  const holders: BudgetHolder[] = [];
  const workers = Array.from({ length: count }, (_, index) => {
    const limits = new SharedLimits(
      {
        takeConnection: async (key, limit) => ledger.takeConnection(key, limit),
        returnConnection: (key) => ledger.returnConnection(key),
        takeRequests: async (key, perSecond, wanted) => {
          await onTheWay();
          const asker = holders[index];
          if (!asker) return 0;
          const others = holders.filter((holder) => holder !== asker);
          return budgets.take(asker, others, { key, perSecond, wanted });
        },
        returnRequests: (key, unused) => ledger.returnRequests(key, unused),
      },
      clock,
    );
    let holds = false;
    holders.push({
      given: () => {
        holds = true;
      },
      // Who gave everything up a moment ago is not asked again.
      recall: async (key) => {
        if (!holds) return 0;
        holds = false;
        await onTheWay();
        return limits.recall(key);
      },
    });
    return limits;
  });
  return { ledger, workers };
}

describe('shared limits', () => {
  it('deny nobody before the last request of a budget is spent, wherever it is', async () => {
    const { workers } = several(3, new ManualClock());
    const ask = async (turn: number) => workers[turn % 3]?.takeRequest(KEY, 200);
    for (let turn = 0; turn < 200; turn += 1) equal(await ask(turn), true, `request ${turn}`);
    equal(await ask(0), false);
    equal(await ask(1), false);
  });

  it('share what one worker gives up among those who wait', async () => {
    const { workers, ledger } = several(3, new ManualClock());
    const [idle, ...busy] = workers;
    equal(await idle?.takeRequest(KEY, 200), true);
    ledger.takeRequests(KEY, 200, 200);
    const asked = busy.map((worker) => worker.takeRequest(KEY, 200));
    equal((await Promise.all(asked)).join(), 'true,true');
  });

  it('give exactly what there is to those who all ask at once', async () => {
    for (const perSecond of [1, 7, 100, 1_000]) {
      const { workers } = several(3, new ManualClock());
      const asked = Array.from({ length: 2 * perSecond }, (_, turn) =>
        workers[turn % 3]?.takeRequest(KEY, perSecond),
      );
      const allowed = (await Promise.all(asked)).filter((enough) => enough === true);
      equal(allowed.length, perSecond);
    }
  });

  it('keep the rate over time within five per cent', async () => {
    const clock = new ManualClock();
    const { workers } = several(4, clock);
    let allowed = 0;
    for (let step = 0; step < 1_000; step += 1) {
      const asked = workers.map((worker) => worker.takeRequest(KEY, 100));
      allowed += (await Promise.all(asked)).filter((enough) => enough).length;
      clock.advance(10);
    }
    // A full bucket and ten seconds.
    ok(allowed <= 1_100 * 1.05 && allowed >= 1_100 * 0.95, `${allowed}`);
  });

  it('answer at once while some are at hand, and give back what rests', async () => {
    const clock = new ManualClock();
    const { workers, ledger } = several(2, clock);
    const [worker] = workers;
    equal(await worker?.takeRequest(KEY, 500), true);
    equal(worker?.takeRequest(KEY, 500), true);
    clock.advance(1_000);
    equal(ledger.takeRequests(KEY, 500, 1_000), 500);
  });

  it('give nothing when the keeper cannot be asked', async () => {
    const gone = () => Promise.reject(new Error('gone'));
    const keeper = { takeConnection: gone, takeRequests: gone };
    const nothing = { returnConnection: () => undefined, returnRequests: () => undefined };
    const limits = new SharedLimits({ ...keeper, ...nothing }, new ManualClock());
    equal(await limits.takeConnection(KEY, 1), false);
    equal(await limits.takeRequest(KEY, 10), false);
  });
});
