// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { JSONWebKeySet } from 'jose';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { SigningKey } from '../../test/support/token-maker.ts';
import { silentLog } from '../model/log.ts';
import {
  IssuerKeys,
  KEYS_COOL_DOWN_MS,
  KEYS_KEEP_MS,
  KEYS_REFRESH_AHEAD_MS,
  KEYS_REFRESH_MS,
  KEYS_RETRY_MS,
} from './issuer-keys.ts';

const first = new SigningKey('ES256', 'first');
const second = new SigningKey('ES256', 'second');

let clock: ManualClock;
let published: SigningKey[] | Error;
let loads: number;
let keys: IssuerKeys;

/** A turn of the event loop, which every answer over a network takes. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

const find = (keyId?: string) =>
  keys.find({ issuer: 'x', algorithm: 'ES256', claims: {}, ...(keyId !== undefined && { keyId }) });

const reason = async (keyId?: string) => {
  const found = await find(keyId);
  return found.ok ? `${found.keys.length} key(s)` : found.reason;
};

describe('issuer-keys', () => {
  beforeEach(() => {
    clock = new ManualClock();
    published = [first];
    loads = 0;
    keys = new IssuerKeys({
      owner: 'IdentityProvider people',
      load: async () => {
        loads += 1;
        await settled();
        if (published instanceof Error) throw published;
        return { keys: published.map((one) => one.jwk()) } as JSONWebKeySet;
      },
      clock,
      log: silentLog,
    });
  });

  it('loads once for many callers', async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, () => reason('first')));
    assert.ok(answers.every((answer) => answer === '1 key(s)'));
    assert.equal(loads, 1);
  });

  it('loads again for an unknown key, once per cool-down', async () => {
    await find('first');
    clock.advance(KEYS_COOL_DOWN_MS);
    published = [first, second];
    assert.equal(await reason('second'), '1 key(s)');
    assert.equal(loads, 2);
    for (let attempt = 0; attempt < 100; attempt += 1) {
      assert.equal(await reason(`random-${attempt}`), 'token-key-unknown');
    }
    assert.equal(loads, 2);
    clock.advance(KEYS_COOL_DOWN_MS);
    assert.equal(await reason('random'), 'token-key-unknown');
    assert.equal(loads, 3);
  });

  it('gives every key that fits when the token names none', async () => {
    published = [first, second];
    assert.equal(await reason(), '2 key(s)');
  });

  it('notices a withdrawn key within the hour', async () => {
    await find('first');
    published = [second];
    clock.advance(KEYS_REFRESH_MS + 1);
    assert.equal(await reason('first'), 'token-key-unknown');
  });

  it('fetches ahead of that without making anybody wait', async () => {
    await find('first');
    published = [second];
    clock.advance(KEYS_REFRESH_AHEAD_MS + 1);
    assert.equal(await reason('first'), '1 key(s)');
    await settled();
    await settled();
    assert.equal(await reason('first'), 'token-key-unknown');
  });

  it('keeps the last good set for a day while the provider is down', async () => {
    await find('first');
    published = new Error('connection refused');
    clock.advance(KEYS_KEEP_MS);
    assert.equal(await reason('first'), '1 key(s)');
    assert.equal(await reason('second'), 'provider-unavailable');
    clock.advance(KEYS_COOL_DOWN_MS);
    const late = await find('first');
    assert.ok(!late.ok && late.reason === 'provider-unavailable');
    assert.match(late.ok ? '' : late.detail, /connection refused/);
  });

  it('tries again soon when it never had a key', async () => {
    published = new Error('down');
    assert.equal(await reason('first'), 'provider-unavailable');
    published = [first];
    assert.equal(await reason('first'), 'provider-unavailable');
    assert.equal(loads, 1);
    clock.advance(KEYS_RETRY_MS);
    assert.equal(await reason('first'), '1 key(s)');
  });
});
