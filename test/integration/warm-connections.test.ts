// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, notEqual, ok, rejects } from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Connection, ConnectionOptions, RowDataPacket } from 'mysql2/promise';
import { asPerson } from '../support/drivers.ts';
import { recordsOf } from '../support/evidence.ts';
import { until, World } from '../support/world.ts';

const LIMIT_MS = 10_000;

const TOOLS = `---
apiVersion: postern.dev/v1alpha1
kind: DataRole
metadata: {name: tools, namespace: data}
spec:
  privileges: [{tables: [shop.*], actions: [select, insert, lock, temporary]}]
  guardrails: {multiStatement: Allow}
---
apiVersion: postern.dev/v1alpha1
kind: Grant
metadata: {name: tools, namespace: data}
spec:
  subjects: [{group: {provider: people, id: tools}}]
  targetSelector: {matchLabels: {app: orders}}
  role: tools
`;
const SQL = 'CREATE SEQUENCE shop.ticket; SET GLOBAL interactive_timeout = 1234;';

/** Differ between any two connections, or with the time. */
const OF_THE_MOMENT = new Set(['pseudo_thread_id', 'rand_seed1', 'rand_seed2', 'timestamp']);

const STATE = `SELECT LAST_INSERT_ID(), FOUND_ROWS(), ROW_COUNT(), DATABASE(), CURRENT_ROLE(),
  @left, IS_USED_LOCK('left'), @@error_count, @@warning_count, @@identity, @@in_transaction,
  @@last_gtid, @@session.character_set_database, CHARSET('x'), COLLATION('x')`;

/** Everything a session can find out about its connection. */
async function fingerprint(session: Connection): Promise<Record<string, unknown>> {
  const [state] = await session.query<RowDataPacket[]>(STATE);
  const [variables] = await session.query<RowDataPacket[]>('SHOW SESSION VARIABLES');
  const [warnings] = await session.query<RowDataPacket[]>('SHOW WARNINGS');
  const [profiles] = await session.query<RowDataPacket[]>('SHOW PROFILES');
  const [last] = await session.query<RowDataPacket[]>('SELECT LASTVAL(shop.ticket) AS last');
  return {
    ...Object.fromEntries(
      variables
        .filter((row) => !OF_THE_MOMENT.has(row['Variable_name']))
        .map((row) => [row['Variable_name'], row['Value']]),
    ),
    ...state[0],
    warnings,
    profiles,
    ticket: last[0]?.['last'],
  };
}

/** What a session may leave behind, by what it is. */
const LEFT: Readonly<Record<string, readonly string[]>> = {
  'user variables': ["SET @left = 'mine'"],
  'a temporary table': ['CREATE TEMPORARY TABLE shop.left_over (id INT)'],
  'a lock by name': ["SELECT GET_LOCK('left', 0)"],
  'locked tables': ['LOCK TABLES shop.orders WRITE'],
  'an insert id': ["INSERT INTO shop.orders (product, amount, note) VALUES (1, 1, 'x')"],
  'the value of a sequence': ['SELECT NEXTVAL(shop.ticket)'],
  sql_mode: ["SET SESSION sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'"],
  'character sets': ['SET NAMES latin2 COLLATE latin2_croatian_ci'],
  'character sets one by one': [
    'SET character_set_results = latin1, collation_connection = latin1_bin',
  ],
  'autocommit off': ['SET autocommit = 0'],
  'the isolation level': ['SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY'],
  'the isolation level of one transaction': ['SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED'],
  'other variables': [
    "SET time_zone = '+05:00', wait_timeout = 77, foreign_key_checks = 0, sql_select_limit = 3",
    "SET group_concat_max_len = 5, max_statement_time = 9, lc_time_names = 'de_DE', timestamp = 5",
    'SET default_week_format = 3, div_precision_increment = 9, unique_checks = 0',
  ],
  'a schema of its own': ['USE information_schema'],
  warnings: ["SELECT CAST('x' AS INT)"],
  'found rows': ['SELECT SQL_CALC_FOUND_ROWS id FROM shop.orders LIMIT 1'],
};

