// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal } from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { ManualClock } from '../../test/support/manual-clock.ts';
import type { GatewayEvent, NewEvent } from '../audit/record.ts';
import { PosternError } from '../model/errors.ts';
import type { Finding } from '../model/finding.ts';
import { silentLog } from '../model/log.ts';
import type { Policy } from '../policy/policy.ts';
import { DriftMonitor, type Lookout } from './drift-monitor.ts';

const INTERVAL = 300_000;
const policy = {} as Policy;

function finding(subject: string): Finding {
  return {
    layer: 'database',
    where: 'data/orders',
    code: 'foreign-account',
    subject,
    text: 'It holds SELECT.',
    who: [subject],
    rules: [],
    cause: 'drift',
    by: 'operator',
    remedy: [],
    adoption: { impossible: 'so' },
  };
}

describe('drift-monitor', () => {
  let clock: ManualClock;
  let events: GatewayEvent[];
  let looks: string[];
  /** What the next looks find; a promise that hangs is a place that hangs. */
  let answer: (where: string) => Promise<readonly Finding[]>;
  let changed: () => void;
  let watches: AbortSignal[];
  let declared: readonly string[];

  const lookout = (where: string): Lookout => ({
    layer: 'database',
    where,
    examine: () => {
      looks.push(where);
      return answer(where);
    },
    watch: (told, stop) => {
      changed = told;
      watches.push(stop);
      return Promise.resolve();
    },
  });
  const monitor = (intervalMs = INTERVAL) =>
    new DriftMonitor({
      intervalMs,
      clock,
      log: silentLog,
      audit: { append: (event: NewEvent) => void events.push(event as GatewayEvent) },
      random: () => 0.5,
      lookouts: () => declared.map(lookout),
    });
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  const pass = async (ms: number) => {
    clock.advance(ms);
    await settle();
  };
  const told = () =>
    events.map(({ finding: one, detail }) => (one ? `${one.state} ${one.subject}` : detail));

  beforeEach(() => {
    clock = new ManualClock();
    events = [];
    looks = [];
    watches = [];
    declared = ['data/orders'];
    answer = async () => [];
  });

  it('tells what appears and what is gone once each, at intervals', async () => {
    const one = monitor();
    one.follow(policy);
    await pass(1_000);
    answer = async () => [finding('account bob')];
    await pass(INTERVAL);
    await pass(INTERVAL);
    deepEqual(told(), ['appeared account bob']);
    deepEqual(
      one.views().map(({ findings, checkedAt }) => [findings.length, checkedAt]),
      [[1, clock.now()]],
    );
    answer = async () => [];
    await pass(INTERVAL);
    deepEqual(told(), ['appeared account bob', 'gone account bob']);
    equal(looks.length, 4);
    one.stop();
    await pass(10 * INTERVAL);
    equal(looks.length, 4);
  });

  it('keeps what was found while a place cannot be looked at, and looks again sooner', async () => {
    const one = monitor();
    answer = async () => [finding('account bob')];
    one.follow(policy);
    await pass(1_000);
    answer = () => Promise.reject(new PosternError('timeout', { action: 'A look', limitMs: 5 }));
    await pass(INTERVAL);
    await pass(30_000);
    const problem = 'A look took longer than 5 ms.';
    const [view] = one.views();
    deepEqual([view?.findings.length, view?.problem], [1, problem]);
    answer = async () => [finding('account bob')];
    await pass(30_000);
    equal(looks.length, 4);
    deepEqual(told(), [
      'appeared account bob',
      `data/orders: it cannot be examined: ${problem}`,
      'data/orders: it is examined again',
    ]);
    equal(one.views()[0]?.problem, undefined);
  });

  it('looks at others while one hangs, and never twice at a time', async () => {
    declared = ['data/hangs', 'data/orders'];
    answer = (where) =>
      where === 'data/hangs' ? new Promise(() => undefined) : Promise.resolve([]);
    const one = monitor();
    one.follow(policy);
    await pass(1_000);
    await pass(INTERVAL);
    await pass(INTERVAL);
    deepEqual(looks, ['data/hangs', 'data/orders', 'data/orders', 'data/orders']);
  });

  it('looks right after a reload, and drops what a look under the old one still tells', async () => {
    let tell: (found: readonly Finding[]) => void = () => undefined;
    answer = () => new Promise((resolve) => (tell = resolve));
    const one = monitor();
    one.follow(policy);
    await pass(1_000);
    const late = tell;
    one.follow(policy);
    await pass(1_000);
    late([finding('of the old one')]);
    await settle();
    deepEqual(told(), []);
    await pass(1_000);
    tell([finding('of the new one')]);
    await settle();
    deepEqual(told(), ['appeared of the new one']);
    declared = [];
    one.follow(policy);
    deepEqual(one.views(), []);
    deepEqual(
      watches.map(({ aborted }) => aborted),
      [true, true],
    );
  });

  it('looks when a watch says so, once for a bunch of changes', async () => {
    const one = monitor();
    one.follow(policy);
    await pass(1_000);
    for (let at = 0; at < 10; at += 1) {
      changed();
      await pass(100);
    }
    equal(looks.length, 1);
    await pass(500);
    equal(looks.length, 2);
  });

  it('looks at what never settles, and at nothing once it is stopped', async () => {
    const one = monitor();
    one.follow(policy);
    await pass(1_000);
    for (let at = 0; at < 120; at += 1) {
      changed();
      await pass(100);
    }
    equal(looks.length, 3);
    one.stop();
    one.follow(policy);
    changed();
    await pass(10 * INTERVAL);
    equal(looks.length, 3);
    equal(watches.length, 1);
  });

  it('does nothing where the interval is 0, and counts what is too much to record', async () => {
    const never = monitor(0);
    never.follow(policy);
    await pass(INTERVAL);
    equal(looks.length, 0);
    answer = async () => Array.from({ length: 700 }, (_, at) => finding(`account ${at}`));
    const one = monitor();
    one.follow(policy);
    await pass(1_000);
    deepEqual(
      [one.views()[0]?.findings.length, one.views()[0]?.omitted, events.length],
      [500, 200, 500],
    );
  });
});
