// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal } from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type AuthorityState,
  SETTLE_MS,
  type Step,
  signing,
  verdictOn,
} from './authority-state.ts';
import { MAX_LIFE_MS } from './signing-order.ts';

const START = Date.UTC(2027, 0, 1);
const at = (ms: number) => new Date(START + ms).toISOString();
const old = { root: 1, intermediate: 1, publishedAt: at(0), activatedAt: at(0) };
const next = { root: 2, intermediate: 2, publishedAt: at(0) };

function state(...generations: AuthorityState['generations']): AuthorityState {
  return { version: 1, trustDomain: 'a.example', serverNames: [], generations, intermediates: 2 };
}

const verdicts = (of: AuthorityState, ms: number) =>
  (['publish', 'activate', 'finish'] as Step[]).map((step) => {
    const verdict = verdictOn(step, of, START + ms);
    return 'first' in verdict ? `first ${verdict.first}` : verdict.is;
  });

describe('authority-state', () => {
  it('goes through a rollover in one order only, and not too soon', () => {
    deepEqual(verdicts(state(old), 0), ['due', 'first publish', 'done']);
    const published = state(old, next);
    deepEqual(verdicts(published, SETTLE_MS - 1), ['done', 'early', 'first activate']);
    deepEqual(verdicts(published, SETTLE_MS), ['done', 'due', 'first activate']);
    const activated = state(old, { ...next, activatedAt: at(SETTLE_MS) });
    deepEqual(verdicts(activated, SETTLE_MS), ['first finish', 'done', 'early']);
    const over = SETTLE_MS + MAX_LIFE_MS;
    deepEqual(verdicts(activated, over - 1), ['first finish', 'done', 'early']);
    deepEqual(verdicts(activated, over), ['first finish', 'done', 'due']);
  });

  it('signs with what was activated last', () => {
    equal(signing(state(old, next)).root, 1);
    equal(signing(state(old, { ...next, activatedAt: at(1) })).root, 2);
  });
});
