// SPDX-License-Identifier: Apache-2.0
import { deepEqual, ok } from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Connection, createConnection } from 'mysql2/promise';
import type { Broker } from '../../src/broker/broker.ts';
import { observe } from '../../src/broker/observe.ts';
import type { Lease } from '../../src/model/lease.ts';
import { Secret } from '../../src/model/secret.ts';
import { DatabaseModel } from '../../src/prove/database/model.ts';
import type { AccountHolder, Holder } from '../../src/prove/database/question.ts';
import type { AdminConnection } from '../../src/target/mysql/connection.ts';
import { openAdminConnection } from '../../src/target/mysql/session.ts';
import { DatabaseProbe, readingStatements } from '../support/database-probe.ts';
import { LeaseTarget, workload } from '../support/lease-target.ts';
import { CREATE_OTHERS, PlantedAccess } from '../support/planted-access.ts';
import { Random } from '../support/random.ts';
import { CREATE_WORLD, randomPrivileges, type TestView } from '../support/random-database.ts';

const ROLES = ['orders-role', 'second', 'third'];
const SEEDS = 2;
/** `MODEL_ROUNDS=20` for many. */
const PLANTINGS = Number(process.env['MODEL_ROUNDS'] ?? 3);
const PLANTED_EACH = 14;

/** Whatever the declaration, what a real lease can really do is what the model says of it. */
describe('database model and a MariaDB', () => {
  let target: LeaseTarget;
  let root: Connection;
  let admin: AdminConnection;
  let probe: DatabaseProbe;

  before(async () => {
    target = await LeaseTarget.start('    - {tables: [none.none], actions: [select]}', '');
    root = await createConnection({
      socketPath: target.mariadb.socketPath,
      user: 'root',
      password: target.mariadb.rootPassword,
    });
    for (const sql of CREATE_WORLD) await root.query(sql);
    admin = await openAdminConnection({
      targetName: 'data/orders',
      endpoint: { socketPath: target.mariadb.socketPath },
      tls: { mode: 'plaintext' },
      user: 'root',
      password: new Secret(target.mariadb.rootPassword),
      deadlineMs: 20_000,
    });
    probe = new DatabaseProbe(root);
  });
  after(async () => {
    await root?.end();
    await admin?.close();
    await target.stop();
  });

  async function declared(random: Random, seed: number): Promise<Broker> {
    const [first, ...others] = ROLES.map((_, index) =>
      randomPrivileges(random, `v${seed}_${index}_`),
    );
    const more = others.map((privileges, index) => dataRole(ROLES[index + 1] ?? '', privileges));
    target.declare(first?.trimEnd() ?? '', more.join(''));
    await target.bootstrap();
    const broker = await target.broker();
    await broker.start();
    return broker;
  }

  /** Those Postern made: the whole of a view's content is in its text. */
  async function views(): Promise<readonly TestView[]> {
    const state = await observe(admin, 'data/orders');
    const ours = new Set(state.registry.views.map(({ schema, name }) => `${schema}.${name}`));
    const found = state.views.filter(({ schema, name }) => ours.has(`${schema}.${name}`));
    return found.map(({ schema, name, text }) => {
      const names = [...text.matchAll(/`((?:[^`]|``)+)`/g)].map(([, quoted]) =>
        (quoted ?? '').replaceAll('``', '`'),
      );
      const [baseSchema = '', base = ''] = names.slice(-2);
      const columns = Array.from({ length: (names.length - 2) / 4 }, (_, index) => ({
        of: names[index * 4 + 2] ?? '',
        name: names[index * 4 + 3] ?? '',
      }));
      return { schema, name, base: { schema: baseSchema, name: base }, columns };
    });
  }

  async function model(): Promise<DatabaseModel> {
    return new DatabaseModel(await observe(admin, 'data/orders'), { caseInsensitiveNames: false });
  }

  async function leases(broker: Broker): Promise<readonly Lease[]> {
    const sets = [ROLES.slice(0, 1), ROLES.slice(1), ROLES];
    const requests = sets.map((roles, index) => ({
      principal: workload(`payments/holder${index}`),
      access: { privilegeSetId: `set${index}`, roleIds: roles.map((name) => `data/${name}`) },
      ttlMs: 900_000,
    }));
    const lent: Lease[] = [];
    for (const one of requests) lent.push(await broker.lend(one));
    return lent;
  }

  for (let seed = 1; seed <= SEEDS; seed += 1) {
    it(`agree about leases of random declarations, seed ${seed}`, async () => {
      const broker = await declared(new Random(seed), seed);
      const lent = await leases(broker);
      const [said, there] = [await model(), await views()];
      for (const lease of lent) {
        const session = await target.login(lease);
        // What may be activated counts as well: with and without its role it is one holder.
        const holder: Holder = { user: lease.account, host: '%' };
        deepEqual(await probe.mismatches(said, holder, session, there), []);
        await session.end();
      }
      await broker.stop();
    });
  }

  it('agree after somebody planted rights, roles, views and routines', async () => {
    for (const sql of CREATE_OTHERS) await root.query(sql);
    const broker = await declared(new Random(77), 77);
    const [lease] = (await leases(broker)).slice(-1);
    ok(lease);
    const base = (await observe(admin, 'data/orders')).registry.roles[0]?.name;
    await PlantedAccess.snapshot(root);
    const own = [`'${lease.account}'@'%'`, `\`${lease.role}\``, `\`${base}\``];
    for (let seed = 1; seed <= PLANTINGS; seed += 1) {
      const planted = new PlantedAccess(root, new Random(seed), own);
      await planted.plant(PLANTED_EACH);
      const there = [...(await views()), ...planted.views];
      await agree(seed, planted, lease, there);
      await planted.takeBack();
    }
    await broker.stop();
  });

  /** A session each for the lease with its role, and for an account that has nothing to do with it. */
  async function agree(
    seed: number,
    planted: PlantedAccess,
    lease: Lease,
    there: readonly TestView[],
  ): Promise<void> {
    const said = await model();
    const app = await createConnection({
      ...target.certificateLogin(undefined),
      user: 'app',
      password: 'app',
    });
    await app.query('SET ROLE app_role');
    const { accounts } = await observe(admin, 'data/orders');
    const roles = accounts.filter(({ isRole }) => isRole).map(({ user }) => user);
    const sessions: readonly (readonly [AccountHolder, Connection])[] = [
      [{ user: lease.account, host: '%', role: lease.role }, await target.login(lease)],
      [{ user: 'app', host: '%', role: 'app_role' }, app],
    ];
    const sources = readingStatements(there, planted.routines);
    for (const [holder, session] of sessions) {
      const found = [
        ...(await probe.mismatches(said, holder, session, there)),
        ...(await probe.hiddenReads(said, holder, session, sources)),
        ...(await probe.roleMismatches(said, { user: holder.user, host: '%' }, session, roles)),
      ];
      deepEqual(found, [], `seed ${seed}, ${JSON.stringify(holder)}:\n${planted.log.join(';\n')}`);
      await session.end();
    }
  }

  it('was asked about both', () => {
    ok(probe.counts.allowed > 100 && probe.counts.denied > 100, JSON.stringify(probe.counts));
  });
});

function dataRole(name: string, privileges: string): string {
  return `---
apiVersion: postern.dev/v1alpha1
kind: DataRole
metadata: {name: ${name}, namespace: data}
spec:
  privileges:
${privileges}---
apiVersion: postern.dev/v1alpha1
kind: Grant
metadata: {name: all-${name}, namespace: data}
spec:
  subjects: [{workload: {clusters: {matchLabels: {env: prod}}}}]
  targetSelector: {matchLabels: {app: orders}}
  role: ${name}
`;
}
