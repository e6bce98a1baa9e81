// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, rejects } from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { createConnection } from 'mysql2/promise';
import type { Broker } from '../../src/broker/broker.ts';
import { Registry } from '../../src/broker/registry.ts';
import type { AdminConnection } from '../../src/target/mysql/connection.ts';
import { LeaseTarget, request } from '../support/lease-target.ts';

const PRIVILEGES = '    - {tables: [shop.orders], actions: [select]}';
const SQL = 'CREATE DATABASE shop; CREATE TABLE shop.orders (id INT);';

/** A broker whose process was killed: it answers nothing and drops nothing any more. */
async function crashed(target: LeaseTarget, installation: string): Promise<Broker> {
  const connections: AdminConnection[] = [];
  let dead = false;
  const broker = await target.broker({
    installation,
    connectAdmin: async () => {
      if (dead) throw new Error('the process is dead');
      const connection = await target.admin();
      connections.push(connection);
      return connection;
    },
  });
  await broker.start();
  crash.set(broker, async () => {
    dead = true;
    await Promise.all(connections.map((connection) => connection.close()));
  });
  return broker;
}
const crash = new Map<Broker, () => Promise<void>>();

describe('broker sweep', () => {
  let target: LeaseTarget;
  const root = (sql: string) => target.mariadb.rootQuery(sql);
  const age = (instance: string, seconds: number) =>
    root(
      `UPDATE postern.instance SET heartbeat = heartbeat - INTERVAL ${seconds} SECOND WHERE id LIKE '${instance}.%'`,
    );

  before(async () => {
    target = await LeaseTarget.start(PRIVILEGES, SQL);
    await target.bootstrap();
  });
  after(() => target.stop());

  it('cleans up after a crash, once the heartbeat is stale', async () => {
    const first = await crashed(target, 'one');
    const lease = await first.lend(request());
    await crash.get(first)?.();

    const early = await target.broker({ installation: 'one' });
    await early.start();
    deepEqual(await target.accounts(), [lease.account], 'it may still be alive');
    await age('one', 61);
    const second = await target.broker({ installation: 'one' });
    await second.start();
    deepEqual(await target.accounts(), []);
    await rejects(target.login(lease), /denied/);
    const instances = await root("SELECT id FROM postern.instance WHERE id LIKE 'one.%'");
    equal(instances.length, 1, 'the dead instances are gone');
    await Promise.all([early.stop(), second.stop()]);
  });

  it('spares accounts in use, and takes them when they are idle', async () => {
    const first = await crashed(target, 'two');
    const lease = await first.lend(request());
    const session = await target.login(lease);
    await crash.get(first)?.();
    // Names beyond ASCII in the process list must not break the comparison.
    await root("CREATE USER 'jürgen'@'%' IDENTIFIED BY 'x'");
    const { mariadb } = target;
    const other = await createConnection({
      host: '127.0.0.1',
      port: mariadb.port,
      user: 'jürgen',
      password: 'x',
    });
    await age('two', 61);
    const second = await target.broker({ installation: 'two' });
    await second.start();
    deepEqual(await target.accounts(), [lease.account]);
    await session.query('SELECT * FROM shop.orders');
    await session.end();
    await other.end();
    const admin = await target.admin();
    await new Registry(admin, 'two.00000000', 'data/orders').sweep(60);
    deepEqual(await target.accounts(), []);
    await admin.close();
    await second.stop();
  });

  it('leaves other installations alone', async () => {
    const first = await crashed(target, 'three');
    const lease = await first.lend(request());
    await crash.get(first)?.();
    await age('three', 3_600);
    const other = await target.broker({ installation: 'four' });
    await other.start();
    deepEqual(await target.accounts(), [lease.account]);
    await other.stop();
    const heir = await target.broker({ installation: 'three' });
    await heir.start();
    deepEqual(await target.accounts(), []);
    await heir.stop();
  });

  it('finishes a revocation that was interrupted', async () => {
    const first = await crashed(target, 'five');
    const lease = await first.lend(request());
    const session = await target.login(lease);
    session.on('error', () => undefined);
    await crash.get(first)?.();
    await root(`UPDATE postern.lease SET state = 'revoked' WHERE account = '${lease.account}'`);
    const second = await target.broker({ installation: 'five' });
    await second.start();
    deepEqual(await target.accounts(), []);
    await rejects(session.query('SELECT 1'));
    await second.stop();
  });

  it('drops composite roles that nothing used for an hour', async () => {
    const composites = async () =>
      (await root("SELECT User FROM mysql.global_priv WHERE User LIKE 'pc\\_%'")).length;
    const broker = await target.broker();
    await broker.start();
    const lease = await broker.lend(request());
    await root('UPDATE postern.composite SET last_used = last_used - INTERVAL 2 HOUR');
    const admin = await target.admin();
    const sweep = () => new Registry(admin, 'six.00000000', 'data/orders').sweep(60);
    await sweep();
    equal(await composites(), 1, 'it is lent');
    broker.release(lease);
    await broker.revoke(lease.account);
    await sweep();
    equal(await composites(), 0);
    await (await target.login(await broker.lend(request()))).end();
    await admin.close();
    await broker.stop();
  });
});
