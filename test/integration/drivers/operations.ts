// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';

/** What the operations need of a driver; results keep everything that a program can see. */
export interface DriverConnection {
  query(sql: string): Promise<unknown>;
  /** Server-side prepared. */
  execute(sql: string, parameters: readonly unknown[]): Promise<unknown>;
  /** The rows of a large result, as they arrive. */
  stream(sql: string): AsyncIterable<unknown>;
  ping(): Promise<void>;
  changeUser(): Promise<void>;
  /** COM_RESET_CONNECTION, where the driver has it. */
  reset?(): Promise<void>;
  end(): Promise<void>;
}

type Operation = (connection: DriverConnection) => Promise<unknown>;

const LARGE = 20 * 1024 * 1024;
const BLOB = Buffer.from(Array.from({ length: 300_000 }, (_, at) => (at * 7919) % 256));

/** By feature. An operation may lean on the rows of the ones before it. */
export const OPERATIONS: Readonly<Record<string, Operation>> = {
  'text query': (c) => c.query("SELECT 1 AS one, 'text' AS s, NULL AS n, 1.50 AS d"),
  'every type': (c) => c.query('SELECT * FROM types ORDER BY id'),
  'every type, prepared': (c) => c.execute('SELECT * FROM types WHERE id <> ? ORDER BY id', [9]),
  parameters: (c) =>
    c.execute('SELECT ? AS i, ? AS f, ? AS s, ? AS n, ? AS b, ? AS d', [
      42,
      -1.25,
      "it's \\ \u20ac",
      null,
      Buffer.from([0, 255, 39, 92]),
      new Date('2026-02-03T04:05:06.000Z'),
    ]),
  'insert, prepared': (c) =>
    c.execute('INSERT INTO things (k, v, n, d, b) VALUES (?, ?, ?, ?, ?)', [
      'blob',
      'caf\u00e9 \u{1f600}',
      -7,
      '123456789.0123456789',
      BLOB,
    ]),
  'blob and emoji': (c) => c.query("SELECT *, MD5(b) AS sum FROM things WHERE k = 'blob'"),
  'one statement, many executions': async (c) => {
    const all = [];
    for (let n = 0; n < 5; n += 1) {
      all.push(await c.execute('SELECT ? + 1 AS n, ? AS s', [n, n % 2 ? null : `s${n}`]));
    }
    return all;
  },
  'insert id, affected rows': (c) =>
    c.query("INSERT INTO things (k, v) VALUES ('a', '1'), ('b', '2'), ('c', '3')"),
  'found and changed rows': (c) => c.query("UPDATE things SET v = '2' WHERE k IN ('a', 'b')"),
  'duplicate key': (c) => failure(c.query("INSERT INTO things (k) VALUES ('a')")),
  'duplicate key, prepared': (c) => failure(c.execute('INSERT INTO things (k) VALUES (?)', ['a'])),
  'unknown column': (c) => failure(c.query('SELECT nothing FROM things')),
  'unknown column, prepared': (c) => failure(c.execute('SELECT nothing FROM things', [])),
  'error in the middle of rows': (c) =>
    failure(c.query('SELECT n, (SELECT n FROM numbers LIMIT 2) AS x FROM numbers LIMIT 5')),
  warnings: async (c) => [
    await c.query("INSERT IGNORE INTO things (id, k, n) VALUES (900, 'w', 'no number')"),
    await c.query('SHOW WARNINGS'),
  ],
  'empty result': (c) => c.query('SELECT id, v FROM things WHERE FALSE'),
  'empty result, prepared': (c) => c.execute('SELECT id, v FROM things WHERE id = ?', [-1]),
  'several results': (c) => c.query('CALL several()'),
  'several results, prepared': (c) => c.execute('CALL several()', []),
  rollback: async (c) => [
    await c.query('START TRANSACTION'),
    await c.query("INSERT INTO things (k) VALUES ('gone')"),
    await c.query("SELECT COUNT(*) AS n FROM things WHERE k = 'gone'"),
    await c.query('ROLLBACK'),
    await c.query("SELECT COUNT(*) AS n FROM things WHERE k = 'gone'"),
  ],
  'commit and savepoint': async (c) => [
    await c.query('BEGIN'),
    await c.query("INSERT INTO things (id, k) VALUES (950, 'kept')"),
    await c.query('SAVEPOINT s'),
    await c.query('DELETE FROM things WHERE id = 950'),
    await c.query('ROLLBACK TO s'),
    await c.query('COMMIT'),
    await c.query('SELECT id FROM things WHERE id = 950'),
  ],
  'temporary table': async (c) => [
    await c.query('CREATE TEMPORARY TABLE aside (a INT)'),
    await c.query('INSERT INTO aside VALUES (1), (2)'),
    await c.query('SELECT SUM(a) AS s FROM aside'),
  ],
  'session variables': async (c) => [
    await c.query("SET @a = 'kept', SESSION lock_wait_timeout = 7"),
    await c.query('SELECT @a AS a, @@lock_wait_timeout AS w'),
  ],
  'other lexer mode': async (c) => [
    await c.query("SET SESSION sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'"),
    await c.query('SELECT "id", \'a\\\' AS s FROM "orders" ORDER BY "id" LIMIT 1'),
    await c.query('SET SESSION sql_mode = DEFAULT'),
  ],
  '100,000 rows': (c) => digest(c.stream('SELECT n, pad FROM numbers ORDER BY n')),
  '20 MB parameter': (c) =>
    c.execute('SELECT LENGTH(?) AS l, MD5(?) AS m', ['p'.repeat(LARGE), 'q'.repeat(LARGE)]),
  '20 MB statement': (c) => c.query(`SELECT LENGTH('${'x'.repeat(LARGE)}') AS l`),
  '20 MB value': (c) => c.query(`SELECT REPEAT('v', ${LARGE}) AS v`),
  ping: (c) => c.ping(),
  'use a database': async (c) => [
    await c.query('USE information_schema'),
    await c.query('SELECT DATABASE() AS d'),
    await c.query('USE shop'),
    await c.query('SELECT COUNT(*) AS n FROM orders'),
  ],
  'unknown database': (c) => failure(c.query('USE no_such_database')),
  'change user': async (c) => [
    await c.changeUser(),
    await c.query('SELECT DATABASE() AS d, @a AS a, COUNT(*) AS n FROM orders'),
    await c.execute('SELECT COUNT(*) AS n FROM orders WHERE id > ?', [1]),
  ],
  'reset connection': async (c) => [
    await c.query('SET @a = 1'),
    await c.reset?.(),
    await c.query(`SELECT ${c.reset ? '@a' : '1'} AS a, COUNT(*) AS n FROM orders`),
  ],
};

