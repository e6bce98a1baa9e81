// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, ok } from 'node:assert/strict';
import { Duplex } from 'node:stream';
import { describe, it } from 'node:test';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { HashKeys } from '../../audit/hash-key.ts';
import type { NewEvent } from '../../audit/record.ts';
import { silentLog } from '../../model/log.ts';
import type { Access } from '../../policy/decide.ts';
import type { Target } from '../../policy/policy.ts';
import { encodeComQuery } from '../../wire/mysql/com-query.ts';
import { encodeErr } from '../../wire/mysql/err.ts';
import { frame } from '../../wire/mysql/framing.ts';
import { encodePlainOk } from '../../wire/mysql/ok.ts';
import { SERVER_STATUS_AUTOCOMMIT } from '../../wire/mysql/status.ts';
import { Identifiers } from '../identifiers.ts';
import { BufferBudget } from '../limits.ts';
import { Session } from '../live-session.ts';
import type { GatewayParts } from '../parts.ts';
import { MysqlRelay } from './relay.ts';
import type { RelayOptions } from './running.ts';
import { SessionState, TRACKED_VARIABLES } from './session-state.ts';
import { StatementCache } from './statements.ts';

/** One end of a connection: what was written to it, and what it is made to say. */
class FakeConnection extends Duplex {
  readonly written: Buffer[] = [];

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.written.push(chunk);
    done();
  }

  get text(): string {
    return Buffer.concat(this.written).toString('latin1');
  }
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

function relayed() {
  const clock = new ManualClock();
  const down = new FakeConnection();
  const up = new FakeConnection();
  const records: { event: NewEvent; written: (ok: boolean) => void }[] = [];
  const target = { id: 'data/orders', system: { type: 'mariadb' }, audit: {} } as Target;
  const access = { policy: { revision: 'r' } } as unknown as Access;
  const nothing = () => undefined;
  const parts = {
    clock,
    log: silentLog,
    meter: { requestDecided: nothing, requestDone: nothing },
    audit: {
      accepting: true,
      append: (event: NewEvent, written = nothing) => records.push({ event, written }),
    },
    ids: new Identifiers(),
    buffers: new BufferBudget(1 << 20),
    limits: { requestBytes: 1 << 20, targetTimeout: 1_000 },
    trustTargetOnly: true,
  } as unknown as GatewayParts;
  const session = new Session({
    ...{ id: 's-1', closingId: 'd-0', target, access, source: '127.0.0.1:1', now: 0, monotonic: 0 },
    principal: { id: 'user/people/ada', method: 'token', verifiedBy: 'people' },
    downstreamConnection: 1,
  } as ConstructorParameters<typeof Session>[0]);
  const keys = new HashKeys([], Buffer.alloc(32));
  const statements = new StatementCache(target, 10, keys);
  const state = new SessionState(true);
  state.learn(['', 'utf8mb4', null, TRACKED_VARIABLES.join(','), '1']);
  const relay = new MysqlRelay({
    ...{ parts, session, state, statements },
    downstream: { socket: down, early: Buffer.alloc(0), capabilities: 0n, settled: true },
    upstream: { socket: up, pending: Buffer.alloc(0), capabilities: 0n },
    cancel: () => new Promise(nothing),
  } as unknown as RelayOptions);
  const query = encodeComQuery({ statement: Buffer.from('SELECT 1'), attributes: [] }, 0n);
  return { clock, down, up, records, session, ended: relay.run(), query: frame(query, 0) };
}

describe('relay', () => {
  it('holds a command until its intent and the end of its answer until its outcome', async () => {
    const { down, up, records, query } = relayed();
    down.push(query);
    await turn();
    equal(up.text, '');
    records[0]?.written(true);
    ok(up.text.endsWith('SELECT 1'));
    up.push(frame(encodePlainOk(SERVER_STATUS_AUTOCOMMIT, 0n), 1));
    await turn();
    equal(down.text, '');
    records[1]?.written(true);
    deepEqual(Buffer.concat(down.written), frame(encodePlainOk(SERVER_STATUS_AUTOCOMMIT, 0n), 1));
    down.destroy();
  });

  it('delivers the end of an answer though the target left while its outcome was written', async () => {
    const { clock, down, up, records, query, ended } = relayed();
    down.push(query);
    await turn();
    records[0]?.written(true);
    const gone = encodeErr({ errno: 1053, sqlState: '08S01', message: 'Server shutdown' });
    up.push(frame(gone, 1));
    await turn();
    up.destroy();
    await turn();
    equal(down.text, '');
    records[1]?.written(true);
    ok(down.text.includes('Server shutdown'));
    // The next command hears why nothing goes on.
    down.push(query);
    await turn();
    ok(down.text.includes('the target closed the connection'));
    clock.advance(10_000);
    equal((await ended)?.reason, 'target-unavailable');
  });

  it('tells a principal whose target left while its intent was written, and records it', async () => {
    const { down, up, records, query, ended } = relayed();
    down.push(query);
    await turn();
    up.destroy();
    await turn();
    records[0]?.written(true);
    const { event } = records[1] ?? {};
    equal(event?.event === 'outcome' && event.outcome, 'killed');
    ok(down.text.includes('the target closed the connection'));
    equal((await ended)?.reason, 'target-unavailable');
  });
});
