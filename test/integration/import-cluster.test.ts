// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { cliRun } from '../support/cli-run.ts';
import { type StandInWorld, standInWorld } from '../support/kube-world.ts';

describe('import of a cluster', () => {
  let world: StandInWorld;
  before(async () => {
    world = await standInWorld();
    const client = world.client();
    const { namespace } = world;
    const source = { principals: ['cluster.local/ns/payments/sa/checkout', '*'] };
    const selector = { matchLabels: { app: 'mariadb' } };
    const ports = [{ name: 'tcp-db', port: 3306, protocol: 'TCP', targetPort: 3306 }];
    for (const object of [
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'mariadb', namespace },
        spec: { selector: { app: 'mariadb' }, ports },
      },
      {
        apiVersion: 'security.istio.io/v1',
        kind: 'AuthorizationPolicy',
        metadata: { name: 'clients', namespace },
        spec: { selector, action: 'ALLOW', rules: [{ from: [{ source }] }] },
      },
    ]) {
      await client.apply(object);
    }
  });
  after(() => world.stop());

  const run = (...argv: string[]) =>
    cliRun(world.directory, ['import', 'istio', '--out', 'policy', ...argv], {
      KUBECONFIG: world.kubeconfig,
    });

  it('reads the objects of a context, and says which object a line is of', async () => {
    const { code, out, err } = await run('--context', 'test');
    assert.equal(code, 1, `${out}${err}`);
    const [declaration = '', report = ''] = ['mesh.yaml', 'mesh.report.txt'].map((name) =>
      readFileSync(join(world.directory, 'policy', name), 'utf8'),
    );
    assert.match(declaration, /- serviceAccount: mesh\/payments\/checkout/);
    assert.match(
      report,
      /AuthorizationPolicy\/postern-test-\w+\/clients:\d+ .*principals\[1\] = \*/,
    );
    assert.doesNotMatch(report, /managedFields|resourceVersion/);
    const checked = await cliRun(world.directory, ['check', 'policy']);
    assert.equal(checked.code, 0, checked.out);
  });

  it('says that a context is not there', async () => {
    const { code, err } = await run('--context', 'nowhere');
    assert.equal(code, 3, err);
    assert.match(err, /nowhere/);
  });
});
