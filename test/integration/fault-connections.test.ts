// SPDX-License-Identifier: Apache-2.0
import { equal, match, ok, rejects } from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import { connect as connectTls } from 'node:tls';
import type { RowDataPacket } from 'mysql2/promise';
import { asPerson, asWorkload } from '../support/drivers.ts';
import { newRecords, recordsOf } from '../support/evidence.ts';
import {
  EOF,
  ERR,
  loginResponse,
  loginToToken,
  OK,
  packet,
  RawMysql,
  rawPerson,
  sslRequest,
} from '../support/raw-mysql.ts';
import { until, World } from '../support/world.ts';

const COM_QUERY = 0x03;
const COM_STMT_EXECUTE = 0x17;

describe('broken connections', () => {
  let world: World;
  before(async () => {
    world = await World.start({ settings: 'limits: {handshakeTimeout: 3s}' });
  });
  after(() => world.stop());
  const person = () =>
    rawPerson(world.port('token'), world.serverCa.certPem, world.token('ada', ['analysts']));
  const sessions = () => world.gateway?.sessions.length ?? 0;

  async function works(raw: RawMysql): Promise<void> {
    raw.command(COM_QUERY, 'SELECT 42');
    const answer = await raw.answer();
    equal(answer.length, 5);
    match(answer[3]?.payload.toString() ?? '', /42/);
  }

  it('lets people in while a thousand others only connect, and ends those in time', async () => {
    const idle: Socket[] = [];
    const begun = Date.now();
    for (let index = 0; index < 1_000; index += 1) {
      const port = world.port(index % 2 === 0 ? 'mesh' : 'token');
      // One machine that is not ours: it must not have all places.
      const socket = connect({ host: '127.0.0.1', port, localAddress: '127.0.0.2' });
      socket.on('error', () => undefined);
      socket.on('data', () => undefined);
      // Some say a little and stop.
      if (index % 3 === 0) socket.write(Buffer.of(0x16, 0x03));
      idle.push(socket);
    }
    await Promise.all(
      idle.map((socket) => (socket.connecting ? once(socket, 'connect') : undefined)),
    );
    for (const login of [() => asPerson(world), () => asWorkload(world)]) {
      const start = Date.now();
      const connection = await login();
      const [rows] = await connection.query<RowDataPacket[]>('SELECT 1 AS one');
      equal(rows[0]?.['one'], 1);
      ok(Date.now() - start < 1_000, `a login took ${Date.now() - start} ms`);
      await connection.end();
    }
    await until(() => idle.every((socket) => socket.closed), 8_000, 'idle ones are closed');
    ok(Date.now() - begun >= 2_900, 'they were closed before their time');
  });

  /** Bytes in two writes that do not meet on the way. */
  async function inPieces(raw: RawMysql, bytes: Buffer, at: readonly number[]): Promise<void> {
    let from = 0;
    for (const to of [...at, bytes.length]) {
      if (to <= from || to > bytes.length) continue;
      raw.write(bytes.subarray(from, to));
      from = to;
      await new Promise((resolve) => setImmediate(resolve));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  const everywhere = (bytes: Buffer) => Array.from(bytes, (_, index) => index);

  async function login(cuts: (bytes: Buffer) => readonly number[]): Promise<RawMysql> {
    const raw = await RawMysql.open(world.port('token'));
    await raw.read();
    const request = packet(sslRequest(), 1);
    await inPieces(raw, request, cuts(request));
    await raw.startTls(world.serverCa.certPem);
    const response = packet(loginResponse({ ssl: true, database: 'shop' }), 2);
    await inPieces(raw, response, cuts(response));
    equal((await raw.read())?.payload[0], EOF);
    const token = packet(Buffer.from(`${world.token('ada', ['analysts'])}\0`), 4);
    await inPieces(raw, token, cuts(token));
    equal((await raw.read())?.payload[0], OK);
    return raw;
  }

  /** A query, and a prepared statement with a parameter. */
  async function use(raw: RawMysql, cuts: (bytes: Buffer) => readonly number[]): Promise<void> {
    const query = packet(Buffer.from('\x03SELECT id FROM orders WHERE id = 2'));
    await inPieces(raw, query, cuts(query));
    equal((await raw.answer()).length, 5);
    const prepare = packet(Buffer.from('\x16SELECT note FROM orders WHERE id = ?'));
    await inPieces(raw, prepare, cuts(prepare));
    const prepared = await raw.read();
    const id = prepared?.payload.readUInt32LE(1) ?? 0;
    for (let rest = 4; rest > 0; rest -= 1) await raw.read();
    const execute = packet(executeOf(id, 1));
    await inPieces(raw, execute, cuts(execute));
    const answer = await raw.answer();
    match(answer[3]?.payload.toString() ?? '', /first/);
    raw.command(0x19, execute.subarray(5, 9));
  }

  it('does not care where messages are cut: one byte at a time', async () => {
    const raw = await login(everywhere);
    await use(raw, everywhere);
    raw.close();
  });

  it('does not care where messages are cut: in two, at each position', async () => {
    const loginBytes = packet(loginResponse({ ssl: true, database: 'shop' }), 2).length;
    for (let at = 1; at < loginBytes; at += 1) {
      const raw = await login(() => [at]);
      raw.close();
    }
    const raw = await login(() => []);
    for (let at = 1; at < 42; at += 1) await use(raw, () => [at]);
    raw.close();
  });

  it('takes what is sent ahead: TLS behind its request, commands behind the login', async () => {
    const socket = connect({ host: '127.0.0.1', port: world.port('token') });
    const greeting = new RawMysql(socket);
    await greeting.read();
    socket.removeAllListeners('data');
    const secure = connectTls({
      socket: new Prefixed(socket, packet(sslRequest(), 1)),
      ca: world.serverCa.certPem,
      servername: 'localhost',
    });
    const raw = new RawMysql(secure);
    await once(secure, 'secureConnect');
    raw.send(loginResponse({ ssl: true, database: 'shop' }), 2);
    await raw.read();
    const token = packet(Buffer.from(`${world.token('ada', ['analysts'])}\0`), 4);
    const queries = Array.from({ length: 50 }, (_, index) =>
      packet(Buffer.from(`\x03SELECT ${1000 + index}`)),
    );
    raw.write(Buffer.concat([token, ...queries]));
    equal((await raw.read())?.payload[0], OK);
    for (let index = 0; index < queries.length; index += 1) {
      const answer = await raw.answer();
      equal(answer[3]?.payload.subarray(1).toString(), String(1000 + index));
    }
    raw.close();
  });

  it('never takes plaintext behind the request for TLS', async () => {
    const opened = recordsOf(world.path('audit'), 'session-opened').length;
    const raw = await RawMysql.open(world.port('token'));
    await raw.read();
    const token = Buffer.from(`${world.token('ada', ['analysts'])}\0`);
    raw.write(
      Buffer.concat([
        packet(sslRequest(), 1),
        packet(loginResponse({ database: 'shop' }), 2),
        packet(token, 4),
        packet(Buffer.from('\x03SELECT 1')),
      ]),
    );
    await raw.ended();
    equal(recordsOf(world.path('audit'), 'session-opened').length, opened);
  });

  it('answers what is no login with the error of a bad handshake', async () => {
    const noProtocol41 = loginResponse();
    noProtocol41.writeUInt32LE(0, 0);
    for (const bytes of [
      packet(loginResponse(), 7),
      packet(randomBytes(40), 1),
      packet(noProtocol41, 1),
      packet(loginResponse().subarray(0, 20), 1),
      packet(Buffer.alloc(0), 1),
    ]) {
      const raw = await RawMysql.open(world.port('token'));
      await raw.read();
      raw.write(bytes);
      const err = await raw.readErr();
      equal(err.errno, 1043);
      match(err.message, /^Postern: /);
      await raw.ended();
    }
    for (const bytes of [Buffer.from('GET / HTTP/1.1\r\n\r\n'), randomBytes(5_000)]) {
      for (const listener of ['token', 'mesh'] as const) {
        const raw = await RawMysql.open(world.port(listener));
        raw.write(bytes);
        await raw.ended();
      }
    }
    equal(sessions(), 0);
  });

  it('ends a session that lost count, saying so, and no other', async () => {
    const other = await person();
    for (const bytes of [
      packet(Buffer.from('\x03SELECT 1'), 5),
      Buffer.concat([packet(Buffer.from('\x0e')), packet(Buffer.from('\x0e'), 9)]),
    ]) {
      const before = recordsOf(world.path('audit'), 'session-closed').length;
      const raw = await person();
      raw.write(bytes);
      let last = await raw.read();
      if (last?.payload[0] === OK) last = await raw.read();
      equal(last?.payload[0], ERR);
      match(last?.payload.toString() ?? '', /sequence id \d instead of 0 \[command-denied\]/);
      await raw.ended();
      const [closed] = await newRecords(world.path('audit'), 'session-closed', before);
      match(closed?.reason ?? '', /^command-denied: .*sequence id/);
    }
    await works(other);
    other.close();
    await until(() => sessions() === 0, 3_000, 'sessions have ended');
  });

  it('ends a session whose peer closes its half, with everything it had', async () => {
    const raw = await person();
    await works(raw);
    raw.socket.end();
    await raw.ended();
    await until(() => sessions() === 0, 3_000, 'the session has ended');
  });

  it('does not keep what a peer sends while it logs in', async () => {
    const raw = await loginToToken(world.port('token'), world.serverCa.certPem);
    const before = process.memoryUsage().arrayBuffers;
    const junk = Buffer.alloc(1 << 20, 0x20);
    raw.socket.on('error', () => undefined);
    raw.send(Buffer.from('not-a-token\0'), 4);
    for (let index = 0; index < 64; index += 1) raw.write(junk);
    await raw.ended();
    raw.close();
    const grown = process.memoryUsage().arrayBuffers - before;
    ok(grown < 100 << 20, `${grown >> 20} MiB more`);
    await rejects(loginToToken(1, ''), /ECONNREFUSED/);
  });
});

/** COM_STMT_EXECUTE with one INT parameter. */
function executeOf(statementId: number, value: number): Buffer {
  const body = Buffer.alloc(18);
  body.writeUInt8(COM_STMT_EXECUTE, 0);
  body.writeUInt32LE(statementId, 1);
  body.writeUInt32LE(1, 6);
  body.writeUInt8(1, 11);
  body.writeUInt8(3, 12);
  body.writeInt32LE(value, 14);
  return body;
}

/** A stream whose first write goes out together with bytes before it. */
class Prefixed extends Duplex {
  readonly #socket: Socket;
  #prefix: Buffer;

  constructor(socket: Socket, prefix: Buffer) {
    super();
    this.#socket = socket;
    this.#prefix = prefix;
    socket.on('data', (chunk) => this.push(chunk));
    socket.on('end', () => this.push(null));
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error) => void): void {
    const bytes = Buffer.concat([this.#prefix, chunk]);
    this.#prefix = Buffer.alloc(0);
    this.#socket.write(bytes, () => done());
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }
}
