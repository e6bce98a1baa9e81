// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, rejects } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inParallel } from './in-parallel.ts';

describe('work in parallel', () => {
  it('keeps the order of the items and the limit', async () => {
    let running = 0;
    let most = 0;
    const done = await inParallel([5, 1, 4, 2, 3], 2, async (item) => {
      running += 1;
      most = Math.max(most, running);
      for (let turn = 0; turn < item; turn += 1) await Promise.resolve();
      running -= 1;
      return item * 10;
    });
    deepEqual(done, [50, 10, 40, 20, 30]);
    equal(most, 2);
    deepEqual(await inParallel([], 2, () => Promise.reject(new Error('never'))), []);
  });

  it('begins nothing new after a failure', async () => {
    const begun: number[] = [];
    const work = async (item: number) => {
      begun.push(item);
      if (item === 2) throw new Error('no');
    };
    await rejects(inParallel([1, 2, 3, 4, 5, 6], 1, work), /no/);
    deepEqual(begun, [1, 2]);
  });
});
