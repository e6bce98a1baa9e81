// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, ok } from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { withToken } from '../support/drivers.ts';
import { freePort } from '../support/free-port.ts';
import { GatewayProcess } from '../support/gateway-process.ts';
import { Random } from '../support/random.ts';
import { until, World } from '../support/world.ts';
import {
  judgeLoad,
  lentAccounts,
  passAMinute,
  recordTexts,
  WriteLoad,
} from '../support/write-load.ts';

/** `FAULT_ROUNDS=20` for as many as the gate asks for. */
const ROUNDS = Number(process.env['FAULT_ROUNDS'] ?? 4);
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const WRITERS = 8;
const PEOPLE = 3;

describe(`kill -9 of the gateway under load, ${ROUNDS} times (SEED=${SEED})`, () => {
  const random = new Random(SEED);
  let world: World;
  let gateway: GatewayProcess;
  let load: WriteLoad | undefined;

  before(async () => {
    world = await World.start({ gateway: false, settings: 'workers: 2' });
    // The same ports each time: they must be free at once.
    const ports = { mesh: await freePort(), token: await freePort() };
    world.write('postern.yaml', world.settingsText(ports));
    recordTexts(world);
    gateway = await GatewayProcess.start(world.path('postern.yaml'));
    load = new WriteLoad(WRITERS, (writer) =>
      withToken(world, world.token(`writer-${writer % PEOPLE}`, ['analysts']), {
        port: ports.token,
      }),
    );
  });
  after(async () => {
    await load?.stop();
    await gateway?.kill();
    await world.stop();
  });

  it('starts again at once each time, on the same ports and directories', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const before = load?.acknowledged.size ?? 0;
      const wanted = before + 50 + random.below(500);
      await until(() => (load?.acknowledged.size ?? 0) > wanted, 20_000, `load, round ${round}`);
      await new Promise((resolve) => setTimeout(resolve, random.below(100)));
      await gateway.kill('SIGKILL');
      gateway = await GatewayProcess.start(world.path('postern.yaml'));
    }
    await until(() => load?.sessions.size === WRITERS, 20_000, 'all writers are back');
  });

  it('leaves no account behind', async () => {
    await load?.stop();
    await passAMinute(world);
    const { code } = await gateway.kill('SIGTERM');
    equal(code, 0);
    gateway = await GatewayProcess.start(world.path('postern.yaml'));
    await until(async () => (await lentAccounts(world)).length === 0, 20_000, 'a sweep');
    await gateway.kill('SIGTERM');
    deepEqual(await lentAccounts(world), []);
  });

  it('left what was acknowledged on record, and nothing that is not true', async () => {
    ok(load && load.lost.length > 0, 'nobody was harmed: there was no load');
    await judgeLoad(world, load);
  });
});
