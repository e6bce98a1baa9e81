// SPDX-License-Identifier: Apache-2.0
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import {
  type Capabilities,
  CLIENT_SSL,
  joinCapabilities,
} from '../../src/wire/mysql/capabilities.ts';
import { frame, packetCount } from '../../src/wire/mysql/framing.ts';
import { encodeHandshake, type Handshake } from '../../src/wire/mysql/handshake.ts';
import { PacketAssembler } from '../../src/wire/mysql/packet-assembler.ts';
import type { DownstreamPayload } from '../../src/wire/mysql/payload.ts';

const MAX_PAYLOAD_BYTES = 1 << 24;

/** Everything MySQL 5.7 had, TLS too, but no compression. */
const CAPABILITIES: Capabilities = joinCapabilities(0x81ff_f7df | Number(CLIENT_SSL), 0);

export const SCRIPTED_CHALLENGE = Buffer.from('abcdefghijklmnopqrst');

export function greeting(changes: Partial<Handshake> = {}): DownstreamPayload {
  return encodeHandshake({
    serverVersion: '8.0.99-scripted',
    connectionId: 7,
    authData: SCRIPTED_CHALLENGE,
    capabilities: CAPABILITIES,
    charset: 45,
    status: 2,
    authPlugin: 'mysql_native_password',
    ...changes,
  });
}

/** One connection as a database server sees it, for scripts that say what comes when. */
export class ScriptedConnection {
  #socket: Socket;
  readonly #assembler = new PacketAssembler();
  readonly #closed: Promise<unknown>;
  #ended = false;
  #wake: () => void = () => undefined;
  /** Everything received before TLS. */
  plaintext = Buffer.alloc(0);

  readonly #onPlaintext = (chunk: Buffer) => {
    this.plaintext = Buffer.concat([this.plaintext, chunk]);
    this.#onData(chunk);
  };

  constructor(socket: Socket) {
    this.#socket = socket;
    // The other side often goes away in the middle: that is what is tested.
    socket.on('error', () => undefined);
    this.#closed = once(socket, 'close').then(() => this.#end());
    socket.on('data', this.#onPlaintext).on('end', () => this.#end());
  }

  get socket(): Socket {
    return this.#socket;
  }

  /** When the connection is over. */
  get closed(): Promise<unknown> {
    return this.#closed;
  }

  send(payload: Buffer): void {
    const sequence = this.#assembler.sequence;
    this.#socket.write(frame(payload as DownstreamPayload, sequence));
    this.#assembler.expectSequence(sequence + packetCount(payload.length));
  }

  expectCommand(): void {
    this.#assembler.expectSequence(0);
  }

  /** The next message; empty when the peer went away. */
  async receive(): Promise<Buffer> {
    for (;;) {
      const message = this.#assembler.next(MAX_PAYLOAD_BYTES);
      if (message === 'too-large') throw new Error('a message is too large for the script');
      if (message) return message.payload;
      if (this.#ended) return Buffer.alloc(0);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async startTls(keyPem: string, certPem: string): Promise<void> {
    this.#socket.off('data', this.#onPlaintext).pause();
    const hello = this.#assembler.leftover();
    this.plaintext = this.plaintext.subarray(0, this.plaintext.length - hello.length);
    if (hello.length > 0) this.#socket.unshift(hello);
    const secured = new TLSSocket(this.#socket, { isServer: true, key: keyPem, cert: certPem });
    secured.on('error', () => undefined).on('end', () => this.#end());
    this.#socket = secured;
    await once(secured, 'secure');
    secured.on('data', (chunk: Buffer) => this.#onData(chunk));
  }

  #onData(chunk: Buffer): void {
    this.#assembler.push(chunk);
    this.#wake();
  }

  #end(): void {
    this.#ended = true;
    this.#wake();
  }
}

export interface ScriptedUpstream {
  readonly port: number;
  /** The connections so far, in order. */
  readonly connections: readonly ScriptedConnection[];
  close(): Promise<void>;
}

/** A database server on 127.0.0.1 that does what the script says, for each connection. */
export async function startScriptedUpstream(
  script: (connection: ScriptedConnection) => Promise<void>,
): Promise<ScriptedUpstream> {
  const connections: ScriptedConnection[] = [];
  const server: Server = createServer((socket) => {
    const connection = new ScriptedConnection(socket);
    connections.push(connection);
    // A script may end in the middle because the peer went away, which is what some tests want.
    script(connection).catch(() => socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    connections,
    async close() {
      for (const { socket } of connections) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
