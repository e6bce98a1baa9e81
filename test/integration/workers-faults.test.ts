// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { directorySource } from '../../src/audit/source.ts';
import { verifyAudit } from '../../src/audit/verify.ts';
import { recordsOf } from '../support/evidence.ts';
import { isAlive, REVOKED_MS, SeveralWorkers, tell } from '../support/several-workers.ts';
import { until } from '../support/world.ts';
import { workerOf } from '../support/write-load.ts';

const WORKERS = 3;
describe('a worker of several', () => {
  let several: SeveralWorkers;
  before(async () => {
    several = await SeveralWorkers.start(WORKERS);
  });
  after(() => several?.stop());

  it('lose one to kill -9: the others do not notice, and it is replaced', async () => {
    const connections = [
      ...(await several.onEachWorker('bob')),
      ...(await several.onEachWorker('carol')),
    ];
    const [pid = 0] = several.workers;
    tell(pid, 'SIGKILL');
    await several.replaced(pid);
    const left = await several.working(connections);
    const lost = connections.filter((one) => !left.includes(one));
    equal(new Set(lost.map(({ threadId }) => workerOf(threadId))).size, 1);
    equal(left.length, 2 * (WORKERS - 1));
    await several.close(...(await several.onEachWorker('bob')), ...connections);
    const { faults, streams } = verifyAudit(directorySource(several.world.path('audit')));
    deepEqual(faults, []);
    ok(streams.length > WORKERS);
    const crashes = recordsOf(several.world.path('audit'), 'gateway').filter(
      ({ what, detail }) => what === 'started' && /which crashed/.test(detail),
    );
    equal(crashes.length, 1);
  });

  it('lose one that stalls: rights are withdrawn in time, and it is replaced', async () => {
    await several.admitGuests(true);
    const guests = await several.onEachWorker('hal', 'guests');
    const others = await several.onEachWorker('ida');
    const [, pid = 0] = several.workers;
    tell(pid, 'SIGSTOP');
    const begun = performance.now();
    several.declareGuests(false);
    await until(
      async () => {
        const sql =
          "SELECT COUNT(*) AS n FROM information_schema.processlist WHERE user LIKE 'postern:%hal%'";
        const [row] = await several.world.mariadb.rootQuery(sql);
        return Number(row?.['n']) === 0;
      },
      REVOKED_MS,
      'nothing is left of the guests on the target',
    );
    ok(performance.now() - begun < REVOKED_MS);
    await several.replaced(pid);
    ok(!isAlive(pid));
    deepEqual(await several.working(guests), []);
    equal((await several.working(others)).length, WORKERS - 1);
    await several.close(...guests, ...others);
  });

  it('lose one that stalls when a session on it is to end', async () => {
    const [first, ...rest] = await several.onEachWorker('nan');
    ok(first);
    await several.close(...rest);
    const { body } = await several.administration('GET', '/v1/sessions');
    const sessions = body['sessions'] as { id: string; principal: string }[];
    const session = sessions.findLast(({ principal }) => principal === 'user/people/nan');
    const pid = await several.stall(workerOf(first.threadId));
    await several.administration('POST', `/v1/sessions/${session?.id}/kill`);
    await until(() => !isAlive(pid), REVOKED_MS, 'it is gone, and the session with it');
    await several.replaced(pid);
    deepEqual(await several.working([first]), []);
    await several.close(first);
  });

  it('leave nothing running of somebody who has lost the right meanwhile', async () => {
    await several.admitGuests(true);
    const [first, ...rest] = await several.onEachWorker('moe', 'guests');
    ok(first);
    await several.close(...rest);
    const others = await several.onEachWorker('ida');
    const holder = others.find((one) => workerOf(one.threadId) !== workerOf(first.threadId));
    ok(holder);
    await holder.beginTransaction();
    await holder.query("UPDATE orders SET note = 'held' WHERE id = 1");
    // It waits for the row, and a server that waits does not notice that its client is gone.
    const sql = "UPDATE orders SET note = 'moe was here' WHERE id = 1";
    const answer = first.query(sql).catch((error: Error) => error.message);
    const waits = async () => {
      const count = `SELECT COUNT(*) AS n FROM information_schema.processlist WHERE info = "${sql}"`;
      const [row] = await several.world.mariadb.rootQuery(count);
      return Number(row?.['n']) > 0;
    };
    await until(waits, 5_000, 'it waits');
    const pid = await several.stall(workerOf(first.threadId));
    several.declareGuests(false);
    await until(async () => !(await waits()), REVOKED_MS, 'the target has stopped it');
    await holder.commit();
    match(String(await answer), /closed|lost|ECONNRESET/i);
    const [row] = await several.world.mariadb.rootQuery(
      'SELECT note FROM shop.orders WHERE id = 1',
    );
    equal(row?.['note'], 'held');
    await several.replaced(pid);
    await several.close(first, ...others);
  });
});
