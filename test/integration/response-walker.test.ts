// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { Secret } from '../../src/model/secret.ts';
import { loginMysql, type MysqlUpstream } from '../../src/target/mysql/login.ts';
import {
  CLIENT_DEPRECATE_EOF,
  CLIENT_LOCAL_FILES,
  CLIENT_MULTI_RESULTS,
  CLIENT_MULTI_STATEMENTS,
  CLIENT_PS_MULTI_RESULTS,
  CLIENT_TRANSACTIONS,
  hasCapability,
  MARIADB_CLIENT_CACHE_METADATA,
  MARIADB_CLIENT_EXTENDED_METADATA,
  MARIADB_CLIENT_PROGRESS,
} from '../../src/wire/mysql/capabilities.ts';
import { encodeComFieldList } from '../../src/wire/mysql/com-field-list.ts';
import { encodeComInitDb } from '../../src/wire/mysql/com-init-db.ts';
import { encodeComQuery } from '../../src/wire/mysql/com-query.ts';
import { encodeComSetOption } from '../../src/wire/mysql/com-set-option.ts';
import {
  CURSOR_TYPE_READ_ONLY,
  encodeComStmtExecute,
} from '../../src/wire/mysql/com-stmt-execute.ts';
import { encodeComStmtFetch } from '../../src/wire/mysql/com-stmt-fetch.ts';
import { encodeComStmtPrepare } from '../../src/wire/mysql/com-stmt-prepare.ts';
import { encodeCommandOnly } from '../../src/wire/mysql/command-only.ts';
import { FIELD_TYPE } from '../../src/wire/mysql/field-types.ts';
import { frame, packetCount } from '../../src/wire/mysql/framing.ts';
import type { UpstreamPayload } from '../../src/wire/mysql/payload.ts';
import { type ResponseKind, ResponseWalker } from '../../src/wire/mysql/response-walker.ts';
import { decodeSessionTrack, type SessionChange } from '../../src/wire/mysql/session-track.ts';
import { startMariadb, type TestMariadb } from '../support/mariadb.ts';

const BASE =
  CLIENT_TRANSACTIONS |
  CLIENT_MULTI_STATEMENTS |
  CLIENT_MULTI_RESULTS |
  CLIENT_PS_MULTI_RESULTS |
  CLIENT_LOCAL_FILES;
const MARIADB =
  MARIADB_CLIENT_CACHE_METADATA | MARIADB_CLIENT_EXTENDED_METADATA | MARIADB_CLIENT_PROGRESS;

let db: TestMariadb;

before(async () => {
  db = await startMariadb({ variables: { 'local-infile': '1', 'max-allowed-packet': '64M' } });
  await db.rootQuery(`
    CREATE DATABASE shop;
    CREATE TABLE shop.t (id INT PRIMARY KEY, v VARCHAR(20));
    CREATE PROCEDURE shop.p(IN a INT, OUT b INT)
      BEGIN SELECT * FROM shop.t; SET b = a + 1; SELECT b; END;
  `);
});

after(() => db.stop());

/** One connection whose answers are all followed by the walker, chunk by chunk as they come. */
class Followed {
  readonly #upstream: MysqlUpstream;
  readonly walker: ResponseWalker;
  readonly changes: SessionChange[] = [];

  constructor(upstream: MysqlUpstream) {
    this.#upstream = upstream;
    const has = (flag: bigint) => hasCapability(upstream.capabilities, flag);
    this.walker = new ResponseWalker(
      {
        deprecateEof: has(CLIENT_DEPRECATE_EOF),
        sessionTrack: true,
        cacheMetadata: has(MARIADB_CLIENT_CACHE_METADATA),
      },
      {
        sessionState: (chunk, start, end) =>
          this.changes.push(...decodeSessionTrack(chunk.subarray(start, end))),
      },
    );
  }

  async run(kind: ResponseKind, payload: UpstreamPayload): Promise<ResponseWalker> {
    this.changes.length = 0;
    this.walker.begin(kind, packetCount(payload.length));
    const result = await this.send(frame(payload, 0));
    assert.equal(result, 'ended');
    return this.walker;
  }

  /** Until the response ends or asks for a file; nothing may come behind that. */
  async send(framed: Buffer): Promise<string> {
    const { socket } = this.#upstream;
    socket.write(framed);
    let held: Buffer = Buffer.alloc(0);
    for (;;) {
      const arrived: Buffer | null = socket.read();
      if (arrived === null) {
        assert.ok(!socket.destroyed, 'the server hung up');
        await once(socket, 'readable');
        continue;
      }
      const chunk = Buffer.concat([held, arrived]);
      const result = this.walker.walk(chunk, 0);
      held = chunk.subarray(this.walker.position);
      if (result === 'more') continue;
      assert.equal(this.walker.packetEnd, chunk.length);
      return result;
    }
  }

  query(sql: string): Promise<ResponseWalker> {
    return this.run('query', encodeComQuery({ statement: Buffer.from(sql), attributes: [] }, 0n));
  }

