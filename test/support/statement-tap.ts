// SPDX-License-Identifier: Apache-2.0
import { once } from 'node:events';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';

const COM_QUERY = 3;

/**
 * In front of a database's Unix socket: sees each statement before the server does. One statement
 * is asked at a time, so a packet is what arrives in one piece or begins with it.
 */
export class StatementTap {
  readonly socketPath: string;
  readonly #server: Server;
  readonly #open = new Set<Socket>();
  /** Whether the server gets it; `after` passes it on and gives no answer back. */
  onStatement: (sql: string) => 'pass' | 'drop' | 'after' = () => 'pass';

  private constructor(socketPath: string, server: Server) {
    this.socketPath = socketPath;
    this.#server = server;
  }

  static async start(directory: string, name: string, upstream: string): Promise<StatementTap> {
    const server = createServer();
    const tap = new StatementTap(join(directory, `${name}.tap`), server);
    server.on('connection', (socket) => tap.#relay(socket, createConnection(upstream)));
    server.listen(tap.socketPath);
    await once(server, 'listening');
    return tap;
  }

  #relay(near: Socket, far: Socket): void {
    let silent = false;
    for (const socket of [near, far]) {
      this.#open.add(socket);
      // Either side may be killed: that is what this is for.
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        this.#open.delete(socket);
        // A statement that was passed on is carried out, whoever is gone.
        if (socket === near && silent) return;
        near.destroy();
        far.destroy();
      });
    }
    near.on('data', (chunk: Buffer) => {
      const isStatement = chunk[3] === 0 && chunk[4] === COM_QUERY;
      const fate = isStatement ? this.onStatement(chunk.subarray(5).toString('utf8')) : 'pass';
      if (fate === 'after') silent = true;
      if (fate !== 'drop') far.write(chunk);
    });
    far.on('data', (chunk: Buffer) => {
      if (silent) far.destroy();
      else near.write(chunk);
    });
  }

  async stop(): Promise<void> {
    for (const socket of this.#open) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
