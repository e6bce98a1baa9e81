// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Cancellation } from './cancellation.ts';

describe('cancellation', () => {
  it('lets the next command begin at once when nothing is cancelled', () => {
    let begun = 0;
    const none = new Cancellation(
      () => Promise.resolve(),
      () => undefined,
    );
    none.whenOver(() => {
      begun += 1;
    });
    assert.equal(begun, 1);
  });

  it('holds the next command back until the target has heard, or cannot hear', async () => {
    for (const ending of ['resolve', 'reject'] as const) {
      const end: { resolve?: () => void; reject?: (cause: Error) => void } = {};
      const promise = new Promise<void>((resolve, reject) =>
        Object.assign(end, { resolve, reject }),
      );
      const failures: string[] = [];
      const seen: string[] = [];
      const cancellation = new Cancellation(
        () => promise,
        (message) => void failures.push(message),
      );
      cancellation.start();
      cancellation.whenOver(() => void seen.push('next'));
      await Promise.resolve();
      assert.equal(seen.length, 0);
      if (ending === 'resolve') end.resolve?.();
      else end.reject?.(new Error('the target is gone'));
      await new Promise(setImmediate);
      assert.deepEqual(seen, ['next']);
      assert.equal(failures.length, ending === 'reject' ? 1 : 0);
      cancellation.whenOver(() => void seen.push('at once'));
      assert.deepEqual(seen, ['next', 'at once']);
    }
  });
});
