// SPDX-License-Identifier: Apache-2.0
import { equal, match, ok, rejects } from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Connection } from 'mysql2/promise';
import { asPerson, asWorkload, withToken } from '../support/drivers.ts';
import { recordsOf } from '../support/evidence.ts';
import { startIdp, type TestIdp } from '../support/idp.ts';
import { until, World } from '../support/world.ts';

const LIMIT_MS = 5_000;

const STOCK_ROLE = `---
apiVersion: postern.dev/v1alpha1
kind: DataRole
metadata: {name: stock, namespace: data}
spec: {privileges: [{tables: [shop.products], actions: [select, update]}]}
`;

const grant = (name: string, subject: string, role: string, more = '') => `---
apiVersion: postern.dev/v1alpha1
kind: Grant
metadata: {name: ${name}, namespace: data}
spec:
  subjects: [${subject}]
  targetSelector: {matchLabels: {app: orders}}
  role: ${role}${more}
`;

describe('a day of an editor of files, on one gateway', () => {
  let world: World;
  let idp: TestIdp;
  let steady: Connection;
  let asked = 0;
  let asking: Promise<void>;
  let over = false;
  let text: string;

  before(async () => {
    world = await World.start();
    text = world.policyText();
    idp = await startIdp();
    steady = await asPerson(world);
    // Somebody whose rights never change works through all of it.
    asking = (async () => {
      for (; !over; asked += 1) {
        await steady.query('SELECT COUNT(*) FROM orders');
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    })();
    asking.catch(() => undefined);
  });
  after(async () => {
    over = true;
    await asking.catch(() => undefined);
    await steady.end();
    await idp.close();
    await world.stop();
  });

  /** Whether a login and one statement go through. */
  async function works(login: () => Promise<Connection>, sql: string): Promise<boolean> {
    try {
      const connection = await login();
      try {
        await connection.query(sql);
        return true;
      } finally {
        await connection.end();
      }
    } catch {
      return false;
    }
  }

  const soon = (what: string, holds: () => Promise<boolean>) => until(holds, LIMIT_MS, what);
  const warehouse = () => asWorkload(world, 'warehouse', 'counter');

  it('a Grant is added, and taken away again', async () => {
    const workload =
      '{workload: {clusters: {matchLabels: {env: prod}}, serviceAccounts: [warehouse/counter]}}';
    equal(await works(warehouse, 'SELECT * FROM orders'), false);
    world.writePolicy(text + grant('warehouse', workload, 'orders-writer'));
    await soon('the new Grant counts', () => works(warehouse, 'SELECT * FROM orders'));
    world.writePolicy(text);
    await soon('it counts no more', async () => !(await works(warehouse, 'SELECT * FROM orders')));
  });

  it('a DataRole is added; the database is told with bootstrap', async () => {
    const people = '{group: {provider: people, id: stock}}';
    const counter = () => asPerson(world, 'carl', ['stock']);
    world.writePolicy(text + STOCK_ROLE + grant('stock', people, 'stock'));
    await soon('the gateway says what is missing', async () => {
      const refused = recordsOf(world.path('audit'), 'login-denied');
      await works(counter, 'SELECT 1');
      return refused.some(({ reason }) => reason === 'lease-role-missing');
    });
    await world.bootstrap();
    const update = 'UPDATE products SET price = 1 WHERE id = 1';
    await soon('the new role counts', () => works(counter, update));
    equal(await works(counter, 'SELECT * FROM orders'), false);
    text += STOCK_ROLE + grant('stock', people, 'stock');
  });

  it('limits change under a live session', async () => {
    const carl = await asPerson(world, 'carl', ['stock']);
    const limited = `${text}---
apiVersion: postern.dev/v1alpha1
kind: ServiceClass
metadata: {name: small}
spec: {rowsPerRequest: 1}
`.replace('  role: stock\n', '  role: stock\n  serviceClass: small\n');
    world.writePolicy(limited);
    await soon('the limit counts', () =>
      carl.query('SELECT * FROM products').then(
        () => false,
        (error: Error) => /more than 1 rows/.test(error.message),
      ),
    );
    world.writePolicy(text);
    await soon('it is gone', () =>
      carl.query('SELECT * FROM products').then(
        () => true,
        () => false,
      ),
    );
    await carl.end();
  });

  it('an identity provider is added and its people come', async () => {
    const partner = `---
apiVersion: postern.dev/v1alpha1
kind: IdentityProvider
metadata: {name: partner}
spec: {oidc: {preset: generic, issuer: ${idp.issuer}, audiences: [postern], makes: user, claims: {subject: sub}}}
`;
    const login = () => withToken(world, idp.token({ aud: 'postern', sub: 'pat' }));
    equal(await works(login, 'SELECT 1'), false);
    world.writePolicy(
      text + partner + grant('partner', '{user: {provider: partner, id: pat}}', 'stock'),
    );
    await soon('they are known', () => works(login, 'SELECT * FROM products'));
  });

  it('Observe lets pass and notes; Enforce holds again', async () => {
    const bob = () => asPerson(world, 'bob', ['analysts']);
    const secret = 'SELECT * FROM secrets';
    world.writePolicy(
      text.replace('  expose: {service', '  enforcement: Observe\n  expose: {service'),
    );
    await world.bootstrap();
    await soon('it is allowed', () => works(bob, secret));
    const noted = recordsOf(world.path('audit'), 'intent').filter(
      ({ decision }) => decision === 'would-deny',
    );
    ok(noted.length > 0);
    world.writePolicy(text);
    await soon('it is denied', async () => !(await works(bob, secret)));
  });

  it('a broken file changes nothing, and its repair does', async () => {
    world.writePolicy(`${text}---\nkind: Nonsense\n`);
    await until(
      async () =>
        recordsOf(world.path('audit'), 'gateway').some(({ what }) => what === 'policy-refused'),
      LIMIT_MS,
      'the broken file is refused loudly',
    );
    ok(await works(() => asPerson(world), 'SELECT * FROM orders'));
    world.writePolicy(text);
    ok(await works(() => asPerson(world), 'SELECT * FROM orders'));
  });

  it('all the while the one whose rights did not change noticed nothing', async () => {
    const before = asked;
    await until(async () => asked > before + 5, LIMIT_MS, 'the steady session goes on');
    ok(asked > 50, `${asked} statements`);
    await rejects(steady.query('SELECT * FROM secrets'), (error: Error) => {
      match(error.message, /not-permitted/);
      return true;
    });
  });
});
