// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, rejects } from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import type { Connection, ConnectionOptions, RowDataPacket } from 'mysql2/promise';
import { asPerson } from '../support/drivers.ts';
import { until, World } from '../support/world.ts';

/** One more role for the same people. */
const MORE = `
---
apiVersion: postern.dev/v1alpha1
kind: Grant
metadata: {name: analysts-read, namespace: data}
spec:
  subjects: [{group: {provider: people, id: analysts}}]
  targetSelector: {matchLabels: {app: orders}}
  role: reader
`;
const WARNER = `---
apiVersion: postern.dev/v1alpha1
kind: DataRole
metadata: {name: warner, namespace: data}
spec:
  privileges: [{routines: [shop.count_warnings], actions: [execute]}]
---
apiVersion: postern.dev/v1alpha1
kind: Grant
metadata: {name: analysts-warn, namespace: data}
spec:
  subjects: [{group: {provider: people, id: analysts}}]
  targetSelector: {matchLabels: {app: orders}}
  role: warner
`;
const ENDLESS = `SELECT SUM(t0.id * t1.id) FROM ${Array.from({ length: 20 }, (_, index) => `orders t${index}`).join(', ')}`;
const RUNNING =
  "SELECT COUNT(*) AS n FROM information_schema.processlist WHERE info LIKE 'SELECT SUM(%'";

/** The target runs what was decided, and nothing that a driver negotiates changes that. */
describe('session fidelity', () => {
  let world: World;
  before(async () => {
    world = await World.start({
      extraPolicy: WARNER,
      extraSql: `CREATE PROCEDURE shop.count_warnings() SIGNAL SQLSTATE '01000'`,
    });
  });
  after(() => world.stop());
  const opened: Connection[] = [];
  // What a failed test leaves open must not be what the next one finds.
  afterEach(() => {
    for (const connection of opened.splice(0)) connection.destroy();
  });
  const person = async (more: Partial<ConnectionOptions> = {}) => {
    const connection = await asPerson(world, 'ada', ['analysts'], more);
    opened.push(connection);
    return connection;
  };
  const rowsOf = async (connection: Connection, sql: string) =>
    (await connection.query<RowDataPacket[]>(sql))[0].map((row) => ({ ...row }));

  it('reads the schema that a statement names, also for a driver that asks for none', async () => {
    // With CLIENT_NO_SCHEMA the target would look for information_schema.orders.
    const connection = await person({ flags: ['NO_SCHEMA'] });
    await connection.query('USE information_schema');
    deepEqual(await rowsOf(connection, 'SELECT COUNT(*) AS n FROM shop.orders'), [{ n: 3 }]);
    await connection.end();
  });

  it('lets diagnostics tell about the statement before them', async () => {
    const connection = await person();
    // The state is asked for after these, which would be the statement before.
    await connection.query('CALL count_warnings()');
    equal((await rowsOf(connection, 'SHOW WARNINGS')).length, 1);
    await connection.query('CALL count_warnings()');
    deepEqual(await rowsOf(connection, 'SELECT @@warning_count AS n'), [{ n: 1 }]);
    await connection.query('SET NAMES utf8mb4');
    deepEqual(await rowsOf(connection, 'SELECT ROW_COUNT() AS n'), [{ n: 0 }]);
    await rowsOf(connection, 'SELECT 1');
    deepEqual(await rowsOf(connection, 'SELECT ROW_COUNT() AS n'), [{ n: -1 }]);
    await connection.end();
  });

  it('hides nothing in the brackets of sql_mode MSSQL', async () => {
    const connection = await person();
    await connection.query("SET sql_mode = 'MSSQL'");
    // The target would read `secrets`, and a comment.
    const hidden = "SELECT 1 [a'], secret FROM secrets -- '] FROM orders";
    await rejects(connection.query(hidden), /statement-unparsed/);
    deepEqual(await rowsOf(connection, 'SELECT COUNT(*) AS n FROM orders'), [{ n: 3 }]);
    await connection.end();
  });

  const limited = { timeout: 30_000 };
  it('cancels a request on the target also after a reload gave more roles', limited, async () => {
    const connection = await person();
    const [own] = await rowsOf(connection, 'SELECT CONNECTION_ID() AS id');
    const before = world.gateway?.revision;
    world.writePolicy(world.policyText(WARNER + MORE));
    await world.bootstrap();
    await until(() => world.gateway?.revision !== before, 5_000, 'the reload');
    const slow = connection.query(ENDLESS);
    const running = async () =>
      (await world.mariadb.rootQuery(RUNNING)).map(({ n }) => Number(n))[0] ?? 0;
    await until(async () => (await running()) === 1, 5_000, 'it runs');
    const other = await person();
    await other.query(`KILL QUERY ${own?.['id']}`);
    await rejects(slow, /request-cancelled/);
    await until(async () => (await running()) === 0, 5_000, 'it is over');
    deepEqual(await rowsOf(connection, 'SELECT 2 AS two'), [{ two: 2 }]);
    await connection.end();
    await other.end();
  });
});
