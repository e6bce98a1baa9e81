// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { directorySource } from '../../src/audit/source.ts';
import { verifyAudit } from '../../src/audit/verify.ts';
import { freePort } from '../support/free-port.ts';
import { GatewayProcess } from '../support/gateway-process.ts';
import { isAlive, SeveralWorkers } from '../support/several-workers.ts';
import { until } from '../support/world.ts';
import { lentAccounts } from '../support/write-load.ts';

const WORKERS = 3;
describe('several workers', () => {
  let several: SeveralWorkers;
  before(async () => {
    const ports = { token: await freePort() };
    several = await SeveralWorkers.start(WORKERS, { ports, settings: 'drain: {timeout: 5s}' });
  });
  after(() => several?.stop());

  it('are seen as one: sessions, their end, figures', async () => {
    const connections = await several.onEachWorker('ada');
    const sessions = async () => {
      const { status, body } = await several.administration('GET', '/v1/sessions');
      equal(status, 200);
      const all = body['sessions'] as { id: string; principal: string; lease: string }[];
      return all.filter(({ principal }) => principal === 'user/people/ada');
    };
    const seen = await sessions();
    equal(seen.length, WORKERS);
    equal(new Set(seen.map(({ lease }) => lease)).size, 1, 'one account for one principal');
    const page = await (await fetch(`${several.gateway.probes}/metrics`)).text();
    match(page, new RegExp(`^postern_sessions\\{target="data/orders"\\} ${WORKERS}$`, 'm'));
    for (const { id } of seen) {
      equal((await several.administration('POST', `/v1/sessions/${id}/kill`)).status, 200);
    }
    await Promise.all(connections.map((one) => rejects(one.query('SELECT 1'))));
    await until(async () => (await sessions()).length === 0, 5_000, 'all have ended');
    const [first] = seen;
    equal((await several.administration('POST', `/v1/sessions/${first?.id}/kill`)).status, 404);
    await several.close(...connections);
  });

  it('follow a reload together, and say so', async () => {
    several.declareGuests(true);
    const { body } = await several.administration('POST', '/v1/reload');
    equal(body['accepted'], true);
    // Answered means: in force on every worker.
    const guests = await several.onEachWorker('gus', 'guests');
    await several.admitGuests(false);
    await Promise.all(guests.map((guest) => rejects(guest.query('SELECT 1'))));
    await several.close(...guests);
  });

  it('end with their coordinator, and a new gateway starts at once in its place', async () => {
    await several.onEachWorker('jo');
    const { workers } = several;
    await several.gateway.kill('SIGKILL');
    const config = several.world.path('postern.yaml');
    several.gateway = await GatewayProcess.start(config);
    for (const pid of workers) ok(!isAlive(pid), `worker ${pid} outlived its coordinator`);
    const connections = await several.onEachWorker('jo');
    equal((await several.working(connections)).length, WORKERS);
    deepEqual(verifyAudit(directorySource(several.world.path('audit'))).faults, []);
    await several.close(...connections);
  });

  it('drain together: a transaction may finish, and no account is left', async () => {
    const { world, gateway } = several;
    await world.mariadb.rootQuery(
      'UPDATE postern.instance SET heartbeat = heartbeat - INTERVAL 2 MINUTE',
    );
    const busy = await several.onEachWorker('kim');
    for (const connection of busy) await connection.beginTransaction();
    const { workers } = several;
    gateway.child.kill('SIGTERM');
    await rejects(
      until(() => gateway.ended, 500, 'it waits'),
      /it waits/,
    );
    for (const connection of busy) {
      await connection.query("INSERT INTO orders (product, amount, note) VALUES (1, 1, 'late')");
      await connection.commit();
    }
    const { code } = await gateway.exit;
    equal(code, 0, gateway.output);
    for (const pid of workers) ok(!isAlive(pid));
    const [row] = await world.mariadb.rootQuery(
      "SELECT COUNT(*) AS n FROM shop.orders WHERE note = 'late'",
    );
    equal(Number(row?.['n']), WORKERS);
    const { faults, streams } = verifyAudit(directorySource(world.path('audit')));
    deepEqual(faults, []);
    ok(streams.every(({ unknown }) => unknown.length === 0));
    several.gateway = await GatewayProcess.start(world.path('postern.yaml'));
    await several.gateway.kill('SIGTERM');
    deepEqual(await lentAccounts(world), []);
  });

  it('end at once with a second signal', async () => {
    several.gateway = await GatewayProcess.start(several.world.path('postern.yaml'));
    const [connection] = await several.onEachWorker('leo');
    await connection?.beginTransaction();
    const { workers, gateway } = several;
    gateway.child.kill('SIGTERM');
    await until(() => gateway.output.includes('"stopping"'), 5_000, 'the first one was heard');
    gateway.child.kill('SIGTERM');
    await gateway.exit;
    await until(() => !workers.some(isAlive), 2_000, 'the workers are gone');
    deepEqual(verifyAudit(directorySource(several.world.path('audit'))).faults, []);
  });
});