export type Results = Readonly<Record<string, unknown>>;

/** Runs every operation on one connection. */
export async function runOperations(connection: DriverConnection): Promise<Results> {
  const results: Record<string, unknown> = {};
  for (const [feature, run] of Object.entries(OPERATIONS)) {
    results[feature] = compact(await run(connection).catch(thrownAs));
  }
  await connection.end();
  return results;
}

const thrownAs = (thrown: Error) => ({ threw: thrown.message });

/** Plain data without prototypes; what is long as its hash, so that a difference can be read. */
function compact(value: unknown): unknown {
  if (typeof value === 'string' && value.length > 200) return hashed(value);
  if (Buffer.isBuffer(value)) return hashed(value);
  if (Array.isArray(value)) return value.map(compact);
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, compact(part)]));
}

function hashed(value: string | Buffer): string {
  return `${value.length}:${createHash('sha256').update(value).digest('hex').slice(0, 16)}`;
}

/** What a program sees of an error: number, state and text. */
async function failure(running: Promise<unknown>): Promise<unknown> {
  try {
    return { unexpected: await running };
  } catch (thrown) {
    const { errno, sqlState, sqlMessage } = thrown as Record<string, unknown>;
    // The account is another one through Postern, and that is the point of it.
    const message = String(sqlMessage).replace(/user '[^']*'@'[^']*'/, 'user');
    return { errno, sqlState, message };
  }
}

async function digest(rows: AsyncIterable<unknown>): Promise<unknown> {
  const hash = createHash('sha256');
  let count = 0;
  for await (const row of rows) {
    hash.update(JSON.stringify(row));
    count += 1;
  }
  return { count, hash: hash.digest('hex') };
}
