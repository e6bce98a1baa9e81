// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { connectionTo } from '../../src/app/cluster-connection.ts';
import { layersOf } from '../../src/app/layers.ts';
import { databaseScope } from '../../src/broker/installation.ts';
import { observe } from '../../src/broker/observe.ts';
import { gatewayPod } from '../../src/compile/istio/gateway-pod.ts';
import type { JsonObject, KubeObject } from '../../src/compile/kube/object.ts';
import { applyPlan, planForCluster } from '../../src/kube/apply.ts';
import { KubeClient } from '../../src/kube/client.ts';
import { Secret } from '../../src/model/secret.ts';
import { loadPolicy } from '../../src/policy/load.ts';
import type { Policy } from '../../src/policy/policy.ts';
import { EngineGateway } from '../../src/prove/gateway.ts';
import { agrees, type Proof } from '../../src/prove/proof.ts';
import { prove } from '../../src/prove/prove.ts';
import type { AdminConnection } from '../../src/target/mysql/connection.ts';
import { openAdminConnection } from '../../src/target/mysql/session.ts';
import { EXAMPLE_CLUSTER, ExampleWorld } from '../support/example-world.ts';
import { caseText } from '../support/proof-world.ts';

const TARGET = 'data-orders/orders';
const DATABASE_LABELS = { app: 'mariadb', role: 'primary' };
const READER = 'user/entra/* in group entra/8c1e0000-0000-0000-0000-000000000000';

