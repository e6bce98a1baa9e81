// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { type Authority, createAuthority } from '../identity/authority.ts';
import { PosternError } from '../model/errors.ts';
import { silentLog } from '../model/log.ts';
import { Agent } from './agent.ts';
import { CertificateStore } from './certificate-store.ts';

const HOUR_MS = 3_600_000;

describe('agent', () => {
  let base: string;
  let authority: Authority;
  const clock = new ManualClock();
  /** Answers of the authority under way. */
  let pending = 0;
  before(async () => {
    base = mkdtempSync(join(tmpdir(), 'postern-agent-unit-'));
    authority = await createAuthority({}, clock);
  });
  after(() => rmSync(base, { recursive: true, force: true }));

  /** An agent whose authority gives four hours, unless told to fail. */
  function setUp(name: string) {
    const world = { obtained: 0, replaced: 0, bundle: authority.certPem, down: false };
    const warned: string[] = [];
    const store = new CertificateStore(join(base, name));
    const answer = async <T>(value: () => Promise<T>) => {
      if (world.down) {
        throw new PosternError('authority-unreachable', { address: 'a', problem: 'p' });
      }
      pending += 1;
      return value().finally(() => {
        pending -= 1;
      });
    };
    const make = () =>
      new Agent({
        store,
        clock,
        random: () => 0.5,
        log: {
          ...silentLog,
          warn: (message) => warned.push(`warn ${message}`),
          error: (message) => warned.push(`error ${message}`),
        },
        replaced: () => {
          world.replaced += 1;
        },
        authority: {
          obtain: () =>
            answer(async () => {
              world.obtained += 1;
              const now = clock.now();
              const issued = await authority.issue({
                notBefore: new Date(now),
                notAfter: new Date(now + 4 * HOUR_MS),
              });
              return { ...issued, bundlePem: world.bundle };
            }),
          bundle: () => answer(() => Promise.resolve(world.bundle)),
        },
      });
    return { world, warned, store, make };
  }

  /** Lets promises run that a timer began, in steps small against every pause. */
  async function pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 60_000) {
      clock.advance(Math.min(left, 60_000));
      await settled();
    }
  }
  async function settled(): Promise<void> {
    do await new Promise((resolve) => setImmediate(resolve));
    while (pending > 0);
    await new Promise((resolve) => setImmediate(resolve));
  }

  it('gets a certificate when there is none, and the next one at half life', async () => {
    const { world, make } = setUp('once');
    const agent = make();
    equal(await agent.renewIfDue(), true);
    equal(await agent.renewIfDue(), false);
    clock.advance(2 * HOUR_MS - 1_000);
    equal(await make().renewIfDue(), false, 'also after a restart');
    clock.advance(1_000);
    equal(await make().renewIfDue(), true);
    deepEqual([world.obtained, world.replaced], [2, 2]);
    equal(agent.health.fresh, true);
  });

  it('keeps what it has while the authority is away, and says so louder when it is stale', async () => {
    const { world, warned, store, make } = setUp('away');
    const agent = make();
    agent.start();
    await settled();
    const first = store.current()?.chainPem;
    world.down = true;
    await pass(2.5 * HOUR_MS);
    equal(store.current()?.chainPem, first);
    ok(agent.health.fresh && agent.health.failures > 5);
    match(agent.health.problem ?? '', /Cannot reach the authority/);
    ok(warned.every((line) => line.startsWith('warn renewing failed')));
    await pass(HOUR_MS);
    equal(agent.health.fresh, false);
    match(warned.at(-1) ?? '', /^error renewing failed/);
    await rejects(make().renewIfDue(), /Cannot reach/);
    world.down = false;
    await pass(10 * 60_000);
    deepEqual(
      [agent.health.fresh, agent.health.failures, agent.health.problem],
      [true, 0, undefined],
    );
    agent.stop();
  });

  it('takes new roots between renewals, with the key it has', async () => {
    const { world, store, make } = setUp('roots');
    const agent = make();
    agent.start();
    await settled();
    const before = store.current();
    world.bundle += (await createAuthority({}, clock)).certPem;
    await pass(120_000);
    equal(store.bundle(), world.bundle);
    equal(store.current()?.leaf.serialNumber, before?.leaf.serialNumber);
    equal(world.obtained, 1);
    equal(world.replaced, 2);
    agent.stop();
    await pass(5 * HOUR_MS);
    equal(world.obtained, 1, 'a stopped agent does nothing');
  });
});
