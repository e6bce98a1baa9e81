// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise';
import { bootstrapAsRoot } from '../support/bootstrap.ts';
import { asPerson, asWorkload, sidecar } from '../support/drivers.ts';
import { recordsOf } from '../support/evidence.ts';
import { until, World } from '../support/world.ts';

const LIMIT_MS = 10_000;

/** A second Target on the same MariaDB, with a schema of its own. */
const ARCHIVE = (port: number) => `---
apiVersion: postern.dev/v1alpha1
kind: Target
metadata: {name: archive, namespace: data, labels: {app: archive, env: prod}}
spec:
  expose: {service: archive-db, port: 3306, hostnames: [archive.db.example]}
  mariadb:
    endpoints: [{host: 127.0.0.1, port: ${port}, role: Primary}]
    schemas: [archive]
    tls:
      ca: {file: ../db-ca.pem}
      serverName: localhost
      clientCertificate: {cert: {file: ../upstream.pem}, key: {file: ../upstream-key.pem}}
    broker: {user: postern_archive, password: {file: ../archive-password}}
---
apiVersion: postern.dev/v1alpha1
kind: DataRole
metadata: {name: archive-reader, namespace: data}
spec: {privileges: [{tables: [archive.*], actions: [select]}]}
---
apiVersion: postern.dev/v1alpha1
kind: Grant
metadata: {name: archive, namespace: data}
spec:
  subjects: [{workload: {clusters: {matchLabels: {env: prod}}, serviceAccounts: [payments/checkout]}}]
  targetSelector: {matchLabels: {app: archive}}
  role: archive-reader
  lease: {ttl: 2s}
`;

const ARCHIVE_NAME = 'outbound_.3306_._.archive-db.data.svc.cluster.local';
const ARCHIVE_SQL = `CREATE DATABASE archive; CREATE TABLE archive.old (id INT);
  INSERT INTO archive.old VALUES (1), (2);`;

async function accountOf(connection: Connection): Promise<string> {
  const [rows] = await connection.query<RowDataPacket[]>('SELECT CURRENT_USER() AS account');
  return String(rows[0]?.['account']).replace('@%', '');
}

describe('leases of several Targets on one server', () => {
  let world: World;
  before(async () => {
    world = await World.start({ gateway: false, extraSql: ARCHIVE_SQL });
    const text = world.policyText(ARCHIVE(world.mariadb.port));
    world.writePolicy(text.replaceAll('  role: orders-writer\n', '$&  lease: {ttl: 2s}\n'));
    await world.bootstrap();
    await bootstrapAsRoot(join(world.directory, 'policy'), 'data/archive', world.mariadb);
    await world.startGateway();
    await until(
      () => Object.values(world.gateway?.readiness().targets ?? {}).every(({ ready }) => ready),
      LIMIT_MS,
      'both Targets are ready',
    );
  });
  after(() => world.stop());

  async function toArchive(): Promise<Connection> {
    const identity = await world.workload('payments', 'checkout');
    const stream = await sidecar(world, identity, ARCHIVE_NAME);
    return createConnection({ stream, user: 'anybody', database: 'archive' });
  }

  it('one gateway serves both, with an account and a role of its own for each', async () => {
    const [orders, archive] = [await asWorkload(world), await toArchive()];
    const [rows] = await archive.query<RowDataPacket[]>('SELECT COUNT(*) AS n FROM old');
    equal(rows[0]?.['n'], 2);
    await orders.query('SELECT * FROM orders');
    await rejects(archive.query('SELECT * FROM shop.orders'), /not-permitted/);
    await rejects(orders.query('SELECT * FROM archive.old'), /not-permitted/);
    const accounts = [await accountOf(orders), await accountOf(archive)];
    ok(accounts[0] !== accounts[1], 'an account belongs to one Target');
    for (const account of accounts) match(account, /^postern:.*checkout:/);
    const instances = await world.mariadb.rootQuery(
      'SELECT installation, broker FROM postern.instance ORDER BY broker',
    );
    deepEqual(
      instances.map(({ broker }) => broker),
      ['postern_archive', 'postern_broker'],
    );
    equal(new Set(instances.map(({ installation }) => installation)).size, 2);
    await Promise.all([orders.end(), archive.end()]);
  });

  it('the revocation on one leaves the other alone', async () => {
    const [orders, archive] = [await asWorkload(world), await toArchive()];
    orders.on('error', () => undefined);
    const text = world.policyText(ARCHIVE(world.mariadb.port));
    world.writePolicy(
      text
        .replace('name: checkout, namespace', 'name: nobody, namespace')
        .replace('serviceAccounts: [payments/checkout]', 'serviceAccounts: [payments/nobody]'),
    );
    await rejects(async () => {
      for (;;) await orders.query('SELECT * FROM orders');
    });
    await archive.query('SELECT * FROM old');
    world.writePolicy(text.replaceAll('  role: orders-writer\n', '$&  lease: {ttl: 2s}\n'));
    await until(
      () =>
        asWorkload(world).then(
          (again) => again.end().then(() => true),
          () => false,
        ),
      LIMIT_MS,
      'the Grant is back',
    );
    await archive.query('SELECT * FROM old');
    await archive.end();
  });

  it('new passwords every two seconds disturb neither sessions nor logins', async () => {
    const steady = await asPerson(world);
    const rotations = () =>
      recordsOf(world.path('audit'), 'gateway').filter(({ detail }) =>
        String(detail).startsWith('rotating'),
      ).length;
    const refusals = () => recordsOf(world.path('audit'), 'login-denied').length;
    const [rotated, refused] = [rotations(), refusals()];
    const logins = async () => {
      while (rotations() < rotated + 4) {
        const connection = await asPerson(world);
        await connection.query('SELECT COUNT(*) FROM orders');
        await connection.end();
        await steady.query('SELECT COUNT(*) FROM orders');
      }
    };
    await Promise.all([logins(), logins(), logins()]);
    equal(refusals(), refused);
    await steady.end();
  });

  it('many principals come at once', async () => {
    const people = Array.from({ length: 24 }, (_, index) => `person-${index}`);
    const connections = await Promise.all(people.map((name) => asPerson(world, name)));
    const accounts = await Promise.all(connections.map(accountOf));
    equal(new Set(accounts).size, people.length);
    await Promise.all(connections.map((connection) => connection.end()));
  });
});
