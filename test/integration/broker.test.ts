// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, match, notEqual, ok, rejects } from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createConnection } from 'mysql2/promise';
import type { Broker } from '../../src/broker/broker.ts';
import { LeaseTarget, request } from '../support/lease-target.ts';

const PRIVILEGES = `    - {tables: [shop.orders], actions: [select, insert]}
    - {tables: ["a_b.*"], actions: [select]}`;
const SQL = `CREATE DATABASE shop; CREATE TABLE shop.orders (id INT); INSERT INTO shop.orders VALUES (1);
CREATE TABLE shop.secrets (id INT);
CREATE DATABASE a_b; CREATE TABLE a_b.t (id INT); CREATE DATABASE axb; CREATE TABLE axb.t (id INT);`;

describe('broker', () => {
  let target: LeaseTarget;
  let broker: Broker;

  before(async () => {
    target = await LeaseTarget.start(PRIVILEGES, SQL);
    await target.bootstrap();
    broker = await target.broker();
    await broker.start();
  });
  after(() => target.stop());

  it('learns the version and is ready', () => {
    match(broker.serverVersion ?? '', /^10\.\d+\.\d+-MariaDB/);
    equal(broker.ready, true);
    equal(broker.problem, undefined);
  });

  it('lends an account that shows its origin and holds the role', async () => {
    const lease = await broker.lend(request());
    match(lease.account, /^postern:[0-9a-f]{6}:workload\/prod\/payments\/checkout:[0-9a-f]{10}$/);
    const connection = await target.login(lease);
    const [rows] = await connection.query('SELECT id, USER() AS user FROM shop.orders');
    deepEqual(rows, [{ id: 1, user: `${lease.account}@127.0.0.1` }]);
    await rejects(connection.query('SELECT * FROM shop.secrets'), /denied/);
    await connection.end();
    broker.release(lease);
  });

  it('gives nothing before SET ROLE', async () => {
    const lease = await broker.lend(request());
    const { account: user, password } = lease;
    const connection = await createConnection({
      ...target.certificateLogin(target.upstream),
      user,
      password: password.reveal(),
    });
    await rejects(connection.query('SELECT * FROM shop.orders'), /denied/);
    await connection.end();
    broker.release(lease);
  });

  it('reads _ in a schema name as itself', async () => {
    const lease = await broker.lend(request());
    const connection = await target.login(lease);
    await connection.query('SELECT * FROM a_b.t');
    await rejects(connection.query('SELECT * FROM axb.t'), /denied/);
    await connection.end();
    broker.release(lease);
  });

  it('makes a leaked password useless without the certificate', async () => {
    const lease = await broker.lend(request());
    const login = { user: lease.account, password: lease.password.reveal() };
    const other = await target.authority.issue({ commonName: 'somebody', usages: ['client'] });
    await rejects(createConnection({ ...target.certificateLogin(undefined), ...login }), /denied/);
    await rejects(createConnection({ ...target.certificateLogin(other), ...login }), /denied/);
    await rejects(
      createConnection({ host: '127.0.0.1', port: target.mariadb.port, ...login }),
      /denied/,
    );
    broker.release(lease);
  });

  it('shares one account and one issue between those who ask at once', async () => {
    const before = target.events.length;
    const leases = await Promise.all(
      Array.from({ length: 20 }, () => broker.lend(request('payments/many'))),
    );
    equal(new Set(leases.map(({ account }) => account)).size, 1);
    equal(new Set(leases.map(({ password }) => password.reveal())).size, 1);
    equal(target.events.length - before, 1);
    for (const lease of leases) broker.release(lease);
  });

  it('rotates the password after the ttl and leaves sessions alone', async () => {
    const first = await broker.lend(request('payments/rotating', 300));
    const connection = await target.login(first);
    await sleep(350);
    const second = await broker.lend(request('payments/rotating', 300));
    equal(second.account, first.account);
    notEqual(second.password.reveal(), first.password.reveal());
    await connection.query('SELECT * FROM shop.orders');
    await rejects(target.login(first), /denied/);
    await (await target.login(second)).end();
    await connection.end();
  });

  it('revokes while a query runs: the session dies, the account is gone', async () => {
    const lease = await broker.lend(request('payments/victim'));
    const other = await broker.lend(request('payments/bystander'));
    const victim = await target.login(lease);
    const bystander = await target.login(other);
    const running = rejects(
      victim.query('SELECT SLEEP(30) FROM shop.orders'),
      /closed|Lost|interrupted/,
    );
    await sleep(50);
    const started = performance.now();
    await broker.revoke(lease.account);
    await running;
    ok(performance.now() - started < 1_000);
    ok(!(await target.accounts()).includes(lease.account));
    await rejects(target.login(lease), /denied/);
    await bystander.query('SELECT * FROM shop.orders');
    await bystander.end();
    broker.release(lease);
    broker.release(other);
    await broker.revoke(lease.account);
  });

  it('lends again after a revocation', async () => {
    const first = await broker.lend(request('payments/again'));
    const [, second] = await Promise.all([
      broker.revoke(first.account),
      broker.lend(request('payments/again')),
    ]);
    await (await target.login(second)).end();
    broker.release(first);
    equal((await target.accounts()).includes(second.account), true);
    broker.release(second);
  });

  it('makes an account anew that somebody removed from the target', async () => {
    const first = await broker.lend(request('payments/removed'));
    await target.mariadb.rootQuery(`DROP USER '${first.account}'@'%'`);
    broker.loginRefused(first);
    const second = await broker.lend(request('payments/removed'));
    await (await target.login(second)).end();
  });

  it('refuses roles the policy or the target does not have', async () => {
    const ask = request();
    const access = { privilegeSetId: 'x', roleIds: ['data/unknown'] };
    await rejects(broker.lend({ ...ask, access }), hasReason('lease-role-missing'));
    target.declare('    - {tables: [shop.secrets], actions: [select]}');
    const { policy, target: declared } = await target.policy();
    broker.policyChanged(policy, declared);
    await rejects(broker.lend(ask), hasReason('lease-role-missing'));
    await target.bootstrap();
    const lease = await broker.lend(ask);
    const connection = await target.login(lease);
    await connection.query('SELECT * FROM shop.secrets');
    await rejects(connection.query('SELECT * FROM shop.orders'), /denied/);
    await connection.end();
    broker.release(lease);
  });

  it('drops idle accounts when it stops', async () => {
    const other = await target.broker();
    await other.start();
    const lease = await other.lend(request('payments/stopping'));
    const used = await other.lend(request('payments/used'));
    other.release(lease);
    await other.stop();
    const left = await target.accounts();
    equal(left.includes(lease.account), false);
    equal(left.includes(used.account), true);
    await rejects(other.lend(request()), hasReason('draining'));
  });
});

function hasReason(reason: string): (error: { facts?: Record<string, unknown> }) => boolean {
  return (error) => {
    equal(error.facts?.['reason'], reason, String(error));
    return true;
  };
}
