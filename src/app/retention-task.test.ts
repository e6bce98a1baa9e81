// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, match } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManualClock } from '../../test/support/manual-clock.ts';
import type { FileAudit } from '../audit/file-audit.ts';
import type { AuditEvent } from '../audit/record.ts';
import type { RetentionRules } from '../audit/retirement.ts';
import { silentLog } from '../model/log.ts';
import { RetentionTask } from './retention-task.ts';

const DAY = 86_400_000;

describe('retention-task', () => {
  it('runs once a day by the rules of that day, and records what it removed', async () => {
    const clock = new ManualClock();
    const events: AuditEvent[] = [];
    const asked: number[] = [];
    const report = { streams: [], heads: [], bytes: 7, policies: [], problems: [] };
    const audit = {
      append: (event: AuditEvent) => void events.push(event),
      retire: ({ otherMs }: RetentionRules) => {
        asked.push(otherMs);
        if (otherMs === 2) return Promise.reject(new Error('the witness is away'));
        return Promise.resolve({ ...report, segments: otherMs === 3 ? ['s/1.jsonl'] : [] });
      },
    } as unknown as FileAudit;
    let otherMs = 1;
    const rules = () => ({ targets: {}, otherMs });
    const task = new RetentionTask({ clock, log: silentLog, audit, rules });
    equal(asked.length, 0, 'a start has other things to do');
    clock.advance(DAY / 2);
    for (otherMs = 2; otherMs <= 3; otherMs += 1) {
      clock.advance(DAY);
      await Promise.resolve();
    }
    await new Promise((resolve) => setImmediate(resolve));
    deepEqual(asked, [1, 2, 3]);
    equal(events.length, 1);
    match(JSON.stringify(events[0]), /"what":"retention","detail":"1 segments, .* 7 bytes/);
    task.stop();
    clock.advance(5 * DAY);
    equal(asked.length, 3);
  });
});
