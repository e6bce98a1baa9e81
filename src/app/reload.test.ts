// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { silentLog } from '../model/log.ts';
import { FileWatch } from './reload.ts';

const settled = () => new Promise(setImmediate);

describe('reload', () => {
  it('tries a change that could not be taken over again, and rests when it was', async () => {
    const clock = new ManualClock();
    let failing = true;
    let calls = 0;
    const watch = new FileWatch({
      paths: [],
      seen: 'old',
      fingerprint: async () => 'new',
      changed: async () => {
        calls += 1;
        if (failing) throw new Error('the disk is full');
      },
      clock,
      log: silentLog,
    });
    await settled();
    assert.equal(calls, 1);
    failing = false;
    for (let look = 0; look < 3; look += 1) {
      clock.advance(2_000);
      await settled();
    }
    assert.equal(calls, 2);
    watch.stop();
  });
});
