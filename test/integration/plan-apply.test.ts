// SPDX-License-Identifier: Apache-2.0
// plan and apply of the example declaration, as a user types them.
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ExampleWorld } from '../support/example-world.ts';
import type { Json } from '../support/kube-fields.ts';

describe('plan and apply of the example', () => {
  let world: ExampleWorld;
  before(async () => {
    world = await ExampleWorld.start();
    const restore = world.edit('orders.yaml', 'select, insert, update', 'select, insert');
    await world.bootstrap();
    restore();
  });
  after(() => world.stop());

  const plan = (...words: string[]) => world.postern(['plan', ...words]);
  const apply = (...words: string[]) => world.postern(['apply', '--yes', ...words]);
  const emptyPlan = async () => {
    const { code, out, err } = await plan();
    equal(code, 0, out + err);
    match(out, /Plan: 0 steps\.\nNothing to do\. Next: postern prove\n$/);
  };

  it('plans both layers, and says who gains what by which line', async () => {
    const { code, out, err } = await plan();
    equal(code, 1, err);
    match(out, /^Cluster prod-weu\n {2}\+ PeerAuthentication data\/postern-orders \(/m);
    match(out, /\+ NetworkPolicy data\/postern-orders \(policy\/orders.yaml:\d+\)/);
    const [deny = 0, allow = 0, road = 0] = ['orders-deny (', 'orders-allow (', '+ Service'].map(
      (text) => out.indexOf(text),
    );
    ok(deny < allow && allow < road, out);
    match(out, /^Target data-orders\/orders\n {2}\+ role pr_data-orders.orders-writer_\w+\./m);
    match(out, / {2}- role pr_data-orders.orders-writer_\w+\. No Grant gives it any more/);
    match(out, /^Access\n {2}data-orders\/orders\n {4}\+ gains {2}workload\/prod-weu\/payments/m);
    match(out, / {13}update on shop.orders\n/);
    match(out, /by Grant\/data-orders\/checkout-writes policy\/rules.yaml:2/);
    match(out, /Plan: \d+ steps\.\nNext: postern apply\n$/);
    equal(world.api.seen.filter(({ write }) => write).length, 0, 'a plan changes nothing');
  });

  it('asks somebody, or is told not to', async () => {
    const { code, err } = await world.postern(['apply']);
    equal(code, 2);
    match(err, /There is nobody to ask here: give --yes/);
    const declined = await world.postern(['apply'], { answer: 'n' });
    deepEqual([declined.code, declined.err], [1, 'Nothing was applied.\n']);
    equal(world.api.seen.filter(({ write }) => write).length, 0);
  });

  it('saves a plan, and applies it only while it is the same', async () => {
    const saved = await plan('--out', 'first.plan');
    equal(saved.code, 1);
    match(saved.out, /Next: postern apply --plan first.plan\n$/);
    const undo = world.edit('rules.yaml', 'role: migrator', 'role: writer');
    const other = await apply('--plan', 'first.plan');
    deepEqual([other.code, /the declaration has changed/.test(other.err)], [1, true], other.err);
    undo();
    await world.database('orders').rootQuery('CREATE ROLE pr_stranger_0123456789abcdef');
    await world.database('orders').rootQuery('GRANT SELECT ON shop.* TO PUBLIC');
    const changed = await apply('--plan', 'first.plan');
    match(changed.err, /first.plan was made for something else, a cluster or a database is not as/);
    equal(changed.code, 1);
    await world.database('orders').rootQuery('DROP ROLE pr_stranger_0123456789abcdef');
    await world.database('orders').rootQuery('REVOKE SELECT ON shop.* FROM PUBLIC');
    equal(world.api.seen.filter(({ write }) => write).length, 0);
  });

  it('applies in an order of its own, tells each step, and then has nothing to do', async () => {
    const { code, out, err } = await apply('--plan', 'first.plan');
    equal(code, 0, out + err);
    match(out, /Applied, \d+ steps\. Next: postern prove\n$/);
    const done = err.split('\n').filter((line) => /^\[\d+\/\d+\]/.test(line));
    const at = (text: RegExp) => done.findIndex((line) => text.test(line));
    const gained = at(/data-orders\/orders {2}role-new/);
    const closed = at(/prod-weu {2}create: AuthorizationPolicy data\/postern-orders-deny/);
    const opened = at(/prod-weu {2}create: Service postern-system\/orders-db/);
    const lost = at(/data-orders\/orders {2}role-undeclared/);
    deepEqual(
      [gained, closed, opened, lost].toSorted((a, b) => a - b),
      [gained, closed, opened, lost],
    );
    ok(gained === 0);
    await emptyPlan();
    const again = await apply();
    deepEqual([again.code, again.err], [0, '']);
    match(again.out, /Nothing had to be done\. Next: postern prove/);
  });

  it('tells a change that only gateways enforce, once', async () => {
    const undo = world.edit('rules.yaml', '"22:00"', '"21:00"');
    const { code, out } = await plan();
    equal(code, 1);
    match(out, /- loses {2}workload\/prod-weu\/payments\/checkout/);
    match(out, /Plan: 0 steps/);
    equal((await apply()).code, 0);
    await emptyPlan();
    undo();
    equal((await apply('--only', 'database')).code, 0);
  });

  it('says what went on behind its back, and repairs it', async () => {
    const orders = world.database('orders');
    const [role] = await orders.rootQuery(
      "SELECT name FROM postern.role WHERE data_role LIKE '%writer'",
    );
    await orders.rootQuery(`GRANT DELETE ON shop.orders TO \`${role?.name}\``);
    const policies = world.objects('AuthorizationPolicy');
    world.put('AuthorizationPolicy', policies[0] ?? {}, (spec) => ({ ...spec, action: 'ALLOW' }));
    const { code, out } = await plan();
    equal(code, 1);
    match(out, /~ role pr_\S+ It holds DELETE on shop.orders besides what is declared/);
    match(out, /on the server, holders of data-orders\/orders-writer/);
    match(out, /- lose DELETE on shop.orders/);
    const json = JSON.parse((await plan('--json')).out);
    equal(json.databases[0].steps[0].code, 'role-right-extra');
    equal((await apply('--force-conflicts')).code, 0);
    await emptyPlan();
  });

  it('stops before it begins at what another manager holds, naming it', async () => {
    const [rule] = world.objects('DestinationRule');
    world.put('DestinationRule', rule ?? {}, (spec) => ({ ...spec, host: 'elsewhere.example' }));
    const writes = world.api.seen.filter(({ write }) => write).length;
    const { code, out, err } = await apply();
    equal(code, 1);
    match(out, /spec.host: "elsewhere.example" -> "orders-db\S+, held by somebody/);
    match(err, /somebody holds spec.host of DestinationRule postern-system\/orders-db/);
    match(err, /Nothing was applied\..*--force-conflicts/);
    equal(world.api.seen.filter(({ write }) => write).length, writes);
    equal((await apply('--force-conflicts')).code, 0);
    await emptyPlan();
  });

  it('touches nothing that it did not make', async () => {
    const [service] = world.objects('Service');
    const { labels: _, annotations: __, ...metadata } = (service?.['metadata'] ?? {}) as Json;
    world.replace('Service', { ...service, metadata: { ...metadata, managedFields: [] } });
    const { code, err } = await apply();
    equal(code, 1);
    match(err, /Service postern-system\/orders-db exists and is not managed by Postern/);
    match(err, /Nothing was applied/);
    world.api.store.delete(world.kind('Service'), 'postern-system', 'orders-db', {});
    equal((await apply()).code, 0);
    await emptyPlan();
  });

  it('never takes for its own what another installation or Cluster applied', async () => {
    const { code, out, err } = await plan('--only', 'mesh', '--instance', 'second');
    equal(code, 1, err);
    match(out, /belongs to the installation postern\/prod-weu/);
    ok(!/^ {2}-/m.test(out), 'it removes nothing of the other');
  });
});
