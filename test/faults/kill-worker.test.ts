// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, ok } from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Random } from '../support/random.ts';
import { SeveralWorkers, tell } from '../support/several-workers.ts';
import { until } from '../support/world.ts';
import { judgeLoad, lentAccounts, WriteLoad, workerOf } from '../support/write-load.ts';

/** `FAULT_ROUNDS=20` for as many as the gate asks for. */
const ROUNDS = Number(process.env['FAULT_ROUNDS'] ?? 4);
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const WORKERS = 3;
const WRITERS = 9;
const PEOPLE = 3;

describe(`kill -9 of a worker under load, ${ROUNDS} times (SEED=${SEED})`, () => {
  const random = new Random(SEED);
  let several: SeveralWorkers;
  let load: WriteLoad | undefined;

  before(async () => {
    several = await SeveralWorkers.start(WORKERS, { texts: true });
    load = new WriteLoad(WRITERS, (writer) => several.person(`writer-${writer % PEOPLE}`));
  });
  after(async () => {
    await load?.stop();
    await several?.stop();
  });

  it('harms the sessions of that worker and no others', async () => {
    ok(load);
    for (let round = 0; round < ROUNDS; round += 1) {
      const { acknowledged, lost } = load;
      const wanted = acknowledged.size + 50 + random.below(500);
      const busy = () => acknowledged.size > wanted && load?.sessions.size === WRITERS;
      await until(busy, 20_000, `load, round ${round}`);
      await new Promise((resolve) => setTimeout(resolve, random.below(100)));
      const before = lost.length;
      const pid = random.pick(several.workers);
      tell(pid, 'SIGKILL');
      await several.replaced(pid);
      const harmed = new Set(lost.slice(before).map(({ connectionId }) => workerOf(connectionId)));
      ok(harmed.size <= 1, `round ${round}: sessions of workers ${[...harmed]} were lost`);
    }
    ok(load.lost.length > 0, 'nobody was harmed: there was no load');
  });

  it('leaves no account behind', async () => {
    await load?.stop();
    const { code } = await several.gateway.kill('SIGTERM');
    equal(code, 0, several.gateway.output);
    deepEqual(await lentAccounts(several.world), []);
  });

  it('left what was acknowledged on record, and nothing that is not true', async () => {
    ok(load);
    await judgeLoad(several.world, load);
  });
});
