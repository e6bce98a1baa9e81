// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { directorySource } from '../../src/audit/source.ts';
import { verifyAudit } from '../../src/audit/verify.ts';
import { withToken } from '../support/drivers.ts';
import { recordsOf } from '../support/evidence.ts';
import { GatewayProcess } from '../support/gateway-process.ts';
import { until, World } from '../support/world.ts';

const WRITERS = 6;

describe('the gateway as a process', () => {
  let world: World;
  let gateway: GatewayProcess;
  const open: Connection[] = [];
  before(async () => {
    world = await World.start({ gateway: false, settings: 'drain: {timeout: 5s}' });
    const text = world.policyText();
    world.writePolicy(text.replace('  mariadb:', '  audit: {statements: Text}\n  mariadb:'));
    gateway = await GatewayProcess.start(world.path('postern.yaml'));
  });
  after(async () => {
    for (const connection of open) connection.destroy();
    await gateway?.kill();
    await world.stop();
  });
  const audit = () => world.path('audit');

  async function person(name: string): Promise<Connection> {
    const token = world.token(name, ['analysts']);
    const connection = await withToken(world, token, { port: gateway.port('token') });
    connection.on('error', () => undefined);
    open.push(connection);
    return connection;
  }

  const accounts = async () => {
    const rows = await world.mariadb.rootQuery('SELECT account, instance FROM postern.lease');
    return rows.map((row) => ({ account: String(row.account), instance: String(row.instance) }));
  };

  it('is killed under load: what was acknowledged is on record, nothing else is claimed', async () => {
    const acknowledged: string[] = [];
    const asked: string[] = [];
    let stopped = false;
    const write = async (connection: Connection, writer: number) => {
      for (let number = 0; !stopped; number += 1) {
        const note = `w${writer}-${number}`;
        asked.push(note);
        const sql = `INSERT INTO orders (product, amount, note) VALUES (1, 1, '${note}')`;
        await connection.query(sql);
        acknowledged.push(note);
      }
    };
    const connections = await Promise.all(
      Array.from({ length: WRITERS }, (_, index) => person(`writer-${index}`)),
    );
    const writers = connections.map((connection, index) =>
      write(connection, index).catch(() => undefined),
    );
    await until(() => acknowledged.length > 300, 10_000, 'there is load');
    await gateway.kill('SIGKILL');
    stopped = true;
    await Promise.all(writers);

    const { faults, streams } = verifyAudit(directorySource(audit()));
    deepEqual(faults, []);
    const intents = new Map(
      recordsOf(audit(), 'intent').map((intent) => [noteOf(intent.statement), intent]),
    );
    const outcomes = new Map(recordsOf(audit(), 'outcome').map((one) => [one.id, one.outcome]));
    for (const note of acknowledged) {
      const intent = intents.get(note);
      ok(intent, `${note} was acknowledged and is not on record`);
      equal(outcomes.get(intent.id), 'ok', `${note} was acknowledged without an outcome`);
    }
    const unknown = streams.flatMap((stream) => stream.unknown.map(({ id }) => id));
    ok(unknown.length <= WRITERS, `${unknown.length} unknown outcomes`);
    for (const id of unknown) equal(outcomes.has(id), false);

    // Everything that the target did is on record, with an outcome or as unknown.
    const rows = await world.mariadb.rootQuery(
      "SELECT note FROM shop.orders WHERE note LIKE 'w%-%'",
    );
    const done = new Set(rows.map((row) => String(row.note)));
    for (const note of done) ok(intents.has(note), `${note} was done and is not on record`);
    for (const note of acknowledged) ok(done.has(note), `${note} was acknowledged and not done`);
    ok(asked.length >= done.size);
  });

  it('starts again after that, says so, and sweeps what the dead one lent', async () => {
    const dead = await accounts();
    ok(dead.length >= WRITERS);
    // A minute passes without a heartbeat.
    await world.mariadb.rootQuery(
      'UPDATE postern.instance SET heartbeat = heartbeat - INTERVAL 2 MINUTE',
    );
    gateway = await GatewayProcess.start(world.path('postern.yaml'));
    match(gateway.output, /the process before did not stop in order/);
    const started = recordsOf(audit(), 'gateway').filter(({ what }) => what === 'started');
    equal(started.length, 2);
    match(started[1]?.detail ?? '', /which crashed/);
    await until(
      async () => {
        const left = new Set((await accounts()).map(({ account }) => account));
        return dead.every(({ account }) => !left.has(account));
      },
      10_000,
      'accounts of the dead instance are gone',
    );
    const users = await world.mariadb.rootQuery('SELECT User FROM mysql.global_priv');
    const names = new Set(users.map((row) => String(row.User)));
    for (const { account } of dead) ok(!names.has(account), `${account} still exists`);
    const connection = await person('writer-0');
    await connection.query('SELECT 1');
    await connection.end();
    deepEqual(verifyAudit(directorySource(audit())).faults, []);
  });

  it('drains on SIGTERM: idle sessions end, a transaction may finish, nobody new gets in', async () => {
    const idle = await person('idle');
    await idle.query('SELECT 1');
    const busy = await person('busy');
    await busy.beginTransaction();
    await busy.query("INSERT INTO orders (product, amount, note) VALUES (1, 1, 'drained')");
    const running = busy.query<RowDataPacket[]>('SELECT SLEEP(1) AS s');
    const begun = Date.now();
    gateway.child.kill('SIGTERM');
    await until(
      () =>
        idle.query('SELECT 1').then(
          () => false,
          () => true,
        ),
      2_000,
      'the idle session has ended',
    );
    await rejects(person('newcomer'), /ECONNREFUSED|draining/);
    const [rows] = await running;
    equal(rows[0]?.['s'], 0);
    await busy.commit();
    const { code } = await gateway.exit;
    equal(code, 0);
    ok(Date.now() - begun < 4_900, `it took ${Date.now() - begun} ms`);
    const [row] = await world.mariadb.rootQuery(
      "SELECT COUNT(*) AS n FROM shop.orders WHERE note = 'drained'",
    );
    equal(Number(row?.n), 1);
    const what = recordsOf(audit(), 'gateway').map((record) => record.what);
    deepEqual(what.slice(-1), ['stopped']);
    ok(what.includes('stopping'));
    const { faults, streams } = verifyAudit(directorySource(audit()));
    deepEqual(faults, []);
    deepEqual(streams.at(-1)?.unknown, []);
    deepEqual(await accounts(), [], 'leases were left');
  });

  it('ends a transaction that does not finish in time, and still ends in order', async () => {
    gateway = await GatewayProcess.start(world.path('postern.yaml'));
    const busy = await person('stuck');
    await busy.beginTransaction();
    await busy.query("INSERT INTO orders (product, amount, note) VALUES (1, 1, 'never')");
    const begun = Date.now();
    const { code } = await gateway.kill('SIGTERM');
    equal(code, 0);
    const took = Date.now() - begun;
    ok(took > 4_500 && took < 10_000, `it took ${took} ms`);
    const [row] = await world.mariadb.rootQuery(
      "SELECT COUNT(*) AS n FROM shop.orders WHERE note = 'never'",
    );
    equal(Number(row?.n), 0);
    deepEqual(verifyAudit(directorySource(audit())).faults, []);
  });
});

function noteOf(statement: string | undefined): string {
  return /'(w\d+-\d+)'/.exec(statement ?? '')?.[1] ?? '';
}