describe('a proof of what is really there', () => {
  let world: ExampleWorld;
  let policy: Policy;
  let admin: AdminConnection;
  let client: KubeClient;

  const root = (sql: string) => world.database('orders').rootQuery(sql);
  const roleOf = async (dataRole: string) => {
    const { desired } = databaseScope(policy, policy.targets.get(TARGET) as never);
    return desired.roles.find((role) => role.dataRole === dataRole)?.name ?? '';
  };
  /** Of the database of `orders` alone, as its own tables show it. */
  const proof = async (): Promise<Proof> => {
    const nowMs = Date.now();
    const target = policy.targets.get(TARGET);
    ok(target);
    const observed = await observe(admin, TARGET);
    return prove({
      policy,
      nowMs,
      gateway: new EngineGateway(policy, nowMs),
      meshes: [],
      databases: new Map([
        [TARGET, { source: 'live', scope: databaseScope(policy, target), observed }],
      ]),
      targets: new Set([TARGET]),
    });
  };

  before(async () => {
    world = await ExampleWorld.start();
    // The test's own administrators come over TCP.
    const declared = world.read('policy/orders.yaml');
    const operators = '    schemas: [shop]\n    operators: [root@127.0.0.1]';
    world.write('policy/orders.yaml', declared.replaceAll('    schemas: [shop]', operators));
    await world.bootstrap();
    const loaded = await loadPolicy([`${world.directory}/policy`]);
    ok(loaded.policy);
    policy = loaded.policy;
    admin = await openAdminConnection({
      targetName: TARGET,
      endpoint: { socketPath: world.database('orders').socketPath },
      tls: { mode: 'plaintext' },
      user: 'root',
      password: new Secret(world.database('orders').rootPassword),
      deadlineMs: 20_000,
    });
    const choice = { clusters: [EXAMPLE_CLUSTER], targets: [] };
    const { layers } = layersOf(policy, choice, { instance: 'postern', nowMs: Date.now() });
    const [layer] = layers.clusters;
    ok(layer);
    const access = {
      environment: { KUBECONFIG: world.kubeconfig },
      contexts: new Map<string, string>(),
    };
    client = new KubeClient(connectionTo(layer.cluster, access));
    const plan = await planForCluster(client, layer.input);
    await applyPlan(client, layer.input.installation, plan);
    const { context } = layer.compiled;
    ok(context);
    const { labels, annotations } = gatewayPod(context);
    const pod = (name: string, namespace: string, more: object) =>
      client.apply({
        ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace, ...more } },
        spec: {
          containers: [
            { name, image: 'any' },
            { name: 'istio-proxy', image: 'any' },
          ],
        },
      });
    await pod('postern-0', 'postern-system', { labels, annotations });
    await pod('mariadb-0', 'data', { labels: DATABASE_LABELS });
  });
  after(async () => {
    await admin?.close();
    client?.close();
    await world?.stop();
  });

  it('agrees on two databases and a cluster as bootstrap and apply left them', async () => {
    const { code, out, err } = await world.postern(['prove', '--live']);
    equal(err, '');
    match(out, /database +live +agrees/);
    match(out, /mesh of prod-weu +live +agrees/);
    match(out, /All \d+ agree with the declaration/);
    equal(code, 0);
    const declared = await world.postern(['prove', '--target', 'orders']);
    match(declared.out, /database +as declared +agrees/);
    equal(declared.code, 0, declared.err);
    const little = await world.postern(['prove', '--budget', '50']);
    match(little.out, /undecided/);
    equal(little.code, 1);
  });

  const PLANTS: readonly (readonly [
    name: string,
    sql: (role: string) => string,
    undo: (role: string) => string,
    found: string,
    by: RegExp,
  ])[] = [
    [
      'a leftover grant',
      (role) => `GRANT DELETE ON shop.orders TO \`${role}\``,
      (role) => `REVOKE DELETE ON shop.orders FROM \`${role}\``,
      'workload/prod-weu/payments/checkout delete shop.orders',
      /^DELETE on shop\.orders of pr_/,
    ],
    [
      'a pattern that fits other schemas',
      (role) => `GRANT SELECT ON \`shop_x\`.* TO \`${role}\``,
      (role) => `REVOKE SELECT ON \`shop_x\`.* FROM \`${role}\``,
      'workload/prod-weu/payments/checkout select shopax.*',
      /^SELECT on shop_x\.\* of pr_/,
    ],
    [
      'PUBLIC',
      () => 'GRANT UPDATE ON shop.customers TO PUBLIC',
      () => 'REVOKE UPDATE ON shop.customers FROM PUBLIC',
      `${READER} update shop.customers`,
      /^UPDATE on shop\.customers of PUBLIC$/,
    ],
    [
      'a row for every account',
      () =>
        "INSERT INTO mysql.db (Host, Db, User, Insert_priv) VALUES ('%', 'test%', '', 'Y'); FLUSH PRIVILEGES",
      () => "DELETE FROM mysql.db WHERE User = '' AND Db = 'test%'; FLUSH PRIVILEGES",
      `${READER} insert test.*`,
      /^INSERT on test%\.\* of ''@%$/,
    ],
    [
      'an anonymous account',
      () => "CREATE USER ''@localhost; GRANT SELECT ON shop.orders TO ''@localhost",
      () => "DROP USER ''@localhost",
      "account ''@localhost select shop.orders",
      /^SELECT on shop\.orders of ''@localhost$/,
    ],
    [
      'a view that runs as root and reads what no role names',
      () =>
        'CREATE DATABASE hidden; CREATE TABLE hidden.t (id INT); CREATE DEFINER=root@localhost VIEW shop.leak AS SELECT id FROM hidden.t',
      () => 'DROP VIEW shop.leak; DROP DATABASE hidden',
      // The server shows its text to nobody but its owner: it may read anything.
      `${READER} select *.*`,
      /through view shop\.leak$/,
    ],
    [
      'a column granted past the view',
      (role) => `GRANT SELECT (id) ON shop.customers TO \`${role}\``,
      (role) => `REVOKE SELECT (id) ON shop.customers FROM \`${role}\``,
      'workload/prod-weu/payments/checkout select shop.customers',
      /through HANDLER$/,
    ],
    [
      'a stranger who is a member of a role',
      (role) =>
        `CREATE USER bob@'%'; INSERT INTO mysql.roles_mapping VALUES ('%', 'bob', '${role}', 'Y'); FLUSH PRIVILEGES`,
      (role) =>
        `DELETE FROM mysql.roles_mapping WHERE Role = '${role}' AND User = 'bob'; FLUSH PRIVILEGES; DROP USER bob@'%'`,
      'account bob@% select shop.orders',
      /^SELECT on shop\.orders of pr_/,
    ],
    [
      'a routine that runs as root',
      (role) =>
        `CREATE DEFINER=root@localhost PROCEDURE shop.anything() DELETE FROM shop.orders; GRANT EXECUTE ON PROCEDURE shop.anything TO \`${role}\``,
      () => 'DROP PROCEDURE shop.anything',
      'workload/prod-weu/payments/checkout execute shop.anything()',
      /^EXECUTE on procedure shop\.anything of pr_/,
    ],
  ];

  it('finds what somebody did to a MariaDB, and nothing once it is undone', async () => {
    const role = await roleOf('data-orders/orders-writer');
    ok(role !== '');
    deepEqual((await proof()).counterExamples, []);
    for (const [name, sql, undo, found, by] of PLANTS) {
      await root(sql(role));
      const planted = await proof();
      const [first] = planted.counterExamples;
      equal(first && caseText(first), `exceeds database ${TARGET}: ${found}`, name);
      match(first?.by ?? '', by, name);
      equal(agrees(planted), false, name);
      await root(undo(role));
      deepEqual((await proof()).counterExamples.map(caseText), [], `${name}, undone`);
    }
  });

  it('finds what somebody did to a cluster', async () => {
    const edit = async (reference: object, change: (spec: JsonObject) => JsonObject) => {
      const found = (await client.get(reference as never)) as KubeObject;
      const { apiVersion, kind, metadata } = found;
      const spec = change(found['spec'] as JsonObject);
      const { name, namespace, labels, annotations } = metadata;
      const marks = { name, namespace, labels, annotations } as KubeObject['metadata'];
      await client.apply({ apiVersion, kind, metadata: marks, spec }, { force: true });
      return () =>
        client.apply({ apiVersion, kind, metadata: marks, spec: found['spec'] as never });
    };
    const undo = await edit(
      {
        apiVersion: 'security.istio.io/v1',
        kind: 'PeerAuthentication',
        namespace: 'data',
        name: 'postern-orders',
      },
      (spec) => ({ ...spec, portLevelMtls: { '3306': { mode: 'DISABLE' } } }),
    );
    const words = ['prove', '--live', '--only', 'mesh', '--json'];
    const { code, out } = await world.postern(words);
    equal(code, 1);
    const { counterExamples } = JSON.parse(out) as Proof;
    const texts = counterExamples.map(caseText);
    const postern = 'workload/prod-weu/postern-system/postern';
    ok(texts.includes(`refuses mesh ${TARGET}: ${postern} connect`), texts.join('\n'));
    await undo();
    equal((await world.postern(words)).code, 0);
  });

  it('finds pods that run without a sidecar, whatever is said of them', async () => {
    const pod = { apiVersion: 'v1', kind: 'Pod' };
    const metadata = { name: 'mariadb-1', namespace: 'data', labels: DATABASE_LABELS };
    const bare = await client.apply({
      ...{ ...pod, metadata },
      spec: { containers: [{ name: 'mariadb', image: 'any' }] },
    });
    const { code, out } = await world.postern(['prove', '--live', '--only', 'mesh', '--json']);
    equal(code, 1);
    const found = JSON.parse(out).counterExamples as readonly { readonly why: string }[];
    ok(
      found.some(({ why }) => why === 'outside-mesh'),
      out,
    );
    await client.delete({ ...pod, ...metadata }, { uid: bare.metadata.uid ?? '' });
    equal((await world.postern(['prove', '--live', '--only', 'mesh'])).code, 0);
  });

  it('says which layer could not be read', async () => {
    const nowhere = world.kubeconfigOf(world.api, 'eyJ.nobody.token');
    const { code, err } = await world.postern(['prove', '--live', '--only', 'mesh'], {
      env: { KUBECONFIG: nowhere },
    });
    equal(code, 3);
    match(err, /postern: mesh prod-weu was not read: /);
  });
});
