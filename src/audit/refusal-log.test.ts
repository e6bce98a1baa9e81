// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, ok } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManualClock } from '../../test/support/manual-clock.ts';
import type { AuditEvent, LoginEvent } from './record.ts';
import { RefusalLog, sourceNetwork } from './refusal-log.ts';

function setUp() {
  const events: AuditEvent[] = [];
  const clock = new ManualClock();
  let ids = 0;
  const audit = {
    append: (event: AuditEvent) => void events.push(event),
    accepting: true,
    close: () => Promise.resolve(),
  };
  const log = new RefusalLog(audit, clock, () => `d-${++ids}`);
  const refuse = (source: string, reason: LoginEvent['reason'] = 'anonymous') =>
    log.refused({ source, reason, detail: 'x', rules: [], revision: 'r' });
  return { events: events as LoginEvent[], clock, log, refuse };
}

describe('refusal-log', () => {
  it('writes each refusal while they are few', () => {
    const { events, clock, refuse } = setUp();
    for (let round = 0; round < 30; round += 1) refuse(`192.0.2.1:${round}`);
    clock.advance(60_000);
    equal(events.length, 30);
    equal(events[3]?.source, '192.0.2.1:3');
    equal(
      events.some((event) => event.repeated),
      false,
    );
  });

  it('lets a flood of one network share one record, by reason', () => {
    const { events, clock, refuse } = setUp();
    const told = new Set<string>();
    for (let round = 0; round < 1_000; round += 1) {
      clock.advance(10);
      told.add(refuse(`192.0.2.${round % 200}:4000`));
    }
    refuse('192.0.2.1:1', 'token-expired');
    refuse('198.51.100.1:1');
    equal(events.length, 32);
    clock.advance(60_000);
    equal(events.length, 33);
    const shared = events.at(-1);
    equal(shared?.source, '192.0.2.0/24');
    deepEqual(shared?.repeated, {
      count: 970,
      since: '2027-01-01T00:00:00.310Z',
      until: '2027-01-01T00:00:10.000Z',
    });
    // Every id that a peer was told is in the audit.
    for (const id of told) ok(events.some((event) => event.id === id));
    refuse('192.0.2.1:1');
    equal(events.length, 34, 'a new window begins');
  });

  it('is bounded, however many networks there are', () => {
    const { events, clock, refuse } = setUp();
    for (let network = 0; network < 60_000; network += 1) {
      refuse(`10.${network >> 8}.${network & 255}.7:1`);
    }
    equal(events.length, 286, 'one of each of 256 networks, 30 of all others');
    clock.advance(60_000);
    const shared = events.filter(({ repeated }) => repeated);
    equal(shared.length, 1);
    equal(shared[0]?.source, 'elsewhere');
    equal(shared.reduce((sum, { repeated }) => sum + (repeated?.count ?? 0), 0) + 286, 60_000);
  });

  it('writes what it has counted when it is told to', () => {
    const { events, log, refuse } = setUp();
    for (let round = 0; round < 31; round += 1) refuse('192.0.2.1:1');
    log.flush();
    equal(events.at(-1)?.repeated?.count, 1);
    log.flush();
    equal(events.length, 31);
  });

  it('names networks', () => {
    equal(sourceNetwork('192.0.2.77:3306'), '192.0.2.0/24');
    equal(sourceNetwork('[::ffff:192.0.2.77]:3306'), '192.0.2.0/24');
    equal(sourceNetwork('[2001:db8:1:2:3:4:5:6]:1'), '2001:db8:1:2::/64');
    equal(sourceNetwork('[2001:db8::1]:1'), '2001:db8:0:0::/64');
    equal(sourceNetwork('[fe80::1%eth0]:1'), 'fe80:0:0:0::/64');
    equal(sourceNetwork('[::1]:1'), '0:0:0:0::/64');
    equal(sourceNetwork('a socket'), 'asocket');
  });
});
