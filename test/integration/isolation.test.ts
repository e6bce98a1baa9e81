// SPDX-License-Identifier: Apache-2.0
import { equal, match, ok } from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Connection, createConnection } from 'mysql2/promise';
import { BadTargets, serverName } from '../support/bad-targets.ts';
import { asPerson, asWorkload, sidecar } from '../support/drivers.ts';
import { recordsOf } from '../support/evidence.ts';
import { until, World } from '../support/world.ts';

const LIMIT_MS = 20_000;
const BAD = ['hung', 'lost'] as const;

describe('a target that hangs and one whose packets are dropped', () => {
  let world: World;
  let bad: BadTargets;
  let identity: Awaited<ReturnType<World['workload']>>;

  before(async () => {
    world = await World.start({
      gateway: false,
      settings: 'limits: {targetTimeout: 1s, handshakes: 40}',
    });
    bad = await BadTargets.declare(world);
    await world.startGateway();
    await ready();
    identity = await world.workload('payments', 'checkout');
  });
  after(async () => {
    await bad?.stop();
    await world.stop();
  });

  const ready = () =>
    until(
      () => Object.values(world.gateway?.readiness().targets ?? {}).every((one) => one.ready),
      LIMIT_MS,
      'all are ready',
    );

  async function open(name: string): Promise<Connection> {
    const stream = await sidecar(world, identity, serverName(name));
    stream.on('error', () => undefined);
    return createConnection({ stream, user: 'anybody', database: 'shop' });
  }
  /** What a login came to: `in`, or the text of the refusal. */
  async function outcome(login: Promise<Connection>): Promise<string> {
    try {
      await (await login).end();
      return 'in';
    } catch (thrown) {
      return String(thrown);
    }
  }
  const liveOn = (name: string) =>
    world.gateway?.sessions.filter(({ target }) => target === `data/${name}`).length;

  it('delay nobody else, are refused in time, and collect nothing', async () => {
    const steady = await asWorkload(world);
    const before = { hung: await open('hung'), lost: await open('lost') };
    for (const session of Object.values(before)) await session.query('SELECT * FROM orders');
    await bad.break();
    try {
      const stuck = BAD.map((name) =>
        before[name].query('SELECT * FROM orders').then(
          () => 'answered',
          (thrown: Error) => String(thrown),
        ),
      );
      // More than may wait for one target, so some are refused at once.
      const waiting = BAD.flatMap((name) => Array.from({ length: 60 }, () => outcome(open(name))));
      let over = false;
      const all = Promise.all(waiting).finally(() => {
        over = true;
      });
      let logins = 0;
      while (!over || logins < 20) {
        await steady.query('SELECT COUNT(*) FROM orders');
        equal(await outcome(asPerson(world, `person-${logins % 4}`)), 'in');
        logins += 1;
      }
      for (const text of await all) match(text, /target-unavailable|lease-unavailable/);
      const reasons = recordsOf(world.path('audit'), 'login-denied').map(({ detail }) =>
        String(detail),
      );
      ok(reasons.some((detail) => /too many logins wait/.test(detail)));
      ok(reasons.some((detail) => /took longer than|timeout|Logging in/i.test(detail)));
      for (const text of await Promise.all(stuck)) match(text, /limit-time|ended|closed/i);
      await until(() => liveOn('hung') === 0 && liveOn('lost') === 0, LIMIT_MS, 'nothing is left');
      await steady.query('SELECT COUNT(*) FROM orders');
    } finally {
      bad.mend();
    }
    for (const name of BAD) {
      await until(async () => (await outcome(open(name))) === 'in', LIMIT_MS, `${name} is back`);
    }
    await steady.end();
  });
});
