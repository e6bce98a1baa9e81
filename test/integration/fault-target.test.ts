// SPDX-License-Identifier: Apache-2.0
import { equal, match, ok, rejects } from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { bootstrapAsRoot } from '../support/bootstrap.ts';
import { asPerson, asWorkload, withToken } from '../support/drivers.ts';
import { auditRecords, newRecords, recordsOf } from '../support/evidence.ts';
import { startMariadb, type TestMariadb } from '../support/mariadb.ts';
import { loginToToken } from '../support/raw-mysql.ts';
import { until, World } from '../support/world.ts';

const SECOND = 1_000;

/** A second target on a server of its own, by its own listener. */
const stockPolicy = (port: number) => `
---
apiVersion: postern.dev/v1alpha1
kind: Target
metadata: {name: stock, namespace: data, labels: {app: stock, env: prod}}
spec:
  expose: {service: stock-db, port: 3306}
  mariadb:
    endpoints: [{host: 127.0.0.1, port: ${port}, role: Primary}]
    schemas: [shop]
    tls: {insecurePlaintext: true}
    broker: {user: postern_broker, password: {file: ../stock-password}}
---
apiVersion: postern.dev/v1alpha1
kind: Grant
metadata: {name: stock-analysts, namespace: data}
spec:
  subjects: [{group: {provider: people, id: analysts}}]
  targetSelector: {matchLabels: {app: stock}}
  role: orders-writer
`;

