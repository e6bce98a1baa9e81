// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { request } from 'node:http';
import { after, before, describe, it } from 'node:test';
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { readRecords } from '../../src/audit/read.ts';
import { directorySource } from '../../src/audit/source.ts';
import { asPerson, asWorkload } from '../support/drivers.ts';
import { newRecords, recordsOf } from '../support/evidence.ts';
import { until, World } from '../support/world.ts';

const POLICY = `---
apiVersion: postern.dev/v1alpha1
kind: ServiceClass
metadata: {name: tight}
spec: {connections: 3, rowsPerRequest: 100, requestTimeout: 300ms}
---
apiVersion: postern.dev/v1alpha1
kind: ServiceClass
metadata: {name: slow}
spec: {requestsPerSecond: 5}
---
apiVersion: postern.dev/v1alpha1
kind: DataRole
metadata: {name: tables, namespace: data}
spec:
  privileges: [{tables: ["shop.*"], actions: [select, update]}]
  guardrails: {requireWhere: [update]}
${['tight', 'slow', 'brief']
  .map(
    (name) => `---
apiVersion: postern.dev/v1alpha1
kind: Grant
metadata: {name: ${name}, namespace: data}
spec:
  subjects: [{group: {provider: people, id: ${name}}}]
  targetSelector: {matchLabels: {app: orders}}
  role: tables
  ${name === 'brief' ? 'session: {maxDuration: 2s}' : `serviceClass: ${name}`}
`,
  )
  .join('')}`;

const SQL = `
USE shop;
CREATE TABLE shop.numbers (n INT PRIMARY KEY);
INSERT INTO shop.numbers SELECT seq FROM seq_1_to_5000;
`;

const count = async (connection: Connection, sql: string) => {
  const [rows] = await connection.query<RowDataPacket[]>(sql);
  return rows.length;
};

