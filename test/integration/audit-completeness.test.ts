// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { createConnection } from 'mariadb';
import type { AuditRecord } from '../../src/audit/chain.ts';
import { readRecords } from '../../src/audit/read.ts';
import { directorySource } from '../../src/audit/source.ts';
import { verifyAudit } from '../../src/audit/verify.ts';
import { COM } from '../../src/wire/mysql/commands.ts';
import { asPerson, asWorkload } from '../support/drivers.ts';
import type { GeneralLogEntry } from '../support/mariadb.ts';
import { command, execution, RawPeer } from '../support/raw-peer.ts';
import { startSidecar } from '../support/sidecar.ts';
import { until, World } from '../support/world.ts';

type RecordOf<E extends AuditRecord['event']> = AuditRecord & { readonly event: E };

const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const CONNECTION_TRACE = '00-11111111111111111111111111111111-2222222222222222-01';
/** The general log's word for each command that can name data. */
const COMMANDS: Readonly<Record<string, string>> = {
  Query: 'COM_QUERY',
  Prepare: 'COM_STMT_PREPARE',
  Execute: 'COM_STMT_EXECUTE',
  'Init DB': 'COM_INIT_DB',
  'Field List': 'COM_FIELD_LIST',
};

describe('the audit and the general log of MariaDB', () => {
  let world: World;
  let log: readonly GeneralLogEntry[];
  let records: readonly AuditRecord[];

  before(async () => {
    world = await World.start({ generalLog: true, gateway: false });
    world.writePolicy(policyWith('Text'));
    await world.startGateway();
    await Promise.all([checkout(), ada(), bob(), raw()]);
    await statementModes();
    await world.gateway?.stop(2_000);
    log = await world.mariadb.readGeneralLog();
    records = [
      ...readRecords(source(), { unreadable: (file, line) => ok(false, `${file}:${line}`) }),
    ].map(({ record }) => record);
  });
  after(() => world?.stop());

  const source = () => directorySource(world.path('audit'));

  function all<E extends AuditRecord['event']>(event: E): RecordOf<E>[] {
    return records.filter((record): record is RecordOf<E> => record.event === event);
  }

  function policyWith(statements: string): string {
    return world
      .policyText()
      .replace('  expose:', `  audit: {statements: ${statements}}\n  expose:`);
  }

  // The workload: three principals on both front ends, four drivers' habits, all at once.

  async function checkout(): Promise<void> {
    const connection = await asWorkload(world, 'payments', 'checkout', {
      connectAttributes: { traceparent: CONNECTION_TRACE },
    });
    for (let n = 0; n < 20; n += 1) {
      await connection.query(`INSERT INTO orders (product, amount) VALUES (1, ${n})`);
      await connection.execute('SELECT note FROM orders WHERE id = ? AND amount > ?', [n, -1]);
    }
    await connection.query(`SELECT 1 /*traceparent='${TRACE}',route='%2Fpay'*/`);
    await connection.query('CALL order_count()');
    await rejects(connection.query('SELECT * FROM secrets'));
    await rejects(connection.query('SELECT nothing FROM orders'), /Unknown column/);
    await rejects(connection.execute('SELECT * FROM secrets WHERE id = ?', [1]));
    await connection.query('USE shop');
    await connection.changeUser({ user: 'anybody', database: 'shop' });
    await connection.query('SELECT COUNT(*) FROM orders');
    await connection.end();
  }

  async function ada(): Promise<void> {
    const connection = await asPerson(world, 'ada');
    await connection.beginTransaction();
    await connection.query('UPDATE orders SET note = ? WHERE id = 1', ["it's ada's"]);
    await rejects(connection.query('UPDATE orders SET note = 1'), /WHERE/);
    await connection.rollback();
    await rejects(connection.query('INSERT INTO orders (id) VALUES (1)'), /Duplicate/);
    const statement = await connection.prepare('SELECT name FROM customers_public WHERE id = ?');
    for (const id of [1, 2, 3]) await statement.execute([id]);
    await statement.close();
    await connection.end();
  }

  /** The connector that sends ahead: many statements on the way at once. */
  async function bob(): Promise<void> {
    const connection = await createConnection({
      host: 'localhost',
      port: world.port('token'),
      user: 'me',
      password: world.token('bob', ['analysts']),
      database: 'shop',
      ssl: { ca: world.serverCa.certPem },
    });
    await Promise.all(
      Array.from({ length: 60 }, async (_, n) => {
        const sql = n % 7 === 3 ? `SELECT ${n} FROM secrets` : `SELECT ${n} AS n FROM products`;
        await connection.query(sql).catch((error: Error) => match(error.message, /Postern/));
      }),
    );
    await connection.reset();
    await connection.batch('INSERT INTO orders (product) VALUES (?)', [[1], [2], [3]]);
    await connection.query('SELECT product FROM orders WHERE id > 2');
    await connection.end();
  }

  async function raw(): Promise<void> {
    const sidecar = await startSidecar(world, await world.workload('payments', 'checkout'));
    const peer = await RawPeer.connect(sidecar.port);
    await peer.send([
      command(COM.COM_INIT_DB, 'shop'),
      command(COM.COM_STMT_PREPARE, 'SELECT note FROM orders WHERE id = 1'),
      execution(0xffff_ffff),
      command(COM.COM_STMT_PREPARE, 'SELECT * FROM secrets'),
      execution(0xffff_ffff),
      command(COM.COM_FIELD_LIST, 'orders\0%'),
      command(COM.COM_FIELD_LIST, 'secrets\0%'),
      command(COM.COM_INIT_DB, 'no_such_schema'),
      command(COM.COM_SHUTDOWN),
      command(COM.COM_QUERY, Buffer.from("SELECT 'caf\u00e9' AS c", 'latin1')),
      command(COM.COM_QUERY, 'not a statement'),
    ]);
    peer.end();
    await sidecar.close();
  }

  /** The same statement under each mode; its literal must be found exactly once. */
  async function statementModes(): Promise<void> {
    for (const mode of ['Text', 'Normalised', 'None']) {
      const before = world.gateway?.revision;
      world.writePolicy(policyWith(mode));
      const isInForce = () => mode === 'Text' || world.gateway?.revision !== before;
      await until(isInForce, 5_000, `a revision with ${mode}`);
      const connection = await asPerson(world, `mode-${mode}`);
      await connection.query("SELECT 'literal-1234' AS a, 5678 AS b");
      await rejects(connection.query("SELECT 'literal-1234' FROM secrets"));
      await connection.end();
    }
  }

  it('agree on every statement that ran, in order, under the right principal', () => {
    const sessions = all('session-opened');
    ok(sessions.length >= 7);
    for (const session of sessions) {
      const onServer = executed(
        log.filter((entry) => entry.connectionId === session.upstreamConnection),
      );
      const { lease = '' } = session;
      match(lease, new RegExp(`:${session.principal}:`));
      for (const entry of onServer) ok(entry.userHost.startsWith(`${lease}[`), entry.userHost);
      const allowed = all('intent').filter(
        (intent) => intent.session === session.session && intent.decision === 'allow',
      );
      for (const intent of allowed) {
        equal(intent.principal, session.principal);
        equal(intent.upstreamConnection, session.upstreamConnection);
      }
      compare(onServer, allowed, session.principal);
    }
  });

  it('leave no statement of a lease without a session', () => {
    const known = new Set(all('session-opened').map((session) => session.upstreamConnection));
    const strays = executed(log).filter(
      (entry) => entry.userHost.includes('postern:') && !known.has(entry.connectionId),
    );
    deepEqual(strays, []);
  });

  it('give each request that was allowed one outcome, and a denied one none', () => {
    const outcomes = new Map<string, number>();
    for (const { id } of all('outcome')) outcomes.set(id, (outcomes.get(id) ?? 0) + 1);
    for (const intent of all('intent')) {
      equal(outcomes.get(intent.id) ?? 0, intent.decision === 'deny' ? 0 : 1, intent.statement);
      outcomes.delete(intent.id);
    }
    deepEqual([...outcomes], []);
  });

  it('number nothing twice and verify', () => {
    const ids = all('intent').map(({ id }) => id);
    equal(new Set(ids).size, ids.length);
    const verification = verifyAudit(source());
    deepEqual(verification.faults, []);
    ok(verification.records >= records.length);
  });

  it('carry the trace of the statement, else that of the connection', () => {
    const ours = all('intent').filter(({ principal }) => principal.endsWith('payments/checkout'));
    const traced = ours.find(({ traceparent }) => traceparent === TRACE);
    equal(traced?.tags?.['route'], '/pay');
    ok(ours.filter(({ traceparent }) => traceparent === CONNECTION_TRACE).length > 20);
  });

  it('keep literals out where the declaration says so', () => {
    const recorded = (principal: string) =>
      all('intent')
        .filter((intent) => intent.principal.endsWith(principal))
        .map(({ statement }) => statement);
    deepEqual(recorded('mode-Text'), [
      "SELECT 'literal-1234' AS a, 5678 AS b",
      "SELECT 'literal-1234' FROM secrets",
    ]);
    deepEqual(recorded('mode-Normalised').length, 2);
    for (const statement of recorded('mode-Normalised')) match(statement ?? '', /^SELECT \?/i);
    deepEqual(recorded('mode-None'), [undefined, undefined]);
    const everything = readdirSync(world.path('audit'), { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.jsonl?$|\.log$|segment/.test(name))
      .map((name) => readFileSync(world.path(`audit/${name}`), 'utf8'))
      .join('');
    equal(everything.split('literal-1234').length - 1, 2);
  });
});

/** What the principal's commands made the server run, without the gateway's own. */
function executed(entries: readonly GeneralLogEntry[]): GeneralLogEntry[] {
  return entries.filter((entry, at) => {
    if (!(entry.command in COMMANDS) || entry.argument.startsWith('/*postern*/')) return false;
    // The gateway selects the login's database between two commands of its own.
    const before = entries[at - 1]?.argument ?? '';
    return !(
      entry.command === 'Init DB' && before.startsWith('/*postern*/ SET SESSION session_track')
    );
  });
}

function compare(
  onServer: readonly GeneralLogEntry[],
  allowed: readonly RecordOf<'intent'>[],
  who: string,
): void {
  const server = onServer.map((entry) => `${COMMANDS[entry.command]} ${entry.argument}`);
  const audit = allowed.map((intent) => `${intent.command} ${intent.statement ?? ''}`);
  equal(server.length, audit.length, `${who}\n${server.join('\n')}\n--\n${audit.join('\n')}`);
  for (const [at, line] of server.entries()) {
    const entry = onServer[at];
    const intent = allowed[at];
    // The log has no word of its own for a bulk execution.
    const command = intent?.command.replace('_BULK_', '_');
    equal(command, COMMANDS[entry?.command ?? ''], `${who}: ${line} / ${audit[at]}`);
    if (intent?.statement === undefined || entry === undefined) continue;
    ok(sameStatement(entry, intent.statement), `${who}: ${line} / ${audit[at]}`);
  }
}

/** The log's table is UTF-8: other bytes stand in it as \xHH, and in the audit as latin1. */
function unescaped(argument: string): string {
  return argument.replace(/\\x([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
}

/** The log of an execution has values where the statement has `?`; both are cut alike. */
function sameStatement({ command: word, argument }: GeneralLogEntry, statement: string): boolean {
  // The server logs a refused one by its error text.
  const refused = / to database '(.+)'$/.exec(argument)?.[1];
  if (word === 'Init DB') return statement === `USE ${refused ?? argument}`;
  if (word === 'Field List') return true;
  if (!statement.includes('?')) return unescaped(argument) === statement;
  const escaped = statement.replace(/[.*+^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replaceAll('?', '.+')}$`, 'is').test(argument);
}
