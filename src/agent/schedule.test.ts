// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, ok } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bundleDelay, isStale, renewalTime, retryDelay } from './schedule.ts';

const HOUR = 3_600_000;
const life = (hours: number) => ({ notBefore: 0, notAfter: hours * HOUR });

describe('schedule', () => {
  it('renews at half life, a tenth earlier or later', () => {
    equal(
      renewalTime(life(4), () => 0),
      1.6 * HOUR,
    );
    equal(
      renewalTime(life(4), () => 0.5),
      2 * HOUR,
    );
    equal(Math.round(renewalTime(life(4), () => 1)), 2.4 * HOUR);
  });

  it('doubles its pauses up to five minutes, and less for a short life', () => {
    const delays = (hours: number) =>
      [1, 2, 3, 8, 9, 10, 1_000].map((failures) => retryDelay(failures, life(hours), () => 0.5));
    deepEqual(
      delays(4),
      [1, 2, 4, 128, 256, 300, 300].map((seconds) => seconds * 1_000),
    );
    equal(
      retryDelay(20, { notBefore: 0, notAfter: 10_000 }, () => 0.5),
      1_000,
    );
    equal(
      retryDelay(20, undefined, () => 1),
      90_000,
    );
    ok(retryDelay(20, life(4), () => 0) < retryDelay(20, life(4), () => 1));
  });

  it('asks for the roots every minute, more often in a short life', () => {
    equal(bundleDelay(life(4)), 60_000);
    equal(bundleDelay({ notBefore: 0, notAfter: 100_000 }), 10_000);
  });

  it('calls the last quarter stale', () => {
    equal(isStale(life(4), 3 * HOUR - 1), false);
    equal(isStale(life(4), 3 * HOUR), true);
  });
});
