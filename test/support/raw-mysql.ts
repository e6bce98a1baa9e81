// SPDX-License-Identifier: Apache-2.0
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import {
  type Capabilities,
  CLIENT_CONNECT_WITH_DB,
  CLIENT_MYSQL,
  CLIENT_PLUGIN_AUTH,
  CLIENT_PROTOCOL_41,
  CLIENT_SECURE_CONNECTION,
  CLIENT_SSL,
} from '../../src/wire/mysql/capabilities.ts';
import { decodeErr, type Err } from '../../src/wire/mysql/err.ts';
import { encodeHandshakeResponse } from '../../src/wire/mysql/handshake-response.ts';
import { encodeSslRequest } from '../../src/wire/mysql/ssl-request.ts';

export interface Packet {
  readonly sequence: number;
  readonly payload: Buffer;
}

const CAPABILITIES: Capabilities =
  CLIENT_MYSQL | CLIENT_PROTOCOL_41 | CLIENT_SECURE_CONNECTION | CLIENT_PLUGIN_AUTH;

export const OK = 0x00;
export const EOF = 0xfe;
export const ERR = 0xff;

/** A peer that can break every rule of the protocol, which no driver would. */
export class RawMysql {
  socket: Socket;
  #received = Buffer.alloc(0);
  #ended = false;
  #wake: () => void = () => undefined;
  readonly #onData = (chunk: Buffer) => {
    this.#received = Buffer.concat([this.#received, chunk]);
    this.#wake();
  };

  constructor(socket: Socket) {
    this.socket = socket;
    this.#listen();
  }

  static async open(port: number): Promise<RawMysql> {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    await once(socket, 'connect');
    return new RawMysql(socket);
  }

  /** Bytes as they are. */
  write(bytes: Buffer): void {
    this.socket.write(bytes);
  }

  /** One packet with a header made for it. */
  send(payload: Buffer, sequence = 0): void {
    this.write(packet(payload, sequence));
  }

  command(code: number, body: Buffer | string = ''): void {
    this.send(Buffer.concat([Buffer.of(code), Buffer.from(body)]));
  }

  /** The next packet; undefined when the connection ended before it was whole. */
  async read(limitMs = 10_000): Promise<Packet | undefined> {
    const end = Date.now() + limitMs;
    for (;;) {
      const length = this.#received.length < 4 ? undefined : this.#received.readUIntLE(0, 3);
      if (length !== undefined && this.#received.length >= length + 4) {
        const payload = this.#received.subarray(4, length + 4);
        const sequence = this.#received.readUInt8(3);
        this.#received = this.#received.subarray(length + 4);
        return { sequence, payload };
      }
      if (this.#ended) return undefined;
      if (Date.now() > end) throw new Error(`no packet in ${limitMs} ms`);
      await this.#more(end - Date.now());
    }
  }

  async readErr(limitMs?: number): Promise<Err> {
    const found = await this.read(limitMs);
    if (found?.payload[0] !== ERR) throw new Error(`not an ERR: ${found?.payload.toString('hex')}`);
    return decodeErr(found.payload);
  }

  /** Packets up to an OK, an ERR or the second EOF; what the answer to a text query is. */
  async answer(): Promise<readonly Packet[]> {
    const packets: Packet[] = [];
    for (let eofs = 0; eofs < 2; ) {
      const next = await this.read();
      if (!next) throw new Error('the connection ended in an answer');
      packets.push(next);
      const header = next.payload[0];
      if (header === ERR || (header === OK && packets.length === 1)) break;
      if (header === EOF && next.payload.length < 9) eofs += 1;
    }
    return packets;
  }

  /** Resolves when the gateway has closed the connection; rejects when it does not. */
  async ended(limitMs = 10_000): Promise<void> {
    const end = Date.now() + limitMs;
    while (!this.#ended) {
      if (Date.now() > end) throw new Error(`still open after ${limitMs} ms`);
      await this.#more(end - Date.now());
    }
  }

  async startTls(ca: string, more: ConnectionOptions = {}): Promise<void> {
    this.#unlisten();
    const secure = connectTls({ socket: this.socket, ca, servername: 'localhost', ...more });
    this.socket = secure;
    this.#listen();
    await new Promise<void>((resolve, reject) => {
      secure.once('secureConnect', resolve);
      secure.once('error', reject);
      secure.once('close', () => reject(new Error('closed during the TLS handshake')));
    });
  }

  close(): void {
    this.socket.destroy();
  }

  #more(limitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.max(1, limitMs));
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  readonly #onEnd = () => {
    this.#ended = true;
    this.#wake();
  };

  #listen(): void {
    this.socket.on('data', this.#onData);
    this.socket.on('end', this.#onEnd);
    this.socket.on('close', this.#onEnd);
    this.socket.on('error', () => undefined);
  }

  #unlisten(): void {
    this.socket.off('data', this.#onData);
    this.socket.off('end', this.#onEnd);
    this.socket.off('close', this.#onEnd);
  }
}

export function packet(payload: Buffer, sequence = 0): Buffer {
  const framed = Buffer.alloc(payload.length + 4);
  framed.writeUIntLE(payload.length, 0, 3);
  framed.writeUInt8(sequence & 0xff, 3);
  payload.copy(framed, 4);
  return framed;
}

export function sslRequest(): Buffer {
  return encodeSslRequest({
    capabilities: CAPABILITIES | CLIENT_SSL,
    maxPacketBytes: 1 << 24,
    charset: 45,
  });
}

export function loginResponse(more: { ssl?: boolean; database?: string } = {}): Buffer {
  const { ssl, database } = more;
  const capabilities =
    CAPABILITIES | (ssl ? CLIENT_SSL : 0n) | (database === undefined ? 0n : CLIENT_CONNECT_WITH_DB);
  return encodeHandshakeResponse({
    capabilities,
    maxPacketBytes: 1 << 24,
    charset: 45,
    user: 'me',
    authResponse: Buffer.alloc(0),
    authPlugin: 'mysql_native_password',
    attributes: {},
    ...(database !== undefined && { database }),
  });
}

/** Greeting, TLS and login of a token listener up to the request for the token. */
export async function loginToToken(port: number, ca: string): Promise<RawMysql> {
  const raw = await RawMysql.open(port);
  await raw.read();
  raw.send(sslRequest(), 1);
  await raw.startTls(ca);
  raw.send(loginResponse({ ssl: true, database: 'shop' }), 2);
  const asked = await raw.read();
  if (asked?.payload[0] !== EOF) throw new Error('no token was asked for');
  return raw;
}

/** Logged in with a token, ready for commands. */
export async function rawPerson(port: number, ca: string, token: string): Promise<RawMysql> {
  const raw = await loginToToken(port, ca);
  raw.send(Buffer.from(`${token}\0`), 4);
  const verdict = await raw.read();
  if (verdict?.payload[0] !== OK) {
    throw new Error(verdict ? decodeErr(verdict.payload).message : 'closed at the login');
  }
  return raw;
}
