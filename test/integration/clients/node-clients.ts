// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, rejects } from 'node:assert/strict';
import { createReadStream, readFileSync } from 'node:fs';
import { createConnection as createMariadb } from 'mariadb';
import {
  type Connection,
  type ConnectionOptions,
  createConnection,
  type RowDataPacket,
} from 'mysql2/promise';
import { ENDLESS, type Feature, type FeaturePlace, type Outcomes } from './feature.ts';

type Check = () => Promise<unknown>;

async function outcomes(checks: Partial<Record<Feature, Check>>): Promise<Outcomes> {
  const found: Outcomes = {};
  for (const [feature, check] of Object.entries(checks) as [Feature, Check][]) {
    found[feature] = await check().then(
      () => 'ok',
      (thrown: unknown) => String(thrown).slice(0, 400),
    );
  }
  return found;
}

function tls(place: FeaturePlace) {
  if (place.caFile === undefined) return {};
  const read = (path: string) => readFileSync(path, 'utf8');
  const { certFile, keyFile } = place;
  const identity = certFile && keyFile ? { cert: read(certFile), key: read(keyFile) } : {};
  return { ssl: { ca: read(place.caFile), ...identity } };
}

const X20 = `SELECT LENGTH('${'x'.repeat(20 << 20)}') AS l`;
const LOAD = (file: string) =>
  `LOAD DATA LOCAL INFILE '${file}' INTO TABLE things FIELDS TERMINATED BY ',' (k, v)`;
const later = (run: () => Promise<unknown>) =>
  new Promise((resolve, reject) => setTimeout(() => run().then(resolve, reject), 300));

export async function mysql2(place: FeaturePlace): Promise<Outcomes> {
  const { host, port, user, password } = place;
  const open = (more: ConnectionOptions = {}): Promise<Connection> =>
    createConnection({
      ...{ host, port, user, password, database: 'shop', enableCleartextPlugin: true },
      ...tls(place),
      ...more,
    } as ConnectionOptions);
  const one = async (c: Connection, sql: string, values?: (string | number)[]) => {
    const [rows] = await (values ? c.execute(sql, values) : c.query(sql));
    return Object.values((rows as RowDataPacket[])[0] ?? {})[0] as unknown;
  };
  const c = await open();
  const found = await outcomes({
    text: async () => equal(await one(c, "SELECT 'a' AS a"), 'a'),
    prepared: async () => equal(Number(await one(c, 'SELECT ? + 1 AS n', [41])), 42),
    'several results': async () => {
      const [sets] = await c.query<RowDataPacket[][]>('CALL several()');
      equal(sets.length, 4);
    },
    transactions: async () => {
      await c.beginTransaction();
      await c.query("INSERT INTO things (k) VALUES ('gone')");
      await c.rollback();
      equal(await one(c, "SELECT COUNT(*) FROM things WHERE k = 'gone'"), 0);
    },
    'character sets': async () => equal(await one(c, "SELECT HEX('\u20ac')"), 'E282AC'),
    reset: async () => {
      await c.query('SET @a = 1');
      await c.changeUser({ user, password, database: 'shop' });
      equal(await one(c, 'SELECT @a AS a'), null);
    },
    'over 16 MB': async () => equal(await one(c, X20), 20 << 20),
    cancel: async () => {
      const other = await open();
      const id = await one(other, 'SELECT CONNECTION_ID() AS id');
      const killed = later(() => c.query(`KILL QUERY ${id}`));
      await rejects(other.query(ENDLESS));
      await killed;
      equal(await one(other, 'SELECT 2 AS n'), 2);
      await other.end();
    },
    'LOCAL INFILE': async () => {
      const stream = { infileStreamFactory: (path: string) => createReadStream(path) };
      const [result] = await c.query({ sql: LOAD(place.file), ...stream } as never);
      equal((result as unknown as { affectedRows: number }).affectedRows, 2);
    },
    compression: async () => {
      const other = await open({ compress: true } as ConnectionOptions);
      equal(await one(other, "SELECT REPEAT('z', 100000) AS z"), 'z'.repeat(100_000));
      equal(await one(other, `SELECT LENGTH('${'y'.repeat(200_000)}') AS l`), 200_000);
      equal(Number(await one(other, 'SELECT ? + 1 AS n', [1])), 2);
      await other.end();
    },
    'query attributes': async () => {
      const attributes = { client_table: place.mark };
      await c.query({ sql: 'SELECT 1', attributes } as never);
      const [rows] = await c.execute({ sql: 'SELECT ? AS n', values: ['7'], attributes } as never);
      deepEqual((rows as RowDataPacket[])[0]?.['n'], '7');
    },
  });
  await c.end();
  return found;
}

