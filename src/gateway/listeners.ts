// SPDX-License-Identifier: Apache-2.0
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { ListenerSettings } from '../config/settings.ts';
import type { IdentityResult } from '../identity/result.ts';
import { problemText } from '../model/errors.ts';
import { HandshakeBudget } from './handshake-budget.ts';
import type { GatewayParts } from './parts.ts';
import { sourceIp } from './request.ts';
import { type Door, serveConnection } from './session.ts';
import type { Destination } from './target-resolution.ts';

/** A connection that is ready for its protocol; TLS-first listeners have settled who calls. */
export interface Accepted {
  readonly socket: Socket | TLSSocket;
  readonly source: string;
  readonly destination: Destination;
  readonly settled?: IdentityResult;
}

/** What a listener needs besides its settings. */
export interface ListenerParts {
  readonly gateway: GatewayParts;
  /** Ends TLS of a MeshTls listener and says who the peer is; rejects when the handshake fails. */
  readonly meshTls: (
    socket: Socket,
  ) => Promise<{ socket: TLSSocket; serverName?: string; identity: IdentityResult }>;
  /** The protocol's door for an accepted connection. */
  readonly door: (listener: ListenerSettings, accepted: Accepted) => Door;
}

/** What becomes of an accepted connection: TLS where it comes first, then its protocol's door. */
export class Listeners {
  readonly #parts: ListenerParts;
  readonly #handshakes: HandshakeBudget;

  constructor(parts: ListenerParts) {
    this.#parts = parts;
    this.#handshakes = new HandshakeBudget(parts.gateway.limits);
  }

  accept(listener: ListenerSettings, socket: Socket): void {
    const { gateway } = this.#parts;
    // An error on a socket nobody listens to would end the process.
    socket.on('error', () => undefined);
    const source = 'path' in listener.address ? 'unix' : sourceText(socket);
    const loggedIn = this.#handshakes.take(sourceIp(source));
    if (!loggedIn) {
      gateway.log.warn('too many logins under way', { listener: listener.name, source });
      socket.destroy();
      return;
    }
    void this.#serve(listener, socket, source, loggedIn).finally(loggedIn);
  }

  async #serve(
    listener: ListenerSettings,
    socket: Socket,
    source: string,
    loggedIn: () => void,
  ): Promise<void> {
    const { gateway } = this.#parts;
    const fixed = listener.target === undefined ? {} : { listenerTarget: listener.target };
    try {
      if (listener.accept !== 'MeshTls') {
        const accepted = { socket, source, destination: fixed };
        await serveConnection(gateway, this.#parts.door(listener, accepted), loggedIn);
        return;
      }
      const mesh = await this.#parts.meshTls(socket);
      const destination = {
        ...fixed,
        ...(mesh.serverName !== undefined && { serverName: mesh.serverName }),
      };
      const accepted = { socket: mesh.socket, source, destination, settled: mesh.identity };
      await serveConnection(gateway, this.#parts.door(listener, accepted), loggedIn);
    } catch (thrown) {
      socket.destroy();
      gateway.meter.connectionFailed(listener.name, 'tls');
      gateway.log.debug('TLS with a peer failed', { source, problem: problemText(thrown) });
    }
  }
}

function sourceText(socket: Socket): string {
  const address = (socket.remoteAddress ?? 'unknown').replace(/^::ffff:/, '');
  const shown = address.includes(':') ? `[${address}]` : address;
  return `${shown}:${socket.remotePort ?? 0}`;
}
