// SPDX-License-Identifier: Apache-2.0
import { equal, match, rejects } from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { Readable } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import type { Connection } from 'mysql2/promise';
import { bootstrapAsRoot } from '../support/bootstrap.ts';
import { withToken } from '../support/drivers.ts';
import { newRecords, recordsOf } from '../support/evidence.ts';
import { startMariadb, type TestMariadb } from '../support/mariadb.ts';
import { packet } from '../support/raw-mysql.ts';
import { until, World } from '../support/world.ts';

const policy = (port: number) => `
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
kind: DataRole
metadata: {name: loader, namespace: data}
spec:
  privileges: [{tables: [shop.orders], actions: [select, insert]}]
  guardrails: {localInfile: Allow}
---
apiVersion: postern.dev/v1alpha1
kind: Grant
metadata: {name: loaders, namespace: data}
spec:
  subjects: [{group: {provider: people, id: loaders}}]
  targetSelector: {matchLabels: {app: stock}}
  role: loader
`;

const request = (file: string, sequence: number) =>
  packet(Buffer.concat([Buffer.of(0xfb), Buffer.from(file)]), sequence);

/** In front of the database: answers statements that name a trick itself. */
class Interceptor {
  readonly server: Server;
  /** By a word in a chunk from the gateway: what goes back in place of the database's answer. */
  tricks: ReadonlyMap<string, Buffer> = new Map();

  constructor(port: number) {
    this.server = createServer((down) => {
      const up = connect(port, '127.0.0.1');
      down.on('data', (chunk) => {
        const trick = [...this.tricks].find(([word]) => chunk.includes(word));
        if (trick) down.write(trick[1]);
        else up.write(chunk);
      });
      up.on('data', (chunk) => down.write(chunk));
      for (const socket of [up, down]) {
        socket.on('error', () => undefined);
        socket.on('close', () => {
          up.destroy();
          down.destroy();
        });
      }
    });
  }
}

describe('a target that asks a driver for files', () => {
  let world: World;
  let stock: TestMariadb;
  let between: Interceptor;
  const asked: string[] = [];

  before(async () => {
    stock = await startMariadb();
    await stock.rootQuery(`SET GLOBAL local_infile = 1; CREATE DATABASE shop;
      CREATE TABLE shop.orders (id INT, note VARCHAR(100));
      CREATE TABLE shop.products (id INT); CREATE TABLE shop.customers (id INT, name VARCHAR(9));
      CREATE PROCEDURE shop.order_count() SELECT 1;`);
    between = new Interceptor(stock.port);
    between.server.listen(0, '127.0.0.1');
    await once(between.server, 'listening');
    const { port } = between.server.address() as { port: number };
    world = await World.start({ gateway: false, extraPolicy: policy(port) });
    await bootstrapAsRoot(world.path('policy'), 'data/stock', stock);
    const settings = world.settingsText().replace(
      'listeners:',
      `listeners:
  - {name: stock, address: '127.0.0.1:0', protocol: mysql, accept: ProtocolTls, target: data/stock}`,
    );
    writeFileSync(world.path('postern.yaml'), settings);
    await world.startGateway();
    const ready = () => world.gateway?.readiness().targets?.['data/stock']?.ready === true;
    await until(ready, 10_000, 'stock is ready');
  });
  after(async () => {
    await world?.stop();
    between?.server.close();
    await stock?.stop();
  });

  async function loader(): Promise<Connection> {
    const port = Number(world.gateway?.addresses.get('stock')?.split(':').at(-1));
    const connection = await withToken(world, world.token('lou', ['loaders']), { port });
    connection.on('error', () => undefined);
    return connection;
  }

  /** A driver that would send whatever it is asked for. */
  const obliging = (sql: string) =>
    ({
      sql,
      infileStreamFactory: (file: string) => {
        asked.push(file);
        return Readable.from([Buffer.from('1,secret of the client\n')]);
      },
    }) as unknown as string;

  const LOAD = "LOAD DATA LOCAL INFILE 'a.csv' INTO TABLE orders FIELDS TERMINATED BY ','";

  it('gets the file that the statement names, and no other', async () => {
    between.tricks = new Map();
    const connection = await loader();
    await connection.query(obliging(LOAD));
    equal(asked.splice(0).join(), 'a.csv');
    await connection.end();
  });

  const tricks: readonly (readonly [string, string, string, Buffer, RegExp])[] = [
    [
      'any file for a SELECT',
      'SELECT note',
      'SELECT note FROM orders',
      request('/etc/passwd', 1),
      /no LOAD DATA LOCAL/,
    ],
    ['another file than was named', LOAD, LOAD, request('/etc/passwd', 1), /another file/],
    ['the file twice', 'secret of the client', LOAD, request('a.csv', 4), /a second file/],
    [
      'a file for an INSERT',
      'INSERT',
      'INSERT INTO orders VALUES (1, 2)',
      request('a.csv', 1),
      /no LOAD DATA/,
    ],
  ];
  for (const [what, word, sql, answer, why] of tricks) {
    it(`gets nothing: ${what}`, async () => {
      const connection = await loader();
      const before = recordsOf(world.path('audit'), 'outcome').length;
      const closedBefore = recordsOf(world.path('audit'), 'session-closed').length;
      between.tricks = new Map([[word, answer]]);
      asked.length = 0;
      await rejects(connection.query(obliging(sql)));
      between.tricks = new Map();
      equal(asked.filter((file) => file !== 'a.csv').length, 0);
      equal(asked.length, word === 'secret of the client' ? 1 : 0);
      const [outcome] = await newRecords(world.path('audit'), 'outcome', before, 1);
      equal(outcome?.['outcome'], 'killed');
      equal(outcome?.['reason'], 'local-infile');
      const [closed] = await newRecords(world.path('audit'), 'session-closed', closedBefore, 1);
      match(String(closed?.reason), why);
    });
  }

  it('leaves the others alone', async () => {
    const connection = await loader();
    const [rows] = await connection.query('SELECT COUNT(*) AS n FROM orders');
    equal(Array.isArray(rows), true);
    await connection.end();
  });
});
