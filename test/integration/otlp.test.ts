// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, match, notEqual, ok, rejects } from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import type { RowDataPacket } from 'mysql2/promise';
import { asPerson, asWorkload } from '../support/drivers.ts';
import { OtlpCollector, type ReceivedSpan } from '../support/otlp-collector.ts';
import { until, World } from '../support/world.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const CALLER = '00f067aa0ba902b7';
const SERVER = 2;
const ERROR = 2;

describe('traces and metrics over OTLP', () => {
  let world: World;
  let collector: OtlpCollector;
  before(async () => {
    collector = await OtlpCollector.start();
    world = await World.start({ gateway: false, variables: { 'performance-schema': 'ON' } });
    world.writePolicy(recording(world.policyText(), 'Text'));
    world.write('otlp-token', 'Bearer s3cret\n');
    const otlp = `endpoint: '${collector.endpoint}', timeout: 1s, interval: 1s, metrics: true, headers: {authorization: {file: otlp-token}}`;
    world.write(
      'postern.yaml',
      world.settingsText().replace("'127.0.0.1:0'}\n", `'127.0.0.1:0', otlp: {${otlp}}}\n`),
    );
    await world.startGateway();
  });
  afterEach(() => deepEqual(collector.faults, []));
  after(async () => {
    await world.stop();
    await collector.close();
  });

  const spanOf = async (what: string, holds: (span: ReceivedSpan) => boolean) => {
    await until(() => collector.spans.some(holds), 10_000, `a span ${what}`);
    return collector.spans.find(holds) as ReceivedSpan;
  };
  const withText = (text: string) => (span: ReceivedSpan) =>
    String(span.attributes['db.query.text']).includes(text);

  it('continues the trace of a connection: its session, and its requests below it', async () => {
    const traceparent = `00-${TRACE}-${CALLER}-01`;
    const connection = await asPerson(world, 'ada', ['analysts'], {
      connectAttributes: { traceparent },
    });
    await connection.query('SELECT id FROM orders WHERE id = 4711');
    await connection.end();
    const request = await spanOf('of the query', withText('4711'));
    const session = await spanOf(
      'of its session',
      ({ traceId, name }) => traceId === TRACE && name === 'session data/orders',
    );
    equal(session.parentSpanId, CALLER);
    equal(session.kind, SERVER);
    equal(session.attributes['postern.session.end'], 'closed-by-peer');
    deepEqual(
      session.events.map(({ name }) => name),
      ['postern.session.opened'],
    );
    equal(request.traceId, TRACE);
    equal(request.parentSpanId, session.spanId);
    ok(session.start <= request.start && request.end <= session.end);
    const { attributes } = request;
    equal(request.name, 'SELECT shop.orders');
    equal(attributes['db.system.name'], 'mariadb');
    equal(attributes['db.namespace'], 'shop');
    equal(attributes['db.collection.name'], 'orders');
    equal(attributes['db.operation.name'], 'SELECT');
    equal(attributes['server.port'], world.mariadb.port);
    match(String(attributes['postern.principal']), /^user\/people\/ada$/);
    deepEqual(attributes['postern.rules'], ['Grant/data/analysts']);
    equal(attributes['postern.decision'], 'allow');
    equal(attributes['postern.outcome'], 'ok');
    ok(Number(attributes['postern.upstream.connection.id']) > 0);
    equal(request.status.code ?? 0, 0);
  });

  it('continues the trace a statement states, as sqlcommenter writes it', async () => {
    const connection = await asWorkload(world);
    const statement = 'a'.repeat(32);
    await connection.query(`SELECT 1 AS stated /*traceparent='00-${statement}-${CALLER}-01'*/`);
    await connection.query('SELECT 2 AS alone');
    await connection.end();
    const stated = await spanOf('of the comment', ({ traceId }) => traceId === statement);
    equal(stated.parentSpanId, CALLER);
    const alone = await spanOf('without a caller', withText('2 AS alone'));
    equal(alone.parentSpanId, undefined);
    const session = await spanOf(
      'of the session',
      ({ spanId }) => spanId === stated.links[0]?.spanId,
    );
    equal(session.name, 'session data/orders');
    equal(alone.links[0]?.spanId, session.spanId);
    notEqual(alone.traceId, session.traceId);
  });

  it('honours a caller that does not sample', async () => {
    const unsampled = 'b'.repeat(32);
    const connection = await asWorkload(world);
    await connection.query(`SELECT 3 /*traceparent='00-${unsampled}-${CALLER}-00'*/`);
    await connection.query('SELECT 4 AS marker');
    await connection.end();
    await spanOf('after it', withText('4 AS marker'));
    ok(collector.spans.every(({ traceId }) => traceId !== unsampled));
  });

  it('shows a denial and an error of the target as errors, by their code', async () => {
    const connection = await asPerson(world);
    await rejects(connection.query("SELECT 'xyzzy' FROM secrets"));
    await rejects(connection.query('SELECT no_such_column FROM orders'));
    await connection.end();
    await rejects(asPerson(world, 'eve', ['strangers']));
    const denied = await spanOf('of the denial', ({ name }) => name === 'SELECT shop.secrets');
    equal(denied.status.code, ERROR);
    equal(denied.attributes['postern.decision'], 'deny');
    equal(denied.attributes['error.type'], 'not-permitted');
    match(String(denied.attributes['postern.decision.id']), /^d/);
    const failed = await spanOf('of the error', withText('no_such_column'));
    equal(failed.attributes['error.type'], '1054');
    equal(failed.attributes['db.response.status_code'], '1054');
    const login = await spanOf(
      'of the refused login',
      ({ attributes }) => attributes['postern.principal'] === 'user/people/eve',
    );
    equal(login.status.code, ERROR);
    ok(login.attributes['postern.decision.id']);
  });

  it('shows of a statement only what the audit of its Target keeps', async () => {
    world.writePolicy(recording(world.policyText(), 'Normalised'));
    await world.gateway?.reload();
    const connection = await asPerson(world);
    await connection.query("SELECT id FROM orders WHERE note = 'plugh'");
    await rejects(connection.query("SELECT 'plugh' FROM nonsense.nothing"));
    await connection.end();
    const span = await spanOf('without literals', ({ attributes }) =>
      /note.*\?/i.test(String(attributes['db.query.text'])),
    );
    ok(!JSON.stringify(collector.spans, bigints).includes('plugh'), 'a literal was exported');
    equal(span.attributes['db.collection.name'], 'orders');
    world.writePolicy(recording(world.policyText(), 'Text'));
    await world.gateway?.reload();
  });

  it('says who exports, with the headers of the settings', async () => {
    await until(() => collector.resources.length > 0, 10_000, 'an export');
    equal(collector.resources[0]?.['service.name'], 'postern');
    equal(collector.resources[0]?.['postern.instance'], 'test');
    ok(collector.headers.every(({ authorization }) => authorization === 'Bearer s3cret'));
  });

  it('exports the metrics that /metrics shows', async () => {
    const named = (name: string) => collector.metrics.find((metric) => metric.name === name);
    const counted = () => named('postern_request_duration_seconds')?.histogram?.points ?? [];
    await until(() => counted().length > 0, 10_000, 'metrics');
    for (const { bounds = [], counts = [], count } of counted()) {
      equal(counts.length, bounds.length + 1);
      equal(
        counts.reduce((sum, each) => sum + each, 0n),
        count,
      );
    }
    equal(named('postern_sessions_opened_total')?.sum?.monotonic, true);
    equal(named('postern_audit_accepting')?.gauge?.points[0]?.value, 1);
    const page = await (await fetch(`http://${world.gateway?.probeAddress}/metrics`)).text();
    const shown = new Set([...page.matchAll(/^# TYPE (\S+)/gm)].map((found) => found[1]));
    deepEqual(new Set(collector.metrics.map(({ name }) => name)), shown);
  });

  it('tells the target the trace of its session', async () => {
    const connection = await asPerson(world, 'ada', ['analysts'], {
      connectAttributes: { traceparent: `00-${TRACE}-${CALLER}-01` },
    });
    const [rows] = await connection.query<RowDataPacket[]>('SELECT CONNECTION_ID() AS id');
    const attributes = await world.mariadb.rootQuery(
      `SELECT ATTR_VALUE FROM performance_schema.session_connect_attrs
       WHERE PROCESSLIST_ID = ${rows[0]?.['id']} AND ATTR_NAME = 'traceparent'`,
    );
    match(JSON.stringify(attributes), new RegExp(`00-${TRACE}-(?!${CALLER})[0-9a-f]{16}-01`));
    await connection.end();
  });

  for (const manner of ['hang', 'refuse'] as const) {
    it(`serves as before when the collector does ${manner}`, async () => {
      collector.manner = manner;
      const before = collector.requests;
      const connection = await asPerson(world);
      for (let i = 0; i < 200; i += 1) await connection.query(`SELECT ${i} AS n`);
      await connection.end();
      await until(() => collector.requests > before, 10_000, 'an export was tried');
      await until(
        async () => (await failedSpans(world)) >= 200,
        15_000,
        'what could not be exported is counted',
      );
      collector.manner = 'answer';
    });
  }
});

function recording(policy: string, statements: 'Text' | 'Normalised'): string {
  return policy.replace('  mariadb:\n', `  audit: {statements: ${statements}}\n  mariadb:\n`);
}

async function failedSpans(world: World): Promise<number> {
  const page = await (await fetch(`http://${world.gateway?.probeAddress}/metrics`)).text();
  return Number(/^postern_spans_total\{result="failed"\} (\d+)/m.exec(page)?.[1] ?? 0);
}

function bigints(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}