  async close(): Promise<void> {
    this.#upstream.socket.destroy();
    await once(this.#upstream.socket, 'close');
  }
}

async function follow(capabilities: bigint): Promise<Followed> {
  const upstream = await loginMysql({
    targetName: 'walked',
    endpoint: { host: '127.0.0.1', port: db.port },
    tls: { mode: 'plaintext' },
    user: 'root',
    password: new Secret(db.rootPassword),
    database: 'shop',
    capabilities,
    charset: 45,
    attributes: {},
    deadlineMs: 5000,
  });
  return new Followed(upstream);
}

async function everyAnswer(followed: Followed): Promise<void> {
  const { walker } = followed;
  await followed.query("REPLACE INTO t VALUES (1, 'one'), (2, NULL), (3, 'three')");
  assert.equal((await followed.query('SELECT * FROM t')).rows, 3);
  assert.equal((await followed.query('SELECT * FROM t WHERE 1 = 0')).rows, 0);
  assert.equal((await followed.query('SELECT nope')).errno, 1054);
  assert.equal((await followed.query('SELECT 1; DO 1; SELECT 2; SELECT nope')).rows, 2);
  assert.equal((await followed.query('CALL p(1, @b)')).rows, 4);
  await followed.query('SELECT IF(seq < 3, seq, (SELECT 1 UNION SELECT 2)) FROM seq_1_to_5');
  assert.deepEqual([walker.terminal, walker.errno], ['err', 1242]);

  await followed.query("SET session_track_system_variables = 'sql_mode'");
  await followed.query("SET sql_mode = 'ANSI_QUOTES'");
  const change = { type: 'system-variable', name: 'sql_mode', value: 'ANSI_QUOTES' };
  assert.deepEqual(followed.changes, [change]);

  await followed.run('simple', encodeCommandOnly('COM_PING'));
  await followed.run('simple', encodeComInitDb({ schema: Buffer.from('shop') }));
  await followed.run('simple', encodeComSetOption({ option: 0 }));
  await followed.run('statistics', encodeCommandOnly('COM_STATISTICS'));
  await followed.run('query', encodeCommandOnly('COM_PROCESS_INFO'));
  const columns = { table: Buffer.from('t'), wildcard: Buffer.alloc(0) };
  await followed.run('field-list', encodeComFieldList(columns));
}

async function everyPreparedAnswer(followed: Followed): Promise<void> {
  const prepare = (sql: string) =>
    followed.run('prepare', encodeComStmtPrepare({ statement: Buffer.from(sql) }));
  for (const sql of ['DO 1', 'DO ? + ?', 'SELECT 1, 2', 'SELECT nope']) await prepare(sql);
  const number = { type: FIELD_TYPE.LONG, unsigned: false, name: '', value: Buffer.alloc(4) };

  const { statementId } = await prepare('SELECT id, v FROM t WHERE id > ?');
  const execute = (id: number, flags: number, parameters: (typeof number)[]) => {
    const head = { statementId: id, flags, iterations: 1 };
    return followed.run('execute', encodeComStmtExecute(head, parameters));
  };
  assert.equal((await execute(statementId, 0, [number])).rows, 3);
  assert.equal((await execute(statementId, 0, [number])).rows, 3);
  assert.equal((await execute(statementId, CURSOR_TYPE_READ_ONLY, [number])).rows, 0);
  const fetch = encodeComStmtFetch({ statementId, rows: 2 });
  assert.equal((await followed.run('fetch', fetch)).rows, 2);
  assert.equal((await followed.run('fetch', fetch)).rows, 1);
  assert.equal((await followed.run('fetch', fetch)).errno, 1421);

  const call = (await prepare('CALL p(?, ?)')).statementId;
  assert.equal((await execute(call, 0, [number, number])).rows, 5);
  assert.equal((await execute(4242, 0, [])).errno, 1243);
}

/** Rows around the length where packets are continued; the row has three bytes of its own. */
async function longRows(followed: Followed): Promise<void> {
  for (const length of [16_777_210, 16_777_211, 16_777_212, 33_554_430]) {
    assert.equal((await followed.query(`SELECT REPEAT('a', ${length}) a, 1`)).rows, 1);
  }
  const statement = Buffer.alloc(17_000_000, 0x20);
  statement.write('SELECT 1');
  const long = encodeComQuery({ statement, attributes: [] }, 0n);
  assert.equal((await followed.run('query', long)).rows, 1);
}

async function localFile(followed: Followed): Promise<void> {
  const sql = "LOAD DATA LOCAL INFILE '/x' INTO TABLE t FIELDS TERMINATED BY ','";
  const { walker } = followed;
  walker.begin('query', 1);
  const query = encodeComQuery({ statement: Buffer.from(sql), attributes: [] }, 0n);
  assert.equal(await followed.send(frame(query, 0)), 'local-infile');
  const first = walker.sequence;
  const data = frame(Buffer.from('100,a\n101,b\n') as UpstreamPayload, first);
  const end = frame(Buffer.alloc(0) as UpstreamPayload, first + 1);
  walker.resume(first + 2);
  assert.equal(await followed.send(Buffer.concat([data, end])), 'ended');
  assert.equal(walker.affectedRows, 2);
}

describe('walking the answers of a real MariaDB', () => {
  for (const [name, capabilities] of [
    ['with EOF packets', BASE],
    ['without EOF packets', BASE | CLIENT_DEPRECATE_EOF],
    ["with MariaDB's extensions", BASE | CLIENT_DEPRECATE_EOF | MARIADB],
    ["with EOF packets and MariaDB's extensions", BASE | MARIADB],
  ] as const) {
    it(name, async () => {
      const followed = await follow(capabilities);
      await everyAnswer(followed);
      await everyPreparedAnswer(followed);
      await longRows(followed);
      await followed.close();
    });
  }

  it('through a local file', async () => {
    const followed = await follow(BASE | CLIENT_DEPRECATE_EOF);
    await localFile(followed);
    await followed.close();
  });
});
