// SPDX-License-Identifier: Apache-2.0
import { equal, ok } from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { describe, it } from 'node:test';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { silentLog } from '../../model/log.ts';
import { HEADER_BYTES } from '../../wire/mysql/framing.ts';
import { type WarmConnection, WarmPool } from './warm-pool.ts';

const OK = Buffer.from([7, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0]);

/** Answers every command with OK, or with nothing at all. */
class FakeSocket extends PassThrough {
  readonly #answers: boolean;

  constructor(answers = true) {
    super();
    this.#answers = answers;
    this.pause();
  }

  override write(chunk: unknown): boolean {
    const bytes = chunk as Buffer;
    for (let at = 0; this.#answers && at < bytes.length; ) {
      this.push(OK);
      at += HEADER_BYTES + bytes.readUIntLE(at, 3);
    }
    return true;
  }
}

function connection(key: string, over: Partial<WarmConnection> = {}, socket = new FakeSocket()) {
  return {
    key,
    account: key,
    targetId: 'data/orders',
    role: 'pc_1',
    names: { charset: 'utf8mb4', collation: 'utf8mb4_bin' },
    hasSchema: false,
    upstream: { socket, capabilities: 0n },
    ...over,
  } as unknown as WarmConnection;
}

function pool(limits: Partial<{ idle: number; perLease: number; total: number }> = {}) {
  const clock = new ManualClock();
  const made = new WarmPool({
    limits: { idle: 60_000, perLease: 2, total: 3, ...limits },
    resetTimeoutMs: 1_000,
    clock,
    log: silentLog,
  });
  return { clock, made };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));
const isClosed = ({ upstream }: WarmConnection) => upstream.socket.destroyed;

describe('warm-pool', () => {
  it('gives a connection out once, and only for its key', async () => {
    const { made } = pool();
    const one = connection('a');
    made.giveBack(one);
    equal(made.take('a', false), undefined, 'it is being reset');
    await settled();
    equal(made.take('b', false), undefined);
    equal(made.take('a', false), one);
    equal(made.take('a', false), undefined);
  });

  it('gives one with a schema only to those who name one', async () => {
    const { made } = pool();
    const one = connection('a', { hasSchema: true });
    made.giveBack(one);
    await settled();
    equal(made.take('a', false), undefined);
    equal(made.take('a', true), one);
  });

  it('is bounded per lease and in all; the oldest goes first', async () => {
    const { made } = pool();
    const [a, b, c] = [connection('a'), connection('a'), connection('a')];
    for (const one of [a, b, c]) made.giveBack(one);
    await settled();
    ok(isClosed(c) && !isClosed(a) && !isClosed(b));
    const [d, e] = [connection('d'), connection('e')];
    made.giveBack(d);
    await settled();
    made.giveBack(e);
    await settled();
    ok(isClosed(a) && !isClosed(b) && !isClosed(d) && !isClosed(e));
    equal(made.size, 3);
  });

  it('closes what waits too long, and what speaks or ends while it waits', async () => {
    const { made, clock } = pool();
    const [late, loud, left] = [connection('a'), connection('b'), connection('c')];
    for (const one of [late, loud, left]) made.giveBack(one);
    await settled();
    loud.upstream.socket.push(OK);
    left.upstream.socket.destroy();
    await settled();
    ok(isClosed(loud));
    equal(made.size, 1);
    clock.advance(60_000);
    ok(isClosed(late));
    equal(made.size, 0);
  });

  it('closes what is revoked, also while it is being reset, and everything at the end', async () => {
    const { made } = pool();
    const silent = connection('a', {}, new FakeSocket(false));
    made.giveBack(silent);
    made.closeUnless(({ account }) => account !== 'a');
    ok(isClosed(silent));
    const [b, c] = [connection('b'), connection('c')];
    made.giveBack(b);
    await settled();
    made.close();
    made.giveBack(c);
    ok(isClosed(b) && isClosed(c));
    equal(made.size, 0);
  });

  it('keeps nothing when it may keep none', () => {
    const { made } = pool({ perLease: 0 });
    equal(made.enabled, false);
    const one = connection('a');
    made.giveBack(one);
    ok(isClosed(one));
  });
});
