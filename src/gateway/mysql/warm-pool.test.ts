// SPDX-License-Identifier: Apache-2.0
import { equal, ok } from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { describe, it } from 'node:test';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { silentLog } from '../../model/log.ts';
import { HEADER_BYTES } from '../../wire/mysql/framing.ts';
import { type WarmConnection, WarmPool } from './warm-pool.ts';

const OK = [0, 0, 0, 2, 0, 0, 0];
const EOF = [0xfe, 0, 0, 2, 0];

function packets(...payloads: readonly (readonly number[])[]): Buffer {
  return Buffer.concat(
    payloads.map((payload, index) => Buffer.from([payload.length, 0, 0, index + 1, ...payload])),
  );
}

/** The answer to STATE_SQL, as far as a pool looks. */
function stateRow(schema: string): readonly number[] {
  const values = ['', 'utf8mb4', Buffer.from(schema).toString('hex'), '', '1'];
  return values.flatMap((value) => [value.length, ...Buffer.from(value)]);
}

/** Answers every command as the target would, or with nothing at all. */
class FakeSocket extends PassThrough {
  readonly #answers: boolean;
  #schema = '';

  constructor(answers = true) {
    super();
    this.#answers = answers;
    this.pause();
  }

  #answer(command: string): Buffer {
    if (command.startsWith('\x02')) this.#schema = command.slice(1);
    if (!command.includes(' SELECT ')) return packets(OK);
    return packets([1], [0], EOF, stateRow(this.#schema), EOF);
  }

  override write(chunk: unknown): boolean {
    const bytes = chunk as Buffer;
    for (let at = 0; this.#answers && at < bytes.length; ) {
      const end = at + HEADER_BYTES + bytes.readUIntLE(at, 3);
      this.push(this.#answer(bytes.toString('latin1', at + HEADER_BYTES, end)));
      at = end;
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
    schema: undefined,
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
    equal(made.take('a', undefined), undefined, 'it is being reset');
    await settled();
    equal(made.take('b', undefined), undefined);
    equal(made.take('a', undefined)?.connection, one);
    equal(made.take('a', undefined), undefined);
  });

  it('gives one with a schema only to those who name one', async () => {
    const { made } = pool();
    const one = connection('a', { schema: 'shop' });
    made.giveBack(one);
    await settled();
    equal(made.take('a', undefined), undefined);
    const taken = made.take('a', 'shop');
    equal(taken?.connection, one);
    ok(taken?.state, 'it need not be asked again');
  });

  it('has one asked again that waited, or is to have another schema', async () => {
    const { made, clock } = pool();
    const one = connection('a', { schema: 'shop' });
    made.giveBack(one);
    await settled();
    const other = made.take('a', 'stock');
    ok(other && !other.state);
    made.giveBack(one);
    await settled();
    clock.advance(1_000);
    const late = made.take('a', 'shop');
    ok(late && !late.state);
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

  it('prefers what was used last to what no driver of the lease asks for any more', async () => {
    const { made } = pool({ perLease: 1 });
    const account = 'one lease';
    const [old, now] = [connection('old', { account }), connection('now', { account })];
    made.giveBack(old);
    await settled();
    made.giveBack(now);
    await settled();
    ok(isClosed(old));
    equal(made.take('now', undefined)?.connection, now);
  });

  it('closes what waits too long, and what speaks or ends while it waits', async () => {
    const { made, clock } = pool();
    const [late, loud, left] = [connection('a'), connection('b'), connection('c')];
    for (const one of [late, loud, left]) made.giveBack(one);
    await settled();
    loud.upstream.socket.push(packets(OK));
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
