// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { IssueRate } from './issue-rate.ts';

describe('issue-rate', () => {
  it('gives so many at once, refilled over a minute, to each by itself', () => {
    const clock = new ManualClock();
    const rate = new IssueRate(3, clock);
    const take = (times: number, who = 'a') => Array.from({ length: times }, () => rate.take(who));
    deepEqual(take(4), [true, true, true, false]);
    deepEqual(take(1, 'b'), [true]);
    clock.advance(20_000);
    deepEqual(take(2), [true, false]);
    clock.advance(3_600_000);
    deepEqual(take(4), [true, true, true, false]);
  });

  it('forgets who was not there for a minute, and nobody sooner', () => {
    const clock = new ManualClock();
    const rate = new IssueRate(1, clock);
    rate.take('first');
    for (let other = 0; other < 5_000; other += 1) rate.take(`p${other}`);
    equal(rate.take('first'), false);
    clock.advance(60_000);
    equal(rate.take('first'), true);
  });
});
