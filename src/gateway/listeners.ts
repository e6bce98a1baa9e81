// SPDX-License-Identifier: Apache-2.0
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { ListenerSettings } from '../config/settings.ts';
import { SPIFFE_ID_FIELD } from '../identity/proxied-identity.ts';
import type { IdentityResult } from '../identity/result.ts';
import { problemText } from '../model/errors.ts';
import { HandshakeBudget } from './handshake-budget.ts';
import type { GatewayParts } from './parts.ts';
import { readProxyHeader } from './proxy-front.ts';
import { sourceIp } from './request.ts';
import { type Door, serveConnection } from './session.ts';
import type { Destination } from './target-resolution.ts';

/** A connection that is ready for its protocol; a mesh or a proxy has settled who calls. */
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

/** What becomes of an accepted connection: what comes first, then its protocol's door. */
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
    try {
      const accepted = await this.#front(listener, socket, source);
      await serveConnection(gateway, this.#parts.door(listener, accepted), loggedIn);
    } catch (thrown) {
      socket.destroy();
      const layer = listener.accept === 'ProxyV2' ? 'proxy' : 'tls';
      gateway.meter.connectionFailed(listener.name, layer);
      const facts = { listener: listener.name, layer, source, problem: problemText(thrown) };
      gateway.log.debug('a connection failed before its protocol began', facts);
    }
  }

  /** What comes before the protocol: mutual TLS, a PROXY header, or nothing. */
  async #front(listener: ListenerSettings, socket: Socket, source: string): Promise<Accepted> {
    const fixed = listener.target === undefined ? {} : { listenerTarget: listener.target };
    if (listener.accept === 'MeshTls') {
      const mesh = await this.#parts.meshTls(socket);
      const { serverName } = mesh;
      const destination = { ...fixed, ...(serverName !== undefined && { serverName }) };
      return { socket: mesh.socket, source, destination, settled: mesh.identity };
    }
    if (listener.accept === 'ProxyV2') {
      const { clock, limits, identity } = this.#parts.gateway;
      const header = await readProxyHeader(socket, clock, limits.handshakeTimeout);
      const ids = header.fields.filter(({ type }) => type === SPIFFE_ID_FIELD);
      const values = ids.map(({ value }) => value);
      return {
        socket,
        source: addressText(header.source.ip, header.source.port),
        destination: { ...fixed, address: header.destination },
        settled: identity.verifyProxied(values, listener.proxy?.cluster ?? ''),
      };
    }
    return { socket, source, destination: fixed };
  }
}

function sourceText(socket: Socket): string {
  const address = (socket.remoteAddress ?? 'unknown').replace(/^::ffff:/, '');
  return addressText(address, socket.remotePort ?? 0);
}

function addressText(ip: string, port: number): string {
  return `${ip.includes(':') ? `[${ip}]` : ip}:${port}`;
}