describe('a target with faults', () => {
  let world: World;
  let stock: TestMariadb;
  const open: Connection[] = [];
  const audit = () => world.path('audit');

  before(async () => {
    stock = await startMariadb();
    await stock.rootQuery(`CREATE DATABASE shop; CREATE TABLE shop.orders (id INT);
      CREATE TABLE shop.products (id INT); CREATE TABLE shop.customers (id INT, name VARCHAR(9));
      CREATE PROCEDURE shop.order_count() SELECT 1; INSERT INTO shop.orders VALUES (7);`);
    world = await World.start({ gateway: false, extraPolicy: stockPolicy(stock.port) });
    await bootstrapAsRoot(world.path('policy'), 'data/stock', stock);
    const settings = world.settingsText().replace(
      'listeners:',
      `limits: {targetTimeout: 2s}
listeners:
  - {name: stock, address: '127.0.0.1:0', protocol: mysql, accept: ProtocolTls, target: data/stock}`,
    );
    writeFileSync(world.path('postern.yaml'), settings);
    await world.startGateway();
    await until(() => targets()?.['data/stock']?.ready === true, 5 * SECOND, 'stock is ready');
    await until(() => targets()?.['data/orders']?.ready === true, 5 * SECOND, 'orders is ready');
  });
  after(async () => {
    for (const connection of open) connection.destroy();
    world.mariadb.resume();
    await world.stop();
    await stock.stop();
  });

  const targets = () => world.gateway?.readiness().targets;

  function keep(connection: Connection): Connection {
    connection.on('error', () => undefined);
    open.push(connection);
    return connection;
  }
  const person = async (name: string) => keep(await asPerson(world, name));
  const stockPerson = async (name: string) => {
    const port = Number(world.gateway?.addresses.get('stock')?.split(':').at(-1));
    return keep(await withToken(world, world.token(name, ['analysts']), { port }));
  };

  async function works(connection: Connection): Promise<void> {
    const [rows] = await connection.query<RowDataPacket[]>('SELECT id FROM orders LIMIT 1');
    equal(rows.length, 1);
  }

  /** Another login is tried until one works: the gateway recovers by itself. */
  const recovers = (login: () => Promise<Connection>) =>
    until(
      () =>
        login().then(
          (connection) => works(connection).then(() => true),
          () => false,
        ),
      15 * SECOND,
      'the gateway has recovered',
    );

  it('hangs: logins give up in time, sessions wait, the other target is as quick as ever', async () => {
    const idle = await person('idle');
    await works(idle);
    await (await stockPerson('first')).end();
    const before = recordsOf(audit(), 'login-denied').length;
    world.mariadb.pause();
    try {
      const begun = Date.now();
      const waiting = idle.query('SELECT id FROM orders LIMIT 1');
      const refused = Promise.all([
        // With a lease that is lent already, and with one that would be new.
        rejects(person('idle'), /target-unavailable/),
        rejects(person('newcomer'), /lease-unavailable/),
        rejects(asWorkload(world), /lease-unavailable/),
      ]);
      const gone = await loginToToken(world.port('token'), world.serverCa.certPem);
      gone.send(Buffer.from(`${world.token('idle', ['analysts'])}\0`), 4);
      for (let round = 0; round < 10; round += 1) {
        const start = Date.now();
        const other = await stockPerson(`other-${round}`);
        await works(other);
        await other.end();
        ok(Date.now() - start < 1_000, `the other target took ${Date.now() - start} ms`);
      }
      gone.close();
      await refused;
      const took = Date.now() - begun;
      ok(took > 1.9 * SECOND && took < 4 * SECOND, `${took} ms`);
      for (const { detail } of await newRecords(audit(), 'login-denied', before, 3)) {
        // Who shares the broker's connection with one whose time is up hears that it was closed.
        match(detail, /took longer than 2000 ms|closed the connection/);
      }
      world.mariadb.resume();
      await waiting;
    } finally {
      world.mariadb.resume();
    }
    await works(idle);
    await recovers(() => person('newcomer'));
    const left = () => world.gateway?.sessions.filter(({ principal }) => /idle/.test(principal));
    await until(() => left()?.length === 1, 3 * SECOND, 'the one that left has no session');
  });

  it('is back in time: a peer that left meanwhile leaves nothing behind', async () => {
    const first = await person('leaver');
    await works(first);
    world.mariadb.pause();
    const gone = await loginToToken(world.port('token'), world.serverCa.certPem);
    gone.send(Buffer.from(`${world.token('leaver', ['analysts'])}\0`), 4);
    await new Promise((resolve) => setTimeout(resolve, 300));
    gone.close();
    await new Promise((resolve) => setTimeout(resolve, 100));
    world.mariadb.resume();
    const left = () => world.gateway?.sessions.filter(({ principal }) => /leaver/.test(principal));
    await new Promise((resolve) => setTimeout(resolve, 300));
    await until(() => left()?.length === 1, 3 * SECOND, 'it has no session');
    await works(first);
  });

  it('hangs while a statement runs: the request ends with it or with the peer', async () => {
    const connection = await person('patient');
    const query = connection.query('SELECT SLEEP(0.5)');
    await new Promise((resolve) => setTimeout(resolve, 100));
    world.mariadb.pause();
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    world.mariadb.resume();
    await query;
    await works(connection);
  });

  it('dies within a result: an error, the outcome is unknown, and it recovers', async () => {
    const before = recordsOf(audit(), 'outcome').length;
    const closedBefore = recordsOf(audit(), 'session-closed').length;
    const streaming = await person('streaming');
    const waiting = await person('waiting');
    const idle = await person('resting');
    const tables = Array.from({ length: 13 }, (_, index) => `orders t${index}`).join(', ');
    const big = streaming.query(`SELECT REPEAT('x', 500) FROM ${tables}`);
    const slow = waiting.query('SELECT SLEEP(20)');
    const bigFails = rejects(big);
    const slowFails = rejects(slow, /target-unavailable|target closed|connect again/);
    await new Promise((resolve) => setTimeout(resolve, 500));
    await world.mariadb.kill9();
    await Promise.all([bigFails, slowFails, rejects(idle.query('SELECT 1'))]);
    const outcomes = await newRecords(audit(), 'outcome', before, 2);
    equal(outcomes.filter(({ outcome }) => outcome === 'unknown').length, 2);
    for (const { reason } of await newRecords(audit(), 'session-closed', closedBefore, 3)) {
      match(reason ?? '', /target-unavailable/);
    }
    await rejects(person('early'), /unavailable/);
    await works(await stockPerson('unaffected'));
    await world.mariadb.restart();
    await recovers(() => person('late'));
    equal(targets()?.['data/orders']?.ready, true);
    equal(targets()?.['data/orders']?.problem, undefined);
  });

  it('is read-only: leases already lent go on, new ones are refused with the reason', async () => {
    const connection = await person('reader');
    await world.mariadb.rootQuery('SET GLOBAL read_only = 1');
    await works(connection);
    await works(await person('reader'));
    await rejects(connection.query("UPDATE orders SET note = 'x' WHERE id = 1"), /read-only/);
    const before = recordsOf(audit(), 'login-denied').length;
    await rejects(person('stranger'), /lease-unavailable/);
    const [denied] = await newRecords(audit(), 'login-denied', before);
    match(denied?.detail ?? '', /read-only/);
    await world.mariadb.rootQuery('SET GLOBAL read_only = 0');
    await recovers(() => person('stranger'));
  });

  it("refuses the broker's login: said in readiness and audit, lent leases go on", async () => {
    const connection = await person('holder');
    await world.mariadb.rootQuery(
      `ALTER USER postern_broker@'%' IDENTIFIED BY 'changed by somebody'; ${KILL_BROKER}`,
    );
    await rejects(person('seeker'), /lease-unavailable/);
    await until(() => targets()?.['data/orders']?.problem !== undefined, 12 * SECOND, 'a problem');
    const problem = targets()?.['data/orders']?.problem ?? '';
    match(problem, /postern_broker/);
    match(problem, /1045/);
    ok(
      auditRecords(audit()).some(
        (one) => one.event === 'gateway' && one.what === 'finding' && /1045/.test(one.detail),
      ),
    );
    await works(connection);
    await works(await person('holder'));
    await world.bootstrap();
    await recovers(() => person('seeker'));
    await until(() => targets()?.['data/orders']?.problem === undefined, 12 * SECOND, 'no problem');
  });

  it('has no connection left: refused with the reason of the target, then served', async () => {
    const connection = await person('holder');
    // Earlier tests left connections: the limit is a few above what there is.
    await world.mariadb.rootQuery(`SELECT GREATEST(10, COUNT(*) + 4) INTO @limit
      FROM information_schema.processlist; SET GLOBAL max_connections = @limit`);
    const taken: Connection[] = [];
    const before = recordsOf(audit(), 'login-denied').length;
    await rejects(async () => {
      for (let count = 0; count < 14; count += 1) taken.push(await person('holder'));
    }, /target-unavailable/);
    const [denied] = await newRecords(audit(), 'login-denied', before);
    match(denied?.detail ?? '', /Too many connections|1040/);
    await works(connection);
    for (const one of taken) await one.end();
    await recovers(() => person('holder'));
  });
});

const KILL_BROKER = `BEGIN NOT ATOMIC
  FOR c IN (SELECT id FROM information_schema.processlist WHERE user = 'postern_broker') DO
    EXECUTE IMMEDIATE CONCAT('KILL ', c.id);
  END FOR;
END`;
