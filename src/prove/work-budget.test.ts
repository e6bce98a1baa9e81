// SPDX-License-Identifier: Apache-2.0
import { equal } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { WorkBudget } from './work-budget.ts';

describe('work budget', () => {
  it('gives nothing any more once something was too much', () => {
    const budget = new WorkBudget(10);
    equal(budget.take(6), true);
    equal(budget.take(5), false);
    // A later, smaller question must not look as if everything before it had been answered.
    equal(budget.take(1), false);
    equal(budget.used, 6);
  });
});
