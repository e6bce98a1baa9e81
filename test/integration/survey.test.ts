// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { layersOf } from '../../src/app/layers.ts';
import { type LayerAccess, type Reached, survey } from '../../src/app/survey.ts';
import { Secret } from '../../src/model/secret.ts';
import { loadPolicy } from '../../src/policy/load.ts';
import { type ExampleTarget, ExampleWorld } from '../support/example-world.ts';

const EVERYTHING = { clusters: [], targets: [] };

describe('survey of every layer', () => {
  let world: ExampleWorld;
  before(async () => {
    world = await ExampleWorld.start();
    await world.bootstrap();
  });
  after(() => world.stop());

  const look = async (access: Partial<LayerAccess>, contexts = new Map<string, string>()) => {
    const { policy } = await loadPolicy([join(world.directory, 'policy')]);
    ok(policy);
    const { layers, diagnostics } = layersOf(policy, EVERYTHING, { instance: 'test', nowMs: 0 });
    deepEqual(diagnostics, []);
    return survey(policy, layers, {
      clusters: { environment: { KUBECONFIG: world.kubeconfig }, contexts },
      administrator: ({ name }) => {
        const database = world.database(name as ExampleTarget);
        return {
          user: 'root',
          password: new Secret(database.rootPassword),
          endpoint: { socketPath: database.socketPath },
        };
      },
      ...access,
    });
  };
  const problems = (reached: readonly Reached<unknown, unknown>[]) =>
    reached.map((one) => ('problem' in one ? one.problem.message : 'reached'));

  it('finds what is declared and what is there', async () => {
    const { clusters, databases } = await look({});
    const [cluster] = clusters;
    ok(cluster && 'found' in cluster);
    equal(cluster.of.input.installation, 'test/prod-weu');
    ok(
      cluster.of.input.desired.some(({ object, rules }) => {
        return object.kind === 'DestinationRule' && rules.some(({ name }) => /Grant/.test(name));
      }),
    );
    deepEqual(cluster.found, []);
    deepEqual(
      databases.map((one) => [
        one.of.id,
        'found' in one && one.found.observed.registry.roles.length,
      ]),
      [
        ['data-orders/orders', 2],
        ['data-orders/orders-preview', 2],
      ],
    );
  });

  it('goes on where one layer cannot be reached, and says which', async () => {
    const unknown = await look(
      { administrator: () => undefined },
      new Map([['prod-weu', 'nobody']]),
    );
    match(problems(unknown.clusters)[0] ?? '', /it has no context called nobody/);
    match(problems(unknown.databases)[0] ?? '', /orders cannot be used: it declares no reader/);
    const one = await look({
      administrator: ({ name }) => ({
        user: 'root',
        password: new Secret(name === 'orders' ? world.database('orders').rootPassword : 'wrong'),
        endpoint: { socketPath: world.database(name as ExampleTarget).socketPath },
      }),
    });
    deepEqual(problems(one.clusters), ['reached']);
    const [first, second] = problems(one.databases);
    equal(first, 'reached');
    match(second ?? '', /refused the login of root/);
  });

  it('takes no context that has neither the name nor was named', async () => {
    world.kubeconfig = world.kubeconfigOf(world.api, 'eyJ.administrator.token', 'production');
    const guessed = await look({});
    match(problems(guessed.clusters)[0] ?? '', /it has no context called prod-weu/);
    const [cluster] = guessed.clusters;
    ok(cluster && 'problem' in cluster);
    match(String(cluster.problem.facts['hint']), /--context prod-weu=CONTEXT/);
    const named = await look({}, new Map([['prod-weu', 'production']]));
    deepEqual(problems(named.clusters), ['reached']);
  });
});