export async function mariadbConnector(place: FeaturePlace): Promise<Outcomes> {
  const { host, port, user, password } = place;
  const open = (more: object = {}) =>
    createMariadb({
      ...{ host, port, user, password, database: 'shop', permitLocalInfile: true },
      ...tls(place),
      ...more,
    });
  type Opened = Awaited<ReturnType<typeof open>>;
  const value = (rows: Record<string, unknown>[]) => Object.values(rows[0] ?? {})[0];
  const one = async (c: Opened, sql: string) => value(await c.query(sql));
  const c = await open();
  const found = await outcomes({
    text: async () => equal(await one(c, "SELECT 'a' AS a"), 'a'),
    prepared: async () => equal(Number(value(await c.execute('SELECT ? + 1 AS n', [41]))), 42),
    'several results': async () => equal((await c.query('CALL several()')).length, 4),
    transactions: async () => {
      await c.beginTransaction();
      await c.query("INSERT INTO things (k) VALUES ('gone')");
      await c.rollback();
      equal(Number(await one(c, "SELECT COUNT(*) AS n FROM things WHERE k = 'gone'")), 0);
    },
    'character sets': async () => equal(await one(c, "SELECT HEX('\u20ac') AS h"), 'E282AC'),
    reset: async () => {
      await c.query('SET @a = 1');
      await c.reset();
      equal(await one(c, 'SELECT @a AS a'), null);
      await c.changeUser({ user, password, database: 'shop' } as never);
    },
    'over 16 MB': async () => equal(Number(await one(c, X20)), 20 << 20),
    cancel: async () => {
      const other = await open();
      const id = await one(other, 'SELECT CONNECTION_ID() AS id');
      const killed = later(() => c.query(`KILL QUERY ${id}`));
      await rejects(other.query(ENDLESS));
      await killed;
      equal(Number(await one(other, 'SELECT 2 AS n')), 2);
      await other.end();
    },
    'LOCAL INFILE': async () => {
      const loaded = (await c.query(LOAD(place.file))) as { affectedRows: number };
      equal(loaded.affectedRows, 2);
    },
    bulk: async () => {
      const rows = Array.from({ length: 500 }, (_, n) => [`bulk${n}`, n % 3 ? `v${n}` : null, n]);
      const result = await c.batch('INSERT INTO things (k, v, n) VALUES (?, ?, ?)', rows);
      equal((result as { affectedRows: number }).affectedRows, 500);
      const nulls = "SELECT COUNT(*) AS n FROM things WHERE k LIKE 'bulk%' AND v IS NULL";
      equal(Number(await one(c, nulls)), 167);
    },
    compression: async () => {
      const other = await open({ compress: true });
      equal(await one(other, "SELECT REPEAT('z', 100000) AS z"), 'z'.repeat(100_000));
      equal(Number(await one(other, `SELECT LENGTH('${'y'.repeat(200_000)}') AS l`)), 200_000);
      equal(Number(value(await other.execute('SELECT ? + 1 AS n', [1]))), 2);
      await other.end();
    },
  });
  await c.end();
  return found;
}
