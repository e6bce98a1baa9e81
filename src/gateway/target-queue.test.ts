// SPDX-License-Identifier: Apache-2.0
import { equal, ok } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TargetQueue } from './target-queue.ts';

describe('target-queue', () => {
  it('is full for one target and open for the others', () => {
    const queue = new TargetQueue(2);
    const leave = queue.enter('data/slow');
    ok(leave && queue.enter('data/slow'));
    equal(queue.enter('data/slow'), undefined);
    ok(queue.enter('data/quick'));
    leave();
    leave();
    ok(queue.enter('data/slow'));
    equal(queue.enter('data/slow'), undefined, 'leaving twice makes no room twice');
  });
});
