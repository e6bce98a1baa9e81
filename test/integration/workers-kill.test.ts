// SPDX-License-Identifier: Apache-2.0
import { equal, match, notEqual, ok, rejects } from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { Random } from '../support/random.ts';
import { SeveralWorkers } from '../support/several-workers.ts';
import { until } from '../support/world.ts';
import { workerOf } from '../support/write-load.ts';

const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const CANCELS = 60;

describe(`KILL from a session of another worker (SEED=${SEED})`, () => {
  let several: SeveralWorkers;
  before(async () => {
    several = await SeveralWorkers.start(2);
  });
  after(() => several?.stop());

  async function pair(name: string): Promise<readonly [Connection, Connection]> {
    const [victim, killer] = await several.onEachWorker(name);
    ok(victim && killer);
    notEqual(workerOf(victim.threadId), workerOf(killer.threadId));
    return [victim, killer];
  }

  const sleeping = async (seconds: number) => {
    const sql = `SELECT COUNT(*) AS n FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP(${seconds})%'`;
    const [row] = await several.world.mariadb.rootQuery(sql);
    return Number(row?.['n']);
  };

  it('cancels what runs, by the id of the greeting and by CONNECTION_ID()', async () => {
    const [victim, killer] = await pair('ada');
    const [[row]] = await victim.query<RowDataPacket[]>('SELECT CONNECTION_ID() AS id');
    for (const id of [victim.threadId, Number(row?.['id'])]) {
      const running = rejects(victim.query('SELECT SLEEP(30)'), /cancelled|interrupted/i);
      await until(async () => (await sleeping(30)) === 1, 5_000, 'it runs');
      await killer.query(`KILL QUERY ${id}`);
      await running;
      await victim.query('SELECT 1');
    }
    equal(await sleeping(30), 0);
    await several.close(victim, killer);
  });

  it('never hits the statement after the one it was meant for', async () => {
    const random = new Random(SEED);
    const [victim, killer] = await pair('bob');
    let hit = 0;
    for (let n = 0; n < CANCELS; n += 1) {
      const running = victim.query('SELECT SLEEP(0.02)').then(
        () => 'done',
        (error: Error) => error.message,
      );
      await new Promise((resolve) => setTimeout(resolve, random.below(40)));
      await killer.query(`KILL QUERY ${victim.threadId}`);
      const answer = await running;
      if (answer !== 'done') {
        match(answer, /cancelled|interrupted/i);
        hit += 1;
      }
      const [rows] = await victim.query<RowDataPacket[]>('SELECT SLEEP(0.005) AS s');
      equal(rows[0]?.['s'], 0, `round ${n}: a statement after the KILL was interrupted`);
    }
    ok(hit > 0, 'every KILL came too late');
    await several.close(victim, killer);
  });

  it('ends a session', async () => {
    const [victim, killer] = await pair('carol');
    await killer.query(`KILL ${victim.threadId}`);
    await rejects(victim.query('SELECT 1'), /session-killed|closed|lost/i);
    await several.close(killer);
  });

  it('knows nobody else', async () => {
    const [victim] = await pair('dora');
    const id = victim.threadId;
    for (const stranger of await pair('eve')) {
      await rejects(stranger.query(`KILL QUERY ${id}`), /not one of yours/);
      await rejects(stranger.query(`KILL ${id}`), /not one of yours/);
      await rejects(stranger.query('KILL 4711'), /not one of yours/);
    }
    await victim.query('SELECT 1');
  });
});
