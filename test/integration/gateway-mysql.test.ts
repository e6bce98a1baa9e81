// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { RowDataPacket } from 'mysql2/promise';
import { asPerson, asWorkload, withToken } from '../support/drivers.ts';
import { until, World } from '../support/world.ts';

interface ServerError {
  readonly errno: number;
  readonly sqlMessage: string;
}

describe('gateway for MariaDB', () => {
  let world: World;
  before(async () => {
    world = await World.start();
  });
  after(() => world.stop());

  it('lets a workload in by its certificate alone and runs what its role allows', async () => {
    const connection = await asWorkload(world);
    const [rows] = await connection.query<RowDataPacket[]>('SELECT id, note FROM orders');
    equal(rows.length, 3);
    const [who] = await connection.query<RowDataPacket[]>('SELECT USER() AS u');
    match(String(who[0]?.['u']), /payments\/checkout/);
    await connection.end();
  });

  it('lets a person in by a token', async () => {
    const connection = await asPerson(world);
    const [rows] = await connection.execute<RowDataPacket[]>('SELECT ? + 1 AS n', [41]);
    equal(Number(rows[0]?.['n']), 42);
    const [view] = await connection.query<RowDataPacket[]>('SELECT * FROM customers_public');
    deepEqual(Object.keys(view[0] ?? {}), ['id', 'name']);
    await connection.end();
  });

  it('denies what no role gives, keeps the session, and says which decision it was', async () => {
    const connection = await asPerson(world);
    for (const sql of [
      'SELECT * FROM secrets',
      'SELECT email FROM customers',
      'DROP TABLE orders',
    ]) {
      await rejects(connection.query(sql), (error: ServerError) => {
        match(error.sqlMessage, /^Postern: .*Decision d\w+-\w+: postern explain/);
        return true;
      });
    }
    await rejects(connection.query('DELETE FROM orders'), /WHERE/);
    const [rows] = await connection.query<RowDataPacket[]>('SELECT 1 AS one');
    equal(rows[0]?.['one'], 1);
    await connection.end();
  });

  it('denies a workload of another cluster, an unknown one and a bad token, telling nothing', async () => {
    await rejects(asWorkload(world, 'payments', 'checkout', { from: 'dev' }), /Decision/);
    await rejects(asWorkload(world, 'payments', 'other'), /Decision/);
    await rejects(
      withToken(world, 'not-a-token'),
      /Access denied: .*\[token-malformed\]\. Decision/,
    );
    await rejects(withToken(world, world.token('ada', [], { aud: 'other' })), /Access denied/);
  });

  it('ends the sessions of a deleted grant within five seconds and leaves others alone', async () => {
    const workload = await asWorkload(world);
    const person = await asPerson(world);
    const text = world.policyText();
    const begun = Date.now();
    world.writePolicy(
      text.replace('serviceAccounts: [payments/checkout]', 'serviceAccounts: [a/b]'),
    );
    const ended = new Promise<number>((resolve) => {
      workload.on('end', () => resolve(Date.now() - begun));
      workload.on('error', () => resolve(Date.now() - begun));
    });
    await until(
      async () =>
        workload.query('SELECT 1').then(
          () => false,
          () => true,
        ),
      5_000,
      'the session of the deleted grant has ended',
    );
    ok((await ended) < 5_000);
    const [rows] = await person.query<RowDataPacket[]>('SELECT COUNT(*) AS n FROM orders');
    equal(Number(rows[0]?.['n']), 3);
    await person.end();
    world.writePolicy(text);
    await until(
      () =>
        asWorkload(world).then(
          async (connection) => {
            await connection.end();
            return true;
          },
          () => false,
        ),
      5_000,
      'the grant is back',
    );
  });
});