describe('limits and sessions', () => {
  let world: World;
  before(async () => {
    world = await World.start({ extraPolicy: POLICY, extraSql: SQL });
  });
  after(() => world?.stop());

  const tight = (name: string) => asPerson(world, name, ['tight']);

  it('ends an answer with too many rows with an error, and the session goes on', async () => {
    const connection = await tight('rows');
    equal(await count(connection, 'SELECT n FROM numbers LIMIT 100'), 100);
    const before = recordsOf(world.path('audit'), 'outcome').length;
    await rejects(connection.query('SELECT n FROM numbers'), /100 rows.*limit-rows/);
    const [outcome] = await newRecords(world.path('audit'), 'outcome', before);
    // What the target sent after the limit never reached the principal.
    equal(outcome?.outcome, 'limited');
    equal(outcome?.rows, 100);
    await rejects(connection.execute('SELECT n FROM numbers WHERE n > ?', [1]), /limit-rows/);
    equal(await count(connection, 'SELECT 1'), 1);
    await connection.end();
  });

  it('cuts a request that takes too long, and the session goes on', async () => {
    const connection = await tight('time');
    const begun = Date.now();
    await rejects(connection.query('SELECT SLEEP(20), n FROM numbers'), /300 ms.*limit-time/);
    ok(Date.now() - begun < 3_000);
    equal(await count(connection, 'SELECT 1'), 1);
    await connection.end();
  });

  it('counts connections of one principal only', async () => {
    const open = await Promise.all([1, 2, 3].map(() => tight('many')));
    await rejects(tight('many'), /limit-connections/);
    const other = await tight('other');
    await open[0]?.end();
    await until(
      () =>
        tight('many').then(
          (c) => c.end().then(() => true),
          () => false,
        ),
      2_000,
      'room',
    );
    await Promise.all([other, ...open.slice(1)].map((connection) => connection?.end()));
  });

  it('slows a principal down to its rate, and lets it go on', async () => {
    const connection = await asPerson(world, 'fast', ['slow']);
    const outcomes: string[] = [];
    for (let n = 0; n < 12; n += 1) {
      outcomes.push(
        await connection.query('SELECT 1').then(
          () => 'ok',
          (e: Error) => e.message,
        ),
      );
    }
    ok(outcomes.filter((text) => text === 'ok').length >= 5);
    ok(outcomes.some((text) => /limit-rate/.test(text)));
    await until(
      () =>
        connection.query('SELECT 1').then(
          () => true,
          () => false,
        ),
      2_000,
      'a token',
    );
    await connection.end();
  });

  it('asks for a WHERE', async () => {
    const connection = await tight('where');
    await rejects(connection.query('UPDATE orders SET note = 1'), /WHERE/);
    await rejects(connection.query('UPDATE orders SET note = 1 WHERE 1 = 1'), /WHERE/);
    await connection.query('UPDATE orders SET note = note WHERE id = 1');
    await connection.end();
  });

  it('lets a principal cancel its own requests and nobody else', async () => {
    const [busy, second, stranger] = [
      await asPerson(world, 'killer'),
      await asPerson(world, 'killer'),
      await asPerson(world, 'stranger'),
    ];
    const [[row]] = await busy.query<RowDataPacket[]>('SELECT CONNECTION_ID() AS id');
    const id = Number(row?.['id']);
    const running = rejects(busy.query('SELECT SLEEP(20)'), /cancelled|interrupted/i);
    await until(() => world.gateway?.sessions.some((s) => s.busy) === true, 2_000, 'it runs');
    await rejects(stranger.query(`KILL QUERY ${id}`), /not one of yours/);
    await rejects(stranger.query(`KILL ${id}`), /not one of yours/);
    await second.query(`KILL QUERY ${id}`);
    await running;
    equal(await count(busy, 'SELECT 1'), 1);
    await second.query(`KILL ${id}`);
    await rejects(busy.query('SELECT 1'));
    await Promise.all([second.end(), stranger.end()]);
  });

  it('ends a session at the end of its time, and an idle one a little earlier', async () => {
    const connection = await asPerson(world, 'brief', ['brief']);
    const begun = Date.now();
    await until(
      () =>
        connection.query('SELECT 1').then(
          () => false,
          () => true,
        ),
      4_000,
      'the end',
    );
    ok(Date.now() - begun >= 1_400, `after ${Date.now() - begun} ms`);
  });

  describe('administration', () => {
    const call = (method: string, path: string, token?: string) =>
      new Promise<{ status: number; body: Record<string, unknown> }>((resolve, reject) => {
        const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
        const options = { socketPath: world.path('postern.sock'), method, path, headers };
        request(options, async (response) => {
          const chunks: Buffer[] = [];
          for await (const chunk of response) chunks.push(chunk as Buffer);
          const body = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>;
          resolve({ status: response.statusCode ?? 0, body });
        })
          .on('error', reject)
          .end();
      });

    it('knows nobody without a token, and gives nothing without a grant', async () => {
      equal((await call('GET', '/v1/sessions')).status, 401);
      equal((await call('GET', '/v1/sessions', 'rubbish')).status, 401);
      const expired = world.token('olga', ['operators'], { exp: 1_000 });
      equal((await call('GET', '/v1/sessions', expired)).status, 401);
      const { status, body } = await call('GET', '/v1/sessions', world.token('ada', ['analysts']));
      equal(status, 403);
      match(String(body['decision']), /^d\w+-\w+$/);
      equal((await call('POST', '/v1/reload', world.token('ada', ['analysts']))).status, 403);
    });

    it('lists sessions and kills one, even in the middle of a request', async () => {
      const operator = world.token('olga', ['operators']);
      const [victim, other] = [await asPerson(world, 'victim'), await asPerson(world, 'bystander')];
      const listed = await call('GET', '/v1/sessions', operator);
      const sessions = listed.body['sessions'] as { id: string; principal: string }[];
      const session = sessions.find(({ principal }) => principal === 'user/people/victim');
      const running = rejects(victim.query('SELECT SLEEP(20)'), /session-killed|closed/i);
      await until(() => world.gateway?.sessions.some((s) => s.busy) === true, 2_000, 'it runs');
      equal((await call('POST', `/v1/sessions/${session?.id}/kill`, operator)).status, 200);
      await running;
      await until(
        async () => {
          const query =
            "SELECT COUNT(*) AS n FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP%'";
          const [row] = await world.mariadb.rootQuery(query);
          return Number(row?.['n']) === 0;
        },
        3_000,
        'the target stopped working, too',
      );
      equal(await count(other, 'SELECT 1'), 1);
      equal((await call('POST', `/v1/sessions/${session?.id}/kill`, operator)).status, 404);
      await other.end();
    });
  });

  it('answers probes and counts', async () => {
    const page = async (path: string) => {
      const response = await fetch(`http://${world.gateway?.probeAddress}${path}`);
      return { status: response.status, text: await response.text() };
    };
    deepEqual(await page('/healthz'), { status: 200, text: 'ok\n' });
    equal((await page('/readyz')).status, 200);
    const { text } = await page('/metrics');
    ok(/outcome="limited"/.test(text) && /reason="limit-rate"/.test(text), 'limits are counted');
    equal((await page('/elsewhere')).status, 404);
  });

  it('keeps the old declaration when the new one is broken, and takes the next good one', async () => {
    const good = world.policyText(POLICY);
    const revision = world.gateway?.revision;
    const connection = await asPerson(world);
    world.writePolicy(`${good}\n---\nkind: Nonsense\n`);
    await until(() => recorded('policy-refused'), 5_000, 'the refusal is recorded');
    equal(world.gateway?.revision, revision);
    equal(await count(connection, 'SELECT 1'), 1);
    await (await asPerson(world)).end();
    world.writePolicy(good.replace('  expose:', '  enforcement: Observe\n  expose:'));
    await until(() => world.gateway?.revision !== revision, 5_000, 'the good one is in force');
    await connection.end();
  });

  it('observes: allows what no role gives, and records what it would have denied', async () => {
    await world.bootstrap();
    const getsIn = () =>
      asPerson(world).then(
        (connection) => connection.end().then(() => true),
        () => false,
      );
    await until(getsIn, 10_000, 'a lease of the role that observing needs');
    const connection = await asPerson(world);
    equal(await count(connection, 'SELECT * FROM secrets'), 1);
    await connection.query('UPDATE orders SET note = note');
    await connection.end();
    const observed = records().flatMap((record) =>
      record.event === 'intent' && record.decision === 'would-deny' ? [record.reason] : [],
    );
    deepEqual(observed, ['not-permitted', 'require-where']);
  });

  it('drains: a transaction may end, nothing new begins', async () => {
    const [idle, open] = [await asWorkload(world), await asWorkload(world)];
    await open.beginTransaction();
    await open.query("INSERT INTO orders (note) VALUES ('drained')");
    const stopped = world.gateway?.stop(5_000);
    await until(
      () =>
        idle.query('SELECT 1').then(
          () => false,
          () => true,
        ),
      2_000,
      'idle has ended',
    );
    await rejects(asWorkload(world));
    await open.query("UPDATE orders SET note = 'drained, too' WHERE note = 'drained'");
    await open.commit();
    await stopped;
    const [row] = await world.mariadb.rootQuery(
      "SELECT COUNT(*) AS n FROM shop.orders WHERE note = 'drained, too'",
    );
    equal(Number(row?.['n']), 1);
  });

  const records = () => {
    const unreadable = () => undefined;
    const source = directorySource(world.path('audit'));
    return [...readRecords(source, { unreadable })].map(({ record }) => record);
  };
  const recorded = (what: string) =>
    records().some((record) => record.event === 'gateway' && record.what === what);
});
