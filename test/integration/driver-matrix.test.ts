// SPDX-License-Identifier: Apache-2.0
import { deepEqual, notEqual } from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { DriverWorld, type FrontEnd, type Place } from '../support/driver-world.ts';
import { connectMariadbConnector } from './drivers/mariadb-connector.ts';
import { connectMysql2 } from './drivers/mysql2.ts';
import { type Results, runOperations } from './drivers/operations.ts';
import { runCommandLine, runConnectorJ, runPymysql } from './drivers/processes.ts';

/** A driver: runs the whole script at a place and tells everything that it saw, by feature. */
const DRIVERS: Readonly<Record<string, (place: Place) => Promise<Results>>> = {
  mysql2: async (place) => runOperations(await connectMysql2(place)),
  'MariaDB Connector/Node.js': async (place) => runOperations(await connectMariadbConnector(place)),
  'mariadb command line': runCommandLine,
  PyMySQL: runPymysql,
  'MariaDB Connector/J': runConnectorJ,
};

const FRONT_ENDS: readonly FrontEnd[] = ['token', 'mesh'];

describe('drivers, direct and through Postern', () => {
  let drivers: DriverWorld;
  before(async () => {
    drivers = await DriverWorld.start();
  });
  after(() => drivers?.stop());

  for (const [name, run] of Object.entries(DRIVERS)) {
    it(name, async (context) => {
      await drivers.reset();
      const direct = await run(drivers.places.direct);
      notEqual(Object.keys(direct).length, 0);
      for (const frontEnd of FRONT_ENDS) {
        await drivers.reset();
        const through = await run(drivers.places[frontEnd]);
        await context.test(frontEnd, async (each) => {
          deepEqual(Object.keys(through), Object.keys(direct));
          for (const feature of Object.keys(direct)) {
            await each.test(feature, () => deepEqual(through[feature], direct[feature]));
          }
        });
      }
    });
  }
});
