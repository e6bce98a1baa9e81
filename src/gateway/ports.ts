// SPDX-License-Identifier: Apache-2.0
import { chmodSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import type { ListenerSettings } from '../config/settings.ts';
import { PosternError, problemText } from '../model/errors.ts';
import type { Log } from '../model/log.ts';
import { removeStaleSocket, requirePrivateFolder } from '../net/unix-socket.ts';

/**
 * Open ports. What they accept is handed on unread, in this process or to a worker; so a port stays
 * open whatever becomes of the workers.
 */
export class Ports {
  readonly #log: Log;
  readonly #accepted: (listener: ListenerSettings, socket: Socket) => void;
  readonly #servers: Server[] = [];
  /** As they are bound, by the listener's name. */
  readonly addresses = new Map<string, string>();

  constructor(log: Log, accepted: (listener: ListenerSettings, socket: Socket) => void) {
    this.#log = log;
    this.#accepted = accepted;
  }

  /** Rejects with `listen-failed` when any address cannot be had. */
  async open(listeners: readonly ListenerSettings[]): Promise<void> {
    for (const listener of listeners) await this.#open(listener);
  }

  /** Stops accepting without waiting for what is open. */
  close(): void {
    for (const server of this.#servers) server.close();
  }

  async #open(listener: ListenerSettings): Promise<void> {
    const server = createServer({ noDelay: true, keepAlive: true, pauseOnConnect: true });
    server.on('connection', (socket) => {
      // An error on a socket nobody listens to would end the process.
      socket.on('error', () => undefined);
      this.#accepted(listener, socket);
    });
    const at = listener.address;
    if ('path' in at) {
      requirePrivateFolder(at.path);
      await removeStaleSocket(at.path);
    }
    return new Promise((resolve, reject) => {
      server.once('error', (cause) => {
        const address = 'path' in at ? at.path : `${at.host}:${at.port}`;
        reject(new PosternError('listen-failed', { address, problem: problemText(cause) }, cause));
      });
      server.listen({ ...at, backlog: 1024 }, () => {
        server.removeAllListeners('error');
        server.on('error', (cause) =>
          this.#log.error('listener failed', { listener: listener.name, cause }),
        );
        if ('path' in at) chmodSync(at.path, 0o600);
        this.addresses.set(listener.name, addressText(server));
        this.#servers.push(server);
        resolve();
      });
    });
  }
}

function addressText(server: Server): string {
  const bound = server.address();
  if (bound === null || typeof bound === 'string') return `unix:${bound}`;
  return `${bound.address}:${bound.port}`;
}
