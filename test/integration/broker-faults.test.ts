// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Broker } from '../../src/broker/broker.ts';
import { LeaseTarget, request } from '../support/lease-target.ts';

const PRIVILEGES = '    - {tables: [shop.orders], actions: [select]}';
const SQL = 'CREATE DATABASE shop; CREATE TABLE shop.orders (id INT);';

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    if (await holds()) return;
    await sleep(25);
  }
  throw new Error(`never happened: ${what}`);
}

describe('broker on a target with faults', () => {
  let target: LeaseTarget;
  let broker: Broker;
  const root = (sql: string) => target.mariadb.rootQuery(sql);

  before(async () => {
    target = await LeaseTarget.start(PRIVILEGES, SQL, {
      variables: { 'thread-handling': 'one-thread-per-connection' },
    });
    await target.bootstrap();
    broker = await target.broker();
    await broker.start();
  });
  after(() => target.stop());

  it('says when the target is read-only, and recovers', async () => {
    await root('SET GLOBAL read_only = 1');
    await rejects(broker.lend(request('faults/read-only')), /read-only/);
    await root('SET GLOBAL read_only = 0');
    broker.release(await broker.lend(request('faults/read-only')));
  });

  it('gives up on a target that hangs within 2 s, and others are served meanwhile', async () => {
    const lease = await broker.lend(request('faults/early'));
    const session = await target.login(lease);
    target.mariadb.pause();
    try {
      const started = performance.now();
      const asked = [
        rejects(broker.lend(request('faults/hang')), /lease/i),
        rejects(broker.lend(request('faults/hang-too')), /lease/i),
      ];
      // What was lent before needs nothing from the target.
      broker.release(await broker.lend(request('faults/early')));
      ok(performance.now() - started < 100);
      await Promise.all(asked);
      const took = performance.now() - started;
      ok(took > 1_900 && took < 2_600, `${took} ms`);
      equal(broker.ready, true);
    } finally {
      target.mariadb.resume();
    }
    await session.query('SELECT * FROM shop.orders');
    await session.end();
    await until('lends again', () =>
      broker.lend(request('faults/hang')).then(
        (again) => {
          broker.release(again);
          return true;
        },
        () => false,
      ),
    );
  });

  it('reconnects after the target was killed', async () => {
    await target.mariadb.kill9();
    await rejects(broker.lend(request('faults/down')));
    await target.mariadb.restart();
    await until('lends again', () =>
      broker.lend(request('faults/down')).then(
        () => true,
        () => false,
      ),
    );
  });

  it('revokes for good even if the target is away when it begins', async () => {
    const lease = await broker.lend(request('faults/revoked'));
    await target.mariadb.kill9();
    const revoked = broker.revoke(lease.account);
    await sleep(300);
    await target.mariadb.restart();
    await revoked;
    equal((await target.accounts()).includes(lease.account), false);
  });

  it('is not ready, and does not storm, when its login is refused', async () => {
    let attempts = 0;
    const refused = await target.broker({
      connectAdmin: () => {
        attempts += 1;
        return target.admin();
      },
    });
    await root("ALTER USER postern_broker@'%' ACCOUNT LOCK");
    try {
      await rejects(refused.start(), /refused the login of postern_broker/);
      equal(refused.ready, false);
      equal(refused.problem?.reason, 'target-unavailable');
      const asked = Array.from({ length: 50 }, () => refused.lend(request('faults/refused')));
      for (const result of await Promise.allSettled(asked)) equal(result.status, 'rejected');
      ok(attempts <= 3, `${attempts} attempts`);
    } finally {
      await root("ALTER USER postern_broker@'%' ACCOUNT UNLOCK");
    }
    await until('ready by itself', () => refused.ready);
    await refused.stop();
  });

  it('refuses to serve a target that was not prepared, or by another version', async () => {
    await root("UPDATE postern.meta SET value = '0' WHERE name = 'version'");
    const other = await target.broker();
    await rejects(other.start(), /version 0, this build needs .* run postern bootstrap/);
    equal(other.ready, false);
    await other.stop();
    await target.bootstrap();
  });
});

