// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, notEqual, rejects } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { account, grant, policy, role, target, workload } from '../../test/support/policy.ts';
import type { NewEvent } from '../audit/record.ts';
import { PosternError } from '../model/errors.ts';
import { silentLog } from '../model/log.ts';
import type { AdminConnection, QueryResult } from '../target/mysql/connection.ts';
import { Broker } from './broker.ts';
import { REGISTRY_VERSION } from './registry-schema.ts';

const MINUTE_MS = 60_000;

/** The three procedures without a database: what is registered, and what was called. */
class FakeTarget {
  readonly accounts = new Map<string, string>();
  readonly calls: string[] = [];
  foreign: (string | null)[][] = [];
  /** Calls wait here while it is set. */
  hold: Promise<void> | undefined;
  broken = false;

  connection(): AdminConnection {
    return {
      serverVersion: '10.11.9-MariaDB',
      connectionId: 1,
      closed: false,
      close: () => Promise.resolve(),
      query: async (sql) => {
        await this.hold;
        if (this.broken) throw new PosternError('target-error', { errno: 1290, problem: 'x' });
        return { columns: [], rows: this.#answer(sql), affectedRows: 0 } satisfies QueryResult;
      },
    };
  }

  #answer(sql: string): (string | null)[][] {
    const [, procedure = '', list = ''] = /^CALL postern\.(\w+)\((.*)\)$/.exec(sql) ?? [];
    const [, first = '', second = ''] = list.split(', ').map((text) => text.replace(/'/g, ''));
    this.calls.push(procedure);
    if (procedure === 'lend') this.accounts.set(first, second);
    if (procedure === 'revoke') this.accounts.delete(first);
    if (procedure === 'lend') return [['pc_1']];
    const accounts = [...this.accounts.keys()].map((name) => ['account', name]);
    return [['version', REGISTRY_VERSION], ...accounts, ...this.foreign];
  }
}

const READER = 'data-orders/reader';
const declared = (privileges = 'select shop.orders') =>
  policy({
    roles: [role(READER, [privileges])],
    grants: [grant('read', READER, [account('prod/payments/checkout')])],
  });

function brokerFor(fake: FakeTarget, record: (event: NewEvent) => boolean = () => true) {
  const clock = new ManualClock();
  const broker = new Broker({
    installation: 'test',
    policy: declared(),
    target: target(),
    connectAdmin: async () => fake.connection(),
    clock,
    log: silentLog,
    audit: {
      accepting: true,
      append: (event, written) => {
        const ok = record(event);
        written?.(ok);
      },
      close: () => Promise.resolve(),
    },
    idleTtlMs: 10 * MINUTE_MS,
  });
  return { clock, broker };
}

const ask = (ttlMs = 15 * MINUTE_MS) => ({
  principal: workload(),
  access: { privilegeSetId: 'p', roleIds: [READER] },
  ttlMs,
});

/** Lets what was started run until it waits for time. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
}

/** In steps, as time passes: each heartbeat sets the timer for the next. */
async function pass(clock: ManualClock, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 500) {
    clock.advance(500);
    await settle();
  }
}

describe('broker', () => {
  it('asks the target once for a lease and then shares it', async () => {
    const fake = new FakeTarget();
    const { broker } = brokerFor(fake);
    await broker.start();
    const [first, second] = await Promise.all([broker.lend(ask()), broker.lend(ask())]);
    const third = await broker.lend(ask());
    deepEqual(fake.calls, ['sweep', 'lend']);
    equal(first.password, second.password);
    equal(third.role, 'pc_1');
  });

  it('drops a lease that nobody used for the idle time, not one in use', async () => {
    const fake = new FakeTarget();
    const { broker, clock } = brokerFor(fake);
    await broker.start();
    const lease = await broker.lend(ask());
    await pass(clock, 14 * MINUTE_MS);
    equal(fake.accounts.size, 1);
    broker.release(lease);
    broker.release(lease);
    await pass(clock, 9 * MINUTE_MS);
    equal(fake.accounts.size, 1);
    await pass(clock, 2 * MINUTE_MS);
    equal(fake.accounts.size, 0);
  });

  it('rotates a lease in use when its time is over, without being asked', async () => {
    const fake = new FakeTarget();
    const { broker, clock } = brokerFor(fake);
    await broker.start();
    const lease = await broker.lend(ask(MINUTE_MS));
    const before = fake.accounts.get(lease.account);
    await pass(clock, 2 * MINUTE_MS);
    notEqual(fake.accounts.get(lease.account), before);
    notEqual((await broker.lend(ask(MINUTE_MS))).password, lease.password);
  });

  it('lends nothing that is not on record', async () => {
    const fake = new FakeTarget();
    const { broker } = brokerFor(fake, () => false);
    await broker.start();
    await rejects(broker.lend(ask()), { code: 'audit-unwritable' });
    deepEqual(fake.calls, ['sweep']);
  });

  it('gives up after two seconds, and takes back what the target did all the same', async () => {
    const fake = new FakeTarget();
    const { broker, clock } = brokerFor(fake);
    await broker.start();
    let go: () => void = () => undefined;
    fake.hold = new Promise((resolve) => {
      go = resolve;
    });
    const late = rejects(broker.lend(ask()), { code: 'lease-failed' });
    await settle();
    clock.advance(2_000);
    await late;
    go();
    fake.hold = undefined;
    await settle();
    equal(fake.accounts.size, 1, 'the call took effect after the deadline');
    await pass(clock, 20_000);
    equal(fake.accounts.size, 0);
  });

  it('goes on with leases already lent when the target refuses new ones', async () => {
    const fake = new FakeTarget();
    const { broker, clock } = brokerFor(fake);
    await broker.start();
    await broker.lend(ask());
    fake.broken = true;
    await pass(clock, MINUTE_MS);
    equal(broker.ready, true);
    equal(broker.problem?.reason, 'target-unavailable');
    await broker.lend(ask());
    await rejects(
      broker.lend({ ...ask(), principal: workload('prod/payments/other') }),
      /read-only/,
    );
    fake.broken = false;
    await pass(clock, MINUTE_MS);
    equal(broker.problem, undefined);
  });

  it('stops serving when PUBLIC gains a right, and drops what changed roles leave over', async () => {
    const fake = new FakeTarget();
    const { broker, clock } = brokerFor(fake);
    await broker.start();
    const lease = await broker.lend(ask());
    fake.foreign = [['foreign', 'PUBLIC', 'schema', 'shop', '', 'INSERT', '']];
    await pass(clock, 10_000);
    equal(broker.ready, false);
    await rejects(broker.lend(ask()), (error: PosternError) => {
      equal(error.facts['reason'], 'lease-exceeds-policy');
      return true;
    });
    broker.policyChanged(declared('insert shop.*'), target());
    equal(broker.ready, true, 'now it is declared');
    broker.release(lease);
    await settle();
    equal(fake.accounts.size, 0);
  });

  it('drops with its account what a dead process left running, unless others use it', async () => {
    const fake = new FakeTarget();
    const { broker } = brokerFor(fake);
    const [one, two] = await Promise.all([broker.lend(ask()), broker.lend(ask())]);
    broker.abandon(one);
    await settle();
    equal(fake.accounts.size, 1, 'the other one lives');
    broker.abandon(two);
    broker.abandon(two);
    await settle();
    equal(fake.accounts.size, 0);
    equal(fake.calls.filter((call) => call === 'revoke').length, 1);
    await broker.lend(ask());
    equal(fake.accounts.size, 1);
    await broker.stop();
  });

  it('revokes until it works, and makes those who ask wait for it', async () => {
    const fake = new FakeTarget();
    const { broker, clock } = brokerFor(fake);
    await broker.start();
    const lease = await broker.lend(ask());
    fake.broken = true;
    const revoked = broker.revoke(lease.account);
    equal(broker.revoke(lease.account), revoked);
    const again = rejects(broker.lend(ask()), /revocation has not ended/);
    await settle();
    clock.advance(2_000);
    await settle();
    await again;
    fake.broken = false;
    await pass(clock, 20_000);
    await revoked;
    equal(fake.accounts.size, 0);
    await broker.lend(ask());
    equal(fake.accounts.size, 1);
  });
});
