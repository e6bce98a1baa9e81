// SPDX-License-Identifier: Apache-2.0
import type { Socket } from 'node:net';
import { Secret } from '../../src/model/secret.ts';
import { loginMysql } from '../../src/target/mysql/login.ts';
import {
  CLIENT_MULTI_RESULTS,
  CLIENT_MULTI_STATEMENTS,
  CLIENT_PS_MULTI_RESULTS,
} from '../../src/wire/mysql/capabilities.ts';
import { COM } from '../../src/wire/mysql/commands.ts';
import { frame } from '../../src/wire/mysql/framing.ts';
import type { UpstreamPayload } from '../../src/wire/mysql/payload.ts';

const LIMIT_MS = 10_000;
/** Part of what COM_STATISTICS answers, in one short packet and in no result set of ours. */
const FENCE = 'Queries per second avg';

/** A command as bytes: code and payload. */
export function command(code: number, payload: Buffer | string = ''): Buffer {
  const body = typeof payload === 'string' ? Buffer.from(payload) : payload;
  return Buffer.concat([Buffer.from([code]), body]);
}

/** COM_STMT_EXECUTE without parameters. */
export function execution(statementId: number, iterations = 1): Buffer {
  const body = Buffer.alloc(9);
  body.writeUInt32LE(statementId, 0);
  body.writeUInt32LE(iterations, 5);
  return command(COM.COM_STMT_EXECUTE, body);
}

/** A driver without manners: any bytes at any time, several commands in one write. */
export class RawPeer {
  readonly #socket: Socket;
  readonly #received: Buffer[] = [];
  #look: () => void = () => undefined;
  closed = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#received.push(chunk);
      this.#look();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.closed = true;
      this.#look();
    });
    socket.resume();
  }

  /** Logs in without a password at a plain port: a sidecar, or the database itself. */
  static async connect(
    port: number,
    login: { user?: string; password?: string; charset?: number } = {},
  ): Promise<RawPeer> {
    const { socket } = await loginMysql({
      targetName: 'under test',
      endpoint: { host: '127.0.0.1', port },
      tls: { mode: 'plaintext' },
      user: login.user ?? 'anybody',
      password: new Secret(login.password ?? ''),
      database: 'shop',
      capabilities: CLIENT_MULTI_STATEMENTS | CLIENT_MULTI_RESULTS | CLIENT_PS_MULTI_RESULTS,
      charset: login.charset ?? 45,
      attributes: {},
      deadlineMs: LIMIT_MS,
    });
    return new RawPeer(socket);
  }

  /** Sends all commands in one write; resolves with every byte that came until all are answered. */
  send(commands: readonly Buffer[]): Promise<Buffer> {
    const fence = command(COM.COM_STATISTICS);
    const framed = [...commands, fence].map((each) => frame(each as UpstreamPayload, 0));
    this.#received.length = 0;
    return new Promise((resolve, reject) => {
      const limit = setTimeout(() => {
        const got = Buffer.concat(this.#received).toString('latin1').slice(-200);
        reject(new Error(`no answer in ${LIMIT_MS} ms after ${JSON.stringify(got)}`));
      }, LIMIT_MS);
      this.#look = () => {
        const all = Buffer.concat(this.#received);
        if (!this.closed && !all.includes(FENCE)) return;
        clearTimeout(limit);
        this.#look = () => undefined;
        resolve(all);
      };
      if (this.closed) this.#look();
      else this.#socket.write(Buffer.concat(framed));
    });
  }

  end(): void {
    this.#socket.destroy();
  }
}
