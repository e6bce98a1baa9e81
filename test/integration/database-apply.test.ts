// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { applyDatabase } from '../../src/broker/apply-plan.ts';
import { databaseScope } from '../../src/broker/installation.ts';
import { observe } from '../../src/broker/observe.ts';
import { planDatabase } from '../../src/compile/sql/plan.ts';
import { Secret } from '../../src/model/secret.ts';
import type { AdminConnection } from '../../src/target/mysql/connection.ts';
import { openAdminConnection } from '../../src/target/mysql/session.ts';
import { LeaseTarget, request } from '../support/lease-target.ts';

const view = (columns: string) =>
  `    - {tables: [shop.customers], actions: [select], columns: [${columns}], as: shop.customers_public}`;
const BEFORE = `    - {tables: [shop.orders], actions: [select, insert]}\n${view('id, name')}`;
const AFTER = `    - {tables: [shop.orders], actions: [select, update]}\n${view('id, email')}
    - {tables: [shop.orders], actions: [select, update], columns: [id], as: shop.orders_public}`;
const SQL = `CREATE DATABASE shop; CREATE TABLE shop.orders (id INT);
CREATE TABLE shop.customers (id INT, name VARCHAR(20), email VARCHAR(20));
CREATE USER app@localhost; GRANT SELECT ON shop.orders TO app@localhost;`;

describe('apply to a database', () => {
  let target: LeaseTarget;
  let admin: AdminConnection;

  const scope = async (privileges: string) => {
    target.declare(privileges);
    const { policy, target: declared } = await target.policy();
    return databaseScope(policy, declared);
  };
  const plan = async (privileges: string) =>
    planDatabase(await scope(privileges), await observe(admin, 'data/orders'));
  /** Everything on the server; two servers that are equal here cannot be told apart by a lease. */
  const everything = async () => {
    const state = await observe(admin, 'data/orders');
    const lists = { ...state, ...state.registry, registry: undefined };
    return Object.fromEntries(
      Object.entries(lists).map(([name, list]) => [
        name,
        Array.isArray(list) ? list.map((one) => JSON.stringify(one)).sort() : list,
      ]),
    );
  };

  before(async () => {
    target = await LeaseTarget.start(BEFORE, SQL);
    await target.bootstrap();
    admin = await openAdminConnection({
      targetName: 'data/orders',
      endpoint: { socketPath: target.mariadb.socketPath },
      tls: { mode: 'plaintext' },
      user: 'root',
      password: new Secret(target.mariadb.rootPassword),
      deadlineMs: 20_000,
    });
  });
  after(async () => {
    await admin?.close();
    await target.stop();
  });

  it('says who gains and loses what, and by which line', async () => {
    deepEqual((await plan(BEFORE)).access, []);
    const { access, steps, blocked } = await plan(AFTER);
    deepEqual(blocked, []);
    equal(access.length, 1);
    const [change] = access;
    equal(change?.dataRole, 'data/orders-role');
    deepEqual(change?.who, ['workload/prod/*/*']);
    equal(
      change?.gains,
      'UPDATE on shop.orders; SELECT on shop.customers_public; SELECT, UPDATE on shop.orders_public',
    );
    equal(change?.loses, 'INSERT on shop.orders; SELECT on shop.customers_public');
    ok(change?.rule?.position.line);
    deepEqual(
      steps.map(({ code }) => code),
      ['view-new', 'view-new', 'role-new', 'role-undeclared'],
      'what is new comes before what goes',
    );
  });

  it('ends the same wherever it is cut off', async () => {
    await applyDatabase(admin, await scope(AFTER));
    const wanted = await everything();
    deepEqual((await plan(AFTER)).steps, []);
    let cut = 0;
    for (let finished = false; !finished; cut += 1) {
      await applyDatabase(admin, await scope(BEFORE));
      deepEqual((await plan(BEFORE)).steps, []);
      const next = await scope(AFTER);
      try {
        await applyDatabase(cutOff(admin, cut), next);
        finished = true;
      } catch (error) {
        match(String(error), /cut off/);
        await applyDatabase(admin, next);
      }
      deepEqual(await everything(), wanted, `cut off after ${cut} statements`);
    }
    ok(cut > 20, `${cut} places were tried`);
  });

  it('changes nothing when there is nothing to do, and never what is not its own', async () => {
    const first = await everything();
    const report = await applyDatabase(admin, await scope(AFTER));
    deepEqual([report.done, report.left.steps], [[], []]);
    deepEqual(
      report.left.findings.map(({ code, holder }) => [code, holder]),
      [
        ['foreign-account', 'app@localhost'],
        ['foreign-account', 'root@127.0.0.1'],
      ],
    );
    deepEqual(await everything(), first);
  });

  it('keeps a role that is lent until it is not', async () => {
    const broker = await target.broker();
    await broker.start();
    const lease = await broker.lend(request());
    const waiting = await applyDatabase(admin, await scope(BEFORE));
    deepEqual(
      waiting.left.waiting.map(({ code }) => code),
      ['role-still-lent'],
    );
    const session = await target.login(lease);
    await session.query('SELECT * FROM shop.orders');
    await session.end();
    await broker.revoke(lease.account);
    const done = await applyDatabase(admin, await scope(BEFORE));
    deepEqual([done.left.waiting, done.left.steps], [[], []]);
    await broker.stop();
  });

  it('does the rest when a table is not there yet, and says which', async () => {
    const later = `${BEFORE}\n    - {tables: [shop.later], actions: [select]}`;
    const report = await applyDatabase(admin, await scope(later));
    deepEqual(
      [...new Set(report.missing.map(({ problem }) => problem))],
      ["Table 'shop.later' doesn't exist"],
    );
    await target.mariadb.rootQuery('CREATE TABLE shop.later (id INT)');
    deepEqual((await applyDatabase(admin, await scope(later))).left.steps, []);
  });

  it('touches nothing while something of its name is not its own', async () => {
    await applyDatabase(admin, await scope('    - {tables: [shop.orders], actions: [select]}'));
    await target.mariadb.rootQuery('CREATE VIEW shop.customers_public AS SELECT 1 AS id');
    const first = await everything();
    const report = await applyDatabase(admin, await scope(BEFORE));
    deepEqual(
      report.left.blocked.map(({ code }) => code),
      ['view-foreign'],
    );
    deepEqual(await everything(), first);
    await target.mariadb.rootQuery("UPDATE postern.meta SET value = '1' WHERE name = 'version'");
    const outdated = await plan(BEFORE);
    deepEqual(
      outdated.blocked.map(({ code }) => code),
      ['registry-outdated'],
    );
    deepEqual(outdated.steps, []);
    await target.mariadb.rootQuery('DROP DATABASE postern');
    await rejects(plan(BEFORE), /registry is missing/);
  });
});

/** As a process that is killed: so many statements are carried out, and no more. */
function cutOff(connection: AdminConnection, statements: number): AdminConnection {
  let left = statements;
  return {
    serverVersion: connection.serverVersion,
    connectionId: connection.connectionId,
    closed: false,
    close: () => Promise.resolve(),
    query: (sql) => {
      left -= 1;
      return left < 0 ? Promise.reject(new Error('cut off')) : connection.query(sql);
    },
  };
}
