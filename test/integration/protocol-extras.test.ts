// SPDX-License-Identifier: Apache-2.0
import { equal, match, ok } from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Connection } from 'mysql2/promise';
import { Secret } from '../../src/model/secret.ts';
import { loginMysql } from '../../src/target/mysql/login.ts';
import {
  type Capabilities,
  CLIENT_DEPRECATE_EOF,
  MARIADB_CLIENT_CACHE_METADATA,
  MARIADB_CLIENT_PROGRESS,
} from '../../src/wire/mysql/capabilities.ts';
import { COM } from '../../src/wire/mysql/commands.ts';
import { asPerson } from '../support/drivers.ts';
import { newRecords, recordsOf } from '../support/evidence.ts';
import { RawMysql } from '../support/raw-mysql.ts';
import { startSidecar } from '../support/sidecar.ts';
import { World } from '../support/world.ts';

const POLICY = `---
apiVersion: postern.dev/v1alpha1
kind: DataRole
metadata: {name: changer, namespace: data}
spec:
  privileges: [{tables: ["shop.*"], actions: [select, insert, alter, create, drop]}]
---
apiVersion: postern.dev/v1alpha1
kind: Grant
metadata: {name: changers, namespace: data}
spec:
  subjects: [{workload: {clusters: {matchLabels: {env: prod}}, serviceAccounts: [tests/extras]}}]
  targetSelector: {matchLabels: {app: orders}}
  role: changer
`;
const SQL = `USE shop; CREATE TABLE shop.much (n INT, pad CHAR(200)) ENGINE=Aria;
INSERT INTO shop.much SELECT seq, 'x' FROM seq_1_to_400000;`;
const ERR = 0xff;

/** Parts of the protocol that few drivers use, against a real server. */
describe('protocol extras', () => {
  let world: World;
  let port = 0;
  let close: () => Promise<void> = async () => undefined;
  before(async () => {
    world = await World.start({ extraPolicy: POLICY, extraSql: SQL });
    const sidecar = await startSidecar(world, await world.workload('tests', 'extras'));
    port = sidecar.port;
    close = () => sidecar.close();
  });
  after(async () => {
    await close();
    await world?.stop();
  });

  async function raw(capabilities: Capabilities): Promise<RawMysql> {
    const { socket, capabilities: agreed } = await loginMysql({
      targetName: 'under test',
      endpoint: { host: '127.0.0.1', port },
      tls: { mode: 'plaintext' },
      user: 'anybody',
      password: new Secret(''),
      database: 'shop',
      capabilities,
      charset: 45,
      attributes: {},
      deadlineMs: 10_000,
    });
    equal(agreed & capabilities, capabilities);
    const peer = new RawMysql(socket);
    socket.resume();
    return peer;
  }

  /** Runs it; tells how many progress reports came before its OK. */
  async function untilOk(peer: RawMysql, sql: string): Promise<number> {
    peer.command(COM.COM_QUERY, sql);
    for (let reports = 0; ; reports += 1) {
      const next = await peer.read(60_000);
      ok(next, 'the connection ended');
      if (next.payload[0] === ERR && next.payload.readUInt16LE(1) === 0xffff) continue;
      equal(next.payload[0], 0, 'an OK ends it');
      return reports;
    }
  }

  it('passes progress reports on, and the answer behind them', async () => {
    const peer = await raw(MARIADB_CLIENT_PROGRESS | CLIENT_DEPRECATE_EOF);
    await untilOk(peer, 'SET SESSION progress_report_time = 1');
    let reports = 0;
    // How long a table keeps this machine busy for a second is found out by doubling it.
    for (let round = 0; round < 5 && reports === 0; round += 1) {
      if (round > 0) await untilOk(peer, 'INSERT INTO much (n, pad) SELECT n, pad FROM much');
      const column = `ADD COLUMN m${round} INT`;
      reports = await untilOk(peer, `ALTER TABLE much ${column}, ALGORITHM=COPY`);
    }
    ok(reports > 0, 'the target reported');
    peer.close();
  });

  it('passes results without metadata that the driver has already', async () => {
    const peer = await raw(MARIADB_CLIENT_CACHE_METADATA | CLIENT_DEPRECATE_EOF);
    peer.command(COM.COM_STMT_PREPARE, 'SELECT id FROM orders WHERE id = 1');
    const prepared = await peer.read();
    const id = prepared?.payload.subarray(1, 5) ?? Buffer.alloc(4);
    await peer.read();
    const flags: number[] = [];
    for (let round = 0; round < 2; round += 1) {
      peer.send(Buffer.concat([Buffer.of(COM.COM_STMT_EXECUTE), id, Buffer.of(0, 1, 0, 0, 0)]));
      const count = await peer.read();
      flags.push(count?.payload[1] ?? -1);
      for (let next = await peer.read(); next && next.payload[0] !== 0xfe; ) {
        next = await peer.read();
      }
    }
    equal(flags.at(-1), 0, `metadata flags ${flags.join()}`);
    peer.command(COM.COM_PING);
    equal((await peer.read())?.payload[0], 0);
    peer.close();
  });

  it('takes the trace of a statement from its query attributes', async () => {
    const connection = await asPerson(world);
    const before = recordsOf(world.path('audit'), 'intent').length;
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const own = traceparent.replace('0af7', '1af7');
    const ask = (sql: string) => connection.query({ sql, attributes: { traceparent } } as never);
    await ask('SELECT 1');
    await ask(`SELECT 2 /*traceparent='${own}'*/`);
    await connection.query('SELECT 3');
    const records = await newRecords(world.path('audit'), 'intent', before, 3);
    equal(records[0]?.traceparent, traceparent);
    equal(records[1]?.traceparent, own, "the text's own comment is nearer");
    equal(records[2]?.traceparent, undefined);
    await connection.end();
  });

  it('ends a compressed session that sends a bomb, and says why', async () => {
    const connection: Connection = await asPerson(world, 'ada', ['analysts'], {
      compress: true,
    } as never);
    const failed = new Promise<Error>((resolve) => connection.on('error', resolve));
    // 20 bytes that claim to be 16 MB.
    const bomb = Buffer.concat([Buffer.from('14000000ffffff', 'hex'), Buffer.alloc(20)]);
    (
      connection as unknown as { connection: { stream: { write(b: Buffer): void } } }
    ).connection.stream.write(bomb);
    match(String(await failed), /no data shrinks so much|PROTOCOL|closed|out of order/i);
    const again = await asPerson(world);
    await again.query('SELECT 1');
    await again.end();
  });
});