describe('broker and rights that everybody has', () => {
  let target: LeaseTarget;
  const root = (sql: string) => target.mariadb.rootQuery(sql);

  before(async () => {
    target = await LeaseTarget.start(PRIVILEGES, SQL, { stockTestDatabase: true });
  });
  after(() => target.stop());

  it('finds what a stock installation gives to all, and serves when it is gone', async () => {
    const outcome = await target.bootstrap();
    equal(outcome.excess.length, 2);
    match(outcome.excess[0]?.text ?? '', /^PUBLIC holds SELECT, INSERT.* on schema pattern test$/);
    const broker = await target.broker();
    await rejects(broker.start(), /holds more than is declared/);
    equal(broker.ready, false);
    equal(broker.problem?.reason, 'lease-exceeds-policy');
    await rejects(broker.lend(request()), /holds more than is declared/);
    deepEqual(await target.accounts(), []);
    for (const { revoke } of outcome.excess) {
      for (const statement of revoke) await root(statement);
    }
    deepEqual((await target.bootstrap()).excess, []);
    await until('ready by itself', () => broker.ready);
    const lease = await broker.lend(request());
    const session = await target.login(lease);
    await rejects(session.query('CREATE TABLE test.mine (id INT)'), /denied/);
    await session.end();
    await broker.stop();
  });

  const TRAPS: readonly (readonly [what: string, give: string, wins: string])[] = [
    ['a table', 'GRANT INSERT ON shop.orders TO PUBLIC', 'INSERT INTO shop.orders VALUES (5)'],
    ['a schema', 'GRANT SELECT ON other.* TO PUBLIC', 'SELECT * FROM other.t'],
    ['a column', 'GRANT SELECT (id) ON other.t TO PUBLIC', 'SELECT id FROM other.t'],
    ['everything', 'GRANT SELECT ON *.* TO PUBLIC', 'SELECT * FROM other.t'],
    ['a routine', 'GRANT EXECUTE ON PROCEDURE other.p TO PUBLIC', 'CALL other.p()'],
    [
      'an anonymous row',
      "INSERT INTO mysql.db (Host, Db, User, Select_priv) VALUES ('%', 'oth_r', '', 'Y'); FLUSH PRIVILEGES",
      'SELECT * FROM other.t',
    ],
  ];
  for (const [what, give, wins] of TRAPS) {
    it(`refuses while PUBLIC or nobody gives ${what}, and --fix removes it`, async () => {
      await root(
        'CREATE DATABASE IF NOT EXISTS other; CREATE TABLE IF NOT EXISTS other.t (id INT)',
      );
      await root('CREATE PROCEDURE IF NOT EXISTS other.p() SELECT 1');
      const before = await target.broker();
      await before.start();
      const lease = await before.lend(request());
      const session = await target.login(lease);
      await rejects(session.query(wins), /denied/, 'not held before');
      await root(give);
      const after = await target.login(lease);
      await after.query(wins);
      const broker = await target.broker();
      await rejects(broker.start(), /holds more than is declared/);
      const { excess } = await target.bootstrap();
      equal(excess.length, 1);
      for (const { revoke } of excess) for (const statement of revoke) await root(statement);
      deepEqual((await target.bootstrap()).excess, []);
      const clean = await target.login(lease);
      await rejects(clean.query(wins), /denied/, 'held after the fix');
      await Promise.all([session.end(), after.end(), clean.end()]);
      await Promise.all([before.stop(), broker.stop()]);
    });
  }

  it('accepts what the declaration gives to every lease anyway', async () => {
    await root('GRANT SELECT ON shop.orders TO PUBLIC');
    const broker = await target.broker();
    await broker.start();
    equal(broker.ready, true);
    await root('REVOKE SELECT ON shop.orders FROM PUBLIC');
    await broker.stop();
  });

  it('refuses a composite role that somebody added rights to', async () => {
    const broker = await target.broker();
    await broker.start();
    const lease = await broker.lend(request());
    await root(`GRANT SELECT ON other.* TO \`${lease.role}\``);
    const other = await target.broker();
    await rejects(other.start(), /pc_[0-9a-f]{32} holds SELECT on schema pattern other/);
    await root(`REVOKE SELECT ON other.* FROM \`${lease.role}\``);
    await root(`CREATE ROLE wide; GRANT wide TO \`${lease.role}\``);
    await rejects(broker.lend(request('payments/else')), /granted a role to a composite role/);
    await root('DROP ROLE wide');
    await Promise.all([broker.stop(), other.stop()]);
  });
});
