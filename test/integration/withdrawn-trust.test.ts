// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, rejects } from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { asPerson, asWorkload } from '../support/drivers.ts';
import { World } from '../support/world.ts';

/** A session ends with what its identity rested on, and only with that. */
describe('withdrawn trust', () => {
  let world: World;
  const opened: Connection[] = [];
  before(async () => {
    world = await World.start();
  });
  afterEach(async () => {
    for (const connection of opened.splice(0)) connection.destroy();
    world.write('mesh-ca.pem', world.meshCa.certPem);
    await use(world.policyText());
  });
  after(() => world.stop());

  const use = async (policy: string) => {
    world.writePolicy(policy);
    equal((await world.gateway?.reload())?.accepted, true);
  };
  const kept = (connection: Promise<Connection>) =>
    connection.then((open) => {
      opened.push(open);
      return open;
    });
  const works = async (connection: Connection) => {
    const [rows] = await connection.query<RowDataPacket[]>('SELECT 1 AS one');
    deepEqual(Number(rows[0]?.['one']), 1);
  };

  it('lets sessions be when an audience is added, and ends them when theirs goes', async () => {
    const [person, workload] = [await kept(asPerson(world)), await kept(asWorkload(world))];
    const text = world.policyText();
    await use(text.replace('audiences: [postern]', 'audiences: [postern, more]'));
    await works(person);
    await use(text.replace('audiences: [postern]', 'audiences: [more]'));
    await rejects(
      person.query('SELECT 1'),
      /IdentityProvider people no longer accepts tokens for "postern"/,
    );
    await works(workload);
  });

  it('lets sessions be when a root is added, and ends them when theirs goes', async () => {
    const [person, workload] = [await kept(asPerson(world)), await kept(asWorkload(world))];
    const touched = (label: string) => world.policyText().replace('{env: dev}', `{env: ${label}}`);
    world.write('mesh-ca.pem', world.serverCa.certPem + world.meshCa.certPem);
    await use(touched('rollover'));
    await works(workload);
    world.write('mesh-ca.pem', world.serverCa.certPem);
    await use(touched('over'));
    await rejects(workload.query('SELECT 1'), /Cluster prod no longer has the root/);
    await works(person);
  });

  it('says which Grant went', async () => {
    const workload = await kept(asWorkload(world));
    await use(world.policyText().replace('name: checkout, namespace', 'name: other, namespace'));
    await works(workload);
    await use(world.policyText().replace('[payments/checkout]', '[payments/other]'));
    await rejects(
      workload.query('SELECT 1'),
      /Grant\/data\/checkout no longer includes workload\/prod\/payments\/checkout/,
    );
  });
});
