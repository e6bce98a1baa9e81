// SPDX-License-Identifier: Apache-2.0
import { deepEqual } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { silentLog } from '../../model/log.ts';
import { type EndingControls, Endings } from './endings.ts';
import type { Line } from './line.ts';
import { CANCELLED, limitDenial, type OutcomeKind } from './running.ts';

const nothing = () => undefined;

function answering() {
  const clock = new ManualClock();
  const outcomes: OutcomeKind[] = [];
  const line = {
    ...{ phase: 'answering', running: { forwarded: true, id: 'd-1' } },
    ...{ cancellation: { start: nothing }, up: { destroy: nothing }, down: { end: nothing } },
    ...{ session: {}, limit: nothing, tell: nothing, leaveUpstream: nothing },
  } as unknown as Line;
  const endings = new Endings(line, {
    parts: { clock, log: silentLog },
    answer: { sentBytes: 0, sequence: 1 },
    conclude: (_running: unknown, outcome: OutcomeKind) => outcomes.push(outcome),
    next: nothing,
    closed: nothing,
  } as unknown as EndingControls);
  return { clock, endings, outcomes };
}

describe('endings', () => {
  it('names the limit of a request that the target did not let go', () => {
    const { clock, endings, outcomes } = answering();
    endings.cut(limitDenial('limit-time', 'it took too long'));
    clock.advance(4_999);
    deepEqual(outcomes, []);
    clock.advance(1);
    deepEqual(outcomes, [{ outcome: 'limited', reason: 'limit-time' }]);
  });

  it('says killed, and why, of what somebody ended', () => {
    const cancelled = answering();
    cancelled.endings.cut(CANCELLED);
    cancelled.clock.advance(5_000);
    deepEqual(cancelled.outcomes, [{ outcome: 'killed', reason: CANCELLED.reason }]);
    const revoked = answering();
    revoked.endings.stop({ reason: 'revoked', detail: 'a Grant went' });
    deepEqual(revoked.outcomes, [{ outcome: 'killed', reason: 'revoked' }]);
  });
});
