// SPDX-License-Identifier: Apache-2.0
import { deepEqual } from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Connection, ConnectionOptions, RowDataPacket } from 'mysql2/promise';
import { asPerson } from '../support/drivers.ts';
import { World } from '../support/world.ts';

/** The target runs what was decided, and nothing that a driver negotiates changes that. */
describe('session fidelity', () => {
  let world: World;
  before(async () => {
    world = await World.start();
  });
  after(() => world.stop());
  const person = (more: Partial<ConnectionOptions> = {}) =>
    asPerson(world, 'ada', ['analysts'], more);
  const rowsOf = async (connection: Connection, sql: string) =>
    (await connection.query<RowDataPacket[]>(sql))[0].map((row) => ({ ...row }));

  it('reads the schema that a statement names, also for a driver that asks for none', async () => {
    // With CLIENT_NO_SCHEMA the target would look for information_schema.orders.
    const connection = await person({ flags: ['NO_SCHEMA'] });
    await connection.query('USE information_schema');
    deepEqual(await rowsOf(connection, 'SELECT COUNT(*) AS n FROM shop.orders'), [{ n: 3 }]);
    await connection.end();
  });
});
