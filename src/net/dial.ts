// SPDX-License-Identifier: Apache-2.0
import { connect, isIP, type Socket } from 'node:net';
import {
  type ConnectionOptions,
  connect as connectTls,
  createSecureContext,
  type SecureContext,
  type TLSSocket,
} from 'node:tls';
import { Secret } from '../model/secret.ts';

export type Endpoint =
  | { readonly host: string; readonly port: number }
  | { readonly socketPath: string };

/** What we show upstream, PEM; both or none. */
interface ClientCertificate {
  readonly cert?: string;
  readonly key?: string | Secret;
}

export type DialTls =
  | (ClientCertificate & {
      readonly mode: 'verified';
      /** PEM; the only roots that count. */
      readonly ca: string;
      /** Name to verify instead of the endpoint's host. */
      readonly serverName?: string;
    })
  /** Encrypted, not authenticated. */
  | (ClientCertificate & { readonly mode: 'insecureSkipVerify' });

/** `host:port` or the socket's path, for messages. */
export function endpointText(endpoint: Endpoint): string {
  if ('socketPath' in endpoint) return endpoint.socketPath;
  const host = isIP(endpoint.host) === 6 ? `[${endpoint.host}]` : endpoint.host;
  return `${host}:${endpoint.port}`;
}

const KEEP_ALIVE_AFTER_MS = 30_000;

/** Begins to connect; the caller listens for `connect`, `error` and `close`. */
export function dial(endpoint: Endpoint): Socket {
  if ('socketPath' in endpoint) return connect({ path: endpoint.socketPath });
  return connect({
    host: endpoint.host,
    port: endpoint.port,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: KEEP_ALIVE_AFTER_MS,
  });
}

/** Made once for each choice: reading certificates and keys is most of what TLS costs to begin. */
const contexts = new WeakMap<DialTls, SecureContext>();

function contextOf(tls: DialTls): SecureContext {
  const known = contexts.get(tls);
  if (known) return known;
  const { cert, key } = tls;
  const made = createSecureContext({
    minVersion: 'TLSv1.2',
    ...(tls.mode === 'verified' && { ca: tls.ca }),
    ...(cert !== undefined &&
      key !== undefined && { cert, key: key instanceof Secret ? key.reveal() : key }),
  });
  contexts.set(tls, made);
  return made;
}

/**
 * Begins TLS on a connected socket nobody listens to; the caller listens for `secureConnect` (the
 * certificate and its name are verified by then), `error` and `close`.
 */
export function startTls(socket: Socket, tls: DialTls, endpoint: Endpoint): TLSSocket {
  const options: ConnectionOptions = { socket, secureContext: contextOf(tls) };
  const endpointName = 'host' in endpoint ? endpoint.host : 'localhost';
  const name = (tls.mode === 'verified' ? tls.serverName : undefined) ?? endpointName;
  // SNI must not carry an address (RFC 6066, section 3); verification still uses it.
  if (isIP(name) === 0) options.servername = name;
  options.host = name;
  options.rejectUnauthorized = tls.mode === 'verified';
  if (tls.mode !== 'verified') options.checkServerIdentity = () => undefined;
  return connectTls(options);
}
