// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inWindow, nextEdge, offsetChanges, type TimeCondition } from './time-window.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** Europe's clocks go from 02:00 to 03:00 on this day, and back on 25 October. */
const SPRING = Date.UTC(2026, 2, 29);
const AUTUMN = Date.UTC(2026, 9, 25);

function window(from: string, to: string, zone = 'Europe/Berlin', days?: number[]): TimeCondition {
  const minutes = (text: string) => Number(text.slice(0, 2)) * 60 + Number(text.slice(3));
  return {
    key: 'time',
    fromMinute: minutes(from),
    toMinute: minutes(to),
    zone,
    ...(days && { days: new Set(days) }),
  };
}

describe('time-window', () => {
  it('begins with its first minute and ends before its last', () => {
    const night = window('22:00', '23:00', 'UTC');
    const at = (text: string) => inWindow(night, Date.parse(`2026-06-01T${text}Z`));
    assert.equal(at('21:59:59.999'), false);
    assert.equal(at('22:00:00.000'), true);
    assert.equal(at('22:59:59.999'), true);
    assert.equal(at('23:00:00.000'), false);
  });

  it('follows the clock on the wall through summer and winter', () => {
    const morning = window('06:00', '07:00');
    assert.equal(inWindow(morning, Date.parse('2026-06-01T04:30Z')), true);
    assert.equal(inWindow(morning, Date.parse('2026-06-01T05:30Z')), false);
    assert.equal(inWindow(morning, Date.parse('2026-12-01T05:30Z')), true);
  });

  it('is nowhere in an hour that is skipped, and twice in one that is repeated', () => {
    const early = window('02:00', '03:00');
    const minutes = (day: number) =>
      Array.from({ length: 6 * 60 }, (_, minute) => day + minute * MINUTE_MS).filter((at) =>
        inWindow(early, at),
      ).length;
    assert.equal(minutes(SPRING), 0);
    assert.equal(minutes(AUTUMN), 120);
  });

  it('passes midnight on the day it began', () => {
    const friday = window('22:00', '06:00', 'UTC', [5]);
    assert.equal(inWindow(friday, Date.parse('2026-06-05T23:00Z')), true);
    assert.equal(inWindow(friday, Date.parse('2026-06-06T05:59Z')), true);
    assert.equal(inWindow(friday, Date.parse('2026-06-06T22:30Z')), false);
    assert.equal(inWindow(friday, Date.parse('2026-06-05T05:00Z')), false);
  });

  it('counts days where the zone is, before 1970 too', () => {
    const monday = window('00:00', '24:00', 'Pacific/Kiritimati', [1]);
    assert.equal(inWindow(monday, Date.parse('2026-05-31T11:00Z')), true);
    assert.equal(inWindow(window('00:00', '24:00', 'UTC', [3]), -1), true);
  });

  it('never changes before its next edge, and knows no later one', () => {
    const windows = [
      window('02:15', '02:45'),
      window('22:00', '03:30'),
      window('00:00', '24:00', 'Australia/Lord_Howe', [0, 6]),
      window('09:00', '17:00', 'Asia/Kolkata', [1, 2, 3, 4, 5]),
    ];
    for (const one of windows) {
      for (const start of [SPRING - DAY_MS, AUTUMN - DAY_MS, Date.UTC(2026, 3, 4)]) {
        const edge = nextEdge(one, start);
        assert.ok(edge > start && edge <= start + 2 * DAY_MS);
        for (let at = start; at < start + 3 * DAY_MS; at += 7 * MINUTE_MS) {
          const next = nextEdge(one, at);
          const before = inWindow(one, at);
          for (let probe = at; probe < next; probe += 11 * MINUTE_MS) {
            assert.equal(inWindow(one, probe), before, new Date(probe).toISOString());
          }
        }
      }
    }
  });

  it('finds the changes of a zone', () => {
    const changes = offsetChanges('Europe/Berlin', Date.UTC(2026, 0, 1), Date.UTC(2027, 0, 1));
    assert.deepEqual(changes, [SPRING + 3_600_000, AUTUMN + 3_600_000]);
    assert.deepEqual(offsetChanges('UTC', Date.UTC(2026, 0, 1), Date.UTC(2027, 0, 1)), []);
  });
});
