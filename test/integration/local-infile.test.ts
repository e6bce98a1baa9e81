// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { Readable } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import type { Connection, ConnectionOptions, RowDataPacket } from 'mysql2/promise';
import { asPerson } from '../support/drivers.ts';
import { newRecords, recordsOf } from '../support/evidence.ts';
import { World } from '../support/world.ts';

const POLICY = `---
apiVersion: postern.dev/v1alpha1
kind: DataRole
metadata: {name: loader, namespace: data}
spec:
  privileges:
    - {tables: [shop.orders], actions: [select, insert]}
    - {tables: [shop.products], actions: [select]}
  guardrails: {localInfile: Allow}
---
apiVersion: postern.dev/v1alpha1
kind: Grant
metadata: {name: loaders, namespace: data}
spec:
  subjects: [{group: {provider: people, id: loaders}}]
  targetSelector: {matchLabels: {app: orders}}
  role: loader
`;

const LOAD = (file: string, table = 'orders', tail = '') =>
  `LOAD DATA LOCAL INFILE '${file}' INTO TABLE ${table} FIELDS TERMINATED BY ','${tail}`;

describe('LOAD DATA LOCAL', () => {
  let world: World;
  const open: Connection[] = [];
  before(async () => {
    world = await World.start({ extraPolicy: POLICY });
    await world.mariadb.rootQuery('SET GLOBAL local_infile = 1');
  });
  after(async () => {
    for (const connection of open) connection.destroy();
    await world?.stop();
  });

  async function loader(groups = ['loaders'], more: Partial<ConnectionOptions> = {}) {
    const connection = await asPerson(world, 'lou', groups, more);
    connection.on('error', () => undefined);
    open.push(connection);
    return connection;
  }

  const stream = (sql: string, content: () => Readable) =>
    ({ sql, infileStreamFactory: content }) as unknown as string;

  const file = (...parts: string[]) => Readable.from(parts.map((part) => Buffer.from(part)));

  async function count(connection: Connection): Promise<number> {
    const [rows] = await connection.query<RowDataPacket[]>('SELECT COUNT(*) AS n FROM orders');
    return Number(rows[0]?.['n']);
  }

  it('loads a file, and says in the audit how many rows and bytes it was', async () => {
    const connection = await loader();
    const before = recordsOf(world.path('audit'), 'outcome').length;
    const [result] = await connection.query(
      stream(LOAD('three.csv'), () => file('11,1,1,a\n12,1,', '2,b\n13,1,3,c\n')),
    );
    equal((result as { affectedRows: number }).affectedRows, 3);
    const [outcome] = await newRecords(world.path('audit'), 'outcome', before, 1);
    equal(outcome?.['outcome'], 'ok');
    equal(outcome?.['rows'], 3);
    equal(outcome?.['fileBytes'], 27);
    const intent = recordsOf(world.path('audit'), 'intent').find(({ id }) => id === outcome?.id);
    deepEqual(intent?.['needs'], ['insert shop.orders']);
    equal(intent?.['kind'], 'load-data');
  });

  it('streams much more than it holds, in many packets', async () => {
    const connection = await loader();
    const line = `${'x'.repeat(150)}\n`;
    const rows = 200_000;
    let sent = 0;
    const content = () =>
      Readable.from(
        (function* () {
          for (; sent < rows; sent += 1000) {
            const lines = Array.from(
              { length: 1000 },
              (_, at) => `${1_000_000 + sent + at},1,1,${line}`,
            );
            yield Buffer.from(lines.join(''));
          }
        })(),
      );
    const [result] = await connection.query(stream(LOAD('big.csv'), content));
    equal((result as { affectedRows: number }).affectedRows, rows);
    equal((await count(connection)) >= rows, true);
  });

  it('relays what the target says against it, and the session goes on', async () => {
    const connection = await loader();
    await rejects(
      connection.query(stream(LOAD('dup.csv', 'orders', ' (id, id2)'), () => file('1'))),
      /Unknown column/,
    );
    await rejects(
      connection.query(
        stream(
          LOAD(
            'x',
            'orders',
            ' (id, product, amount, note) SET note = (SELECT name FROM products)',
          ),
          () => file('900001,1,1,x\n'),
        ),
      ),
      /more than 1 row/,
    );
    ok((await count(connection)) > 0);
  });

  it('is refused without the guardrail, the right, or as a prepared statement', async () => {
    const other = await loader(['analysts']);
    const never = () => {
      throw new Error('the file was asked for');
    };
    await rejects(other.query(stream(LOAD('x'), never)), /\[local-infile\]/);
    const connection = await loader();
    await rejects(connection.query(stream(LOAD('x', 'products'), never)), /\[not-permitted\]/);
    await rejects(
      connection.query(stream(`LOAD DATA INFILE '/etc/passwd' INTO TABLE orders`, never)),
      /\[statement-kind\]/,
    );
    await rejects(connection.execute(LOAD('x')), /\[statement-kind\]/);
    await rejects(connection.query(stream(`${LOAD('x')}; SELECT 1`, never)), /statement-unparsed/);
    const [rows] = await connection.query<RowDataPacket[]>('SELECT 1 AS one');
    equal(rows[0]?.['one'], 1);
  });

  it('ends cleanly when the principal leaves in the middle of its file', async () => {
    const before = recordsOf(world.path('audit'), 'outcome').length;
    const connection = await loader();
    const loading = connection.query(
      stream(LOAD('endless.csv'), () =>
        Readable.from(
          (async function* () {
            yield Buffer.from('5000001,1,1,gone\n');
            setTimeout(() => connection.destroy(), 50);
            await new Promise((resolve) => setTimeout(resolve, 200));
          })(),
        ),
      ),
    );
    loading.catch(() => undefined);
    const [outcome] = await newRecords(world.path('audit'), 'outcome', before, 1);
    match(String(outcome?.['outcome']), /killed|unknown/);
    const again = await loader();
    const [rows] = await again.query<RowDataPacket[]>('SELECT id FROM orders WHERE id = 5000001');
    equal(rows.length, 0);
  });
});