describe('an upstream connection serves one session of a principal after the other', () => {
  let world: World;
  before(async () => {
    world = await World.start({
      extraPolicy: TOOLS,
      extraSql: SQL,
      settings: 'lease: {warm: {perLease: 1}}',
    });
  });
  after(() => world.stop());

  const open = (more: Partial<ConnectionOptions> = {}, name = 'ada') =>
    asPerson(world, name, ['tools'], more);
  async function idOf(session: Connection): Promise<number> {
    const [rows] = await session.query<RowDataPacket[]>('SELECT CONNECTION_ID() AS id');
    return Number(rows[0]?.['id']);
  }
  const threads = async () =>
    (await world.mariadb.rootQuery('SELECT ID FROM information_schema.PROCESSLIST')).map((row) =>
      Number(row['ID']),
    );
  const gone = (id: number) =>
    until(async () => !(await threads()).includes(id), LIMIT_MS, `${id} is gone`);
  /** One that got the kept connection; it is being reset for a moment after its last session. */
  async function reopen(id: number, more: Partial<ConnectionOptions> = {}): Promise<Connection> {
    let session: Connection | undefined;
    await until(
      async () => {
        session = await open(more);
        if ((await idOf(session)) === id) return true;
        await session.end();
        return false;
      },
      LIMIT_MS,
      `connection ${id} is given out again`,
    );
    return session as Connection;
  }

  it('the second session finds nothing of the first, whatever it left', async () => {
    let session = await open();
    const fresh = await fingerprint(session);
    const id = await idOf(session);
    for (const [what, statements] of Object.entries(LEFT)) {
      for (const statement of statements) await session.query(statement);
      await session.end();
      session = await reopen(id);
      deepEqual(await fingerprint(session), fresh, what);
      await rejects(session.query('SELECT * FROM shop.left_over'), /doesn't exist/, what);
    }
    await session.end();
  });

  it('what a connection was told at its login is the same again', async () => {
    const ways: readonly Partial<ConnectionOptions>[] = [
      { charset: 'LATIN1_SWEDISH_CI' },
      { charset: 'UTF8_GENERAL_CI' },
      { flags: ['-IGNORE_SPACE'] },
      { flags: ['-FOUND_ROWS'] },
      { flags: ['INTERACTIVE'] },
      { multipleStatements: true },
      { connectAttributes: { program_name: 'reports' } },
    ];
    for (const [index, way] of ways.entries()) {
      const name = `person-${index}`;
      const first = await open(way, name);
      const fresh = await fingerprint(first);
      const id = await idOf(first);
      await first.query("SET NAMES utf8mb4, sql_mode = ''");
      await first.end();
      await until(
        async () => {
          const second = await open(way, name);
          const same = (await idOf(second)) === id;
          deepEqual(await fingerprint(second), fresh, JSON.stringify(way));
          await second.end();
          return same;
        },
        LIMIT_MS,
        'it is given out again',
      );
      const other = await open({}, name);
      notEqual(await idOf(other), id, JSON.stringify(way));
      await other.end();
    }
  });

  it('never another principal, and never where a schema is in the way', async () => {
    const first = await open();
    const id = await idOf(first);
    await first.end();
    const [bob, without] = [await open({}, 'bob'), await open({ database: '' }, 'ada')];
    notEqual(await idOf(bob), id);
    notEqual(await idOf(without), id);
    const [rows] = await without.query<RowDataPacket[]>('SELECT DATABASE() AS db');
    equal(rows[0]?.['db'], null);
    const again = await reopen(id);
    await Promise.all([again.end(), bob.end(), without.end()]);
  });

  it('not one that is in a transaction, or profiled, or whose driver broke off', async () => {
    for (const statements of [
      ['START TRANSACTION', 'INSERT INTO shop.orders (note) VALUES ("lost")'],
      ['SET profiling = 1', 'SELECT 1', 'SET profiling = 0'],
    ]) {
      const session = await open();
      const id = await idOf(session);
      for (const statement of statements) await session.query(statement);
      await session.end();
      await gone(id);
    }
    const session = await open();
    const id = await idOf(session);
    session.query('SELECT SLEEP(20)').catch(() => undefined);
    await until(
      async () =>
        (
          await world.mariadb.rootQuery(
            `SELECT 1 FROM information_schema.PROCESSLIST WHERE ID = ${id} AND INFO LIKE '%SLEEP%'`,
          )
        ).length > 0,
      LIMIT_MS,
      'it sleeps',
    );
    session.destroy();
    await gone(id);
    const rows = await world.mariadb.rootQuery("SELECT 1 FROM shop.orders WHERE note = 'lost'");
    deepEqual(rows, []);
  });

  it('one that dies while it waits costs nobody a login', async () => {
    const first = await open();
    const id = await idOf(first);
    await first.end();
    await world.mariadb.rootQuery(`KILL ${id}`).catch(() => undefined);
    await gone(id);
    const refused = recordsOf(world.path('audit'), 'login-denied').length;
    const second = await open();
    notEqual(await idOf(second), id);
    await second.end();
    equal(recordsOf(world.path('audit'), 'login-denied').length, refused);
  });

  it('a KILL for the session before never hits the one after', async () => {
    for (let round = 0; round < 8; round += 1) {
      const [victim, killer] = [await open(), await open({}, 'ada')];
      const id = await idOf(victim);
      const sleeping = victim.query('SELECT SLEEP(20)');
      await new Promise((resolve) => setTimeout(resolve, 20 * round));
      await killer.query(`KILL QUERY ${id}`);
      const over = await sleeping.then(
        () => 'done',
        () => 'cut',
      );
      ok(over === 'cut' || round === 0, over);
      await victim.end();
      const next = await open();
      const [rows] = await next.query<RowDataPacket[]>('SELECT SLEEP(0.1) AS cut');
      equal(rows[0]?.['cut'], 0);
      await Promise.all([next.end(), killer.end()]);
    }
  });

  it('goes with the right to use it, also when no session is open', async () => {
    const session = await open({}, 'carl');
    const id = await idOf(session);
    await session.end();
    const kept = await open({}, 'carl');
    await kept.end();
    const text = world.policyText(TOOLS);
    world.writePolicy(world.policyText(TOOLS.replace('id: tools}', 'id: nobody}')));
    await until(
      async () => {
        const accounts = await world.mariadb.rootQuery(
          "SELECT USER FROM information_schema.PROCESSLIST WHERE USER LIKE '%carl%'",
        );
        return accounts.length === 0;
      },
      LIMIT_MS,
      `the connections of ${id} and after are closed`,
    );
    world.writePolicy(text);
    await until(
      () =>
        open().then(
          (one) => one.end().then(() => true),
          () => false,
        ),
      LIMIT_MS,
      'back',
    );
  });

  it('the audit names the connection of each session', async () => {
    const opened = recordsOf(world.path('audit'), 'session-opened');
    const shared = new Map<unknown, Set<unknown>>();
    for (const { upstreamConnection, principal } of opened) {
      const known = shared.get(upstreamConnection) ?? new Set();
      shared.set(upstreamConnection, known.add(principal));
    }
    ok(opened.length > shared.size, 'some served several sessions');
    for (const principals of shared.values()) equal(principals.size, 1);
  });
});
