// SPDX-License-Identifier: Apache-2.0
// What goes wrong on the way to a cluster or a database: said clearly, and repaired by the next run.
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { ExampleWorld } from '../support/example-world.ts';

const LOOK = [{ verbs: ['get', 'list', 'watch'], resources: ['*'] }];

describe('plan and apply when something is wrong', () => {
  let world: ExampleWorld;
  let writes = 0;
  before(async () => {
    world = await ExampleWorld.start();
    await world.bootstrap();
  });
  after(() => world.stop());
  beforeEach(() => {
    writes = written();
  });

  const written = () => world.api.seen.filter(({ write }) => write).length;
  const plan = (words: string[] = [], env = {}) => world.postern(['plan', ...words], { env });
  const apply = (words: string[] = [], env = {}) =>
    world.postern(['apply', '--yes', ...words], { env });

  it('goes on to plan where one cluster is unknown, and applies nothing', async () => {
    const KUBECONFIG = world.kubeconfigOf(world.api, 'eyJ.administrator.token', 'elsewhere');
    const { code, out } = await plan([], { KUBECONFIG });
    equal(code, 3);
    match(
      out,
      /Cluster prod-weu\n {2}! Cannot use \S+ to reach a cluster: it has no context called/,
    );
    match(out, /Say which context is the Cluster prod-weu: --context prod-weu=CONTEXT/);
    match(out, /Target data-orders\/orders\n {2}as declared/);
    match(out, /1 layer not reached/);
    const applied = await apply([], { KUBECONFIG });
    equal(applied.code, 3);
    match(applied.err, /Nothing was applied\. A layer can be left out/);
    deepEqual([(await apply(['--only', 'database'], { KUBECONFIG })).code, written()], [0, writes]);
  });

  it('goes on where one database does not take the password, or is away', async () => {
    world.write('orders-preview.password', 'wrong');
    const refused = await plan();
    equal(refused.code, 3);
    match(refused.out, /orders-preview\n {2}! Target \S+ refused the login of root/);
    match(refused.out, /\+ NetworkPolicy data\/postern-orders/);
    const nothing = await apply();
    deepEqual([nothing.code, written()], [3, writes]);
    world.write('orders-preview.password', world.database('orders-preview').rootPassword);
    await world.database('orders-preview').kill9();
    const away = await plan();
    equal(away.code, 3);
    match(away.out, /! Cannot reach target data-orders\/orders-preview/);
    await world.database('orders-preview').restart();
  });

  it('says what a database account may not do, and the next run does it', async () => {
    const orders = world.database('orders');
    await orders.rootQuery("CREATE USER deputy@localhost IDENTIFIED BY 'deputy'");
    await orders.rootQuery('GRANT EXECUTE ON PROCEDURE postern.observe TO deputy@localhost');
    world.write('deputy.password', 'deputy');
    const undo = world.edit('orders.yaml', 'select, insert, update', 'select, insert');
    world.overrides = ['--admin-user', 'orders=deputy'];
    world.write('orders.password', 'deputy');
    equal((await plan(['--only', 'database'])).code, 1, 'enough to look');
    const { code, err } = await apply();
    equal(code, 3);
    match(err, /Target data-orders\/orders\n {2}! Target data-orders\/orders answered error 1142/);
    match(err, /The account needs the rights of root/);
    match(err, /postern apply goes on from there/);
    equal(written(), writes, 'the clusters were not begun');
    world.overrides = [];
    world.write('orders.password', orders.rootPassword);
    equal((await apply(['--only', 'database'])).code, 0);
    undo();
    equal((await apply(['--only', 'database'])).code, 0);
  });

  it('says what a cluster account may not do', async () => {
    const KUBECONFIG = world.userWith('reader', LOOK);
    equal((await plan(['--only', 'mesh'], { KUBECONFIG })).code, 1);
    const { code, err } = await apply(['--only', 'mesh'], { KUBECONFIG });
    equal(code, 3);
    match(
      err,
      /Cluster prod-weu\n {2}! The Kubernetes API at \S+ refused to apply PeerAuthentication/,
    );
    match(err, /User "reader" cannot patch/);
  });

  it('asks again where an API server is busy or breaks for a moment', async () => {
    let times = 0;
    world.api.fault = () => {
      times += 1;
      if (times === 3) return { status: 429, retryAfterSeconds: 0 };
      if (times === 7) return { status: 500 };
      if (times === 9) return { status: 503 };
      return times === 40 ? { reset: 'after' } : undefined;
    };
    const { code, out, err } = await apply(['--only', 'mesh']);
    world.api.fault = () => undefined;
    equal(code, 0, out + err);
    ok(times > 40, `${times} requests`);
    equal((await plan()).code, 0);
  });

  it('finds what somebody changed between plan and apply', async () => {
    const undo = world.edit('rules.yaml', 'maxDuration: 12h', 'maxDuration: 6h');
    const undoClass = world.edit('orders.yaml', 'connections: 20', 'connections: 10');
    let first = true;
    world.api.fault = ({ write, path }) => {
      if (!write || !first || !path.includes('destinationrules')) return undefined;
      first = false;
      const [telemetry] = world.objects('Telemetry');
      world.put('Telemetry', telemetry ?? {}, (spec) => ({ ...spec, accessLogging: [] }));
      return undefined;
    };
    const { code, err } = await apply(['--only', 'mesh']);
    world.api.fault = () => undefined;
    equal(code, 1, err);
    match(err, /held|holds/);
    equal((await apply(['--force-conflicts'])).code, 0);
    equal((await plan()).code, 0);
    undo();
    undoClass();
    equal((await apply()).code, 0);
  });

  it('refuses a declaration with faults, and one that no mesh can hold', async () => {
    const undo = world.edit('rules.yaml', 'role: orders-writer', 'role: orders-writter');
    const faulty = await apply();
    equal(faulty.code, 2);
    match(faulty.err, /role-unknown/);
    undo();
    const undoMesh = world.edit('identity.yaml', 'version: "1.29"', 'version: "1.99"');
    const refused = await apply();
    equal(refused.code, 2);
    match(refused.err, /mesh-version/);
    undoMesh();
    const unknown = await apply(['--cluster', 'nowhere']);
    match(unknown.err, /There is no Cluster nowhere; declared: dev-weu, preview-weu, prod-weu/);
    equal(written(), writes);
  });

  it('says that a database was not prepared', async () => {
    await world.database('orders-preview').rootQuery('DROP DATABASE postern');
    const { code, out } = await plan();
    equal(code, 3);
    match(out, /orders-preview cannot be used: its registry is missing/);
    match(out, /Run postern bootstrap/);
  });
});
