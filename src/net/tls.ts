// SPDX-License-Identifier: Apache-2.0
import { constants, type X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { createSecureContext, type SecureContext, TLSSocket } from 'node:tls';
import type { Clock } from '../model/clock.ts';
import { PosternError, problemText } from '../model/errors.ts';
import type { CertificatePair } from './certificate-files.ts';

/**
 * What Istio's sidecars offer for plain TCP besides `istio-peer-exchange`; choosing the latter
 * would make them put a preamble of their own before the protocol.
 */
const MESH_ALPN = 'istio';

/**
 * The server side of TLS with this certificate. No resumption (a resumed session would not verify
 * the peer's certificate again) and no renegotiation (which could change it): no tickets, no
 * session ids, no second handshake. `rootsPem` only tells peers which authorities are known here.
 */
export function serverContext(
  pair: CertificatePair,
  rootsPem: readonly string[] = [],
): SecureContext {
  return createSecureContext({
    cert: pair.chainPem,
    key: pair.keyPem.reveal(),
    ca: [...rootsPem],
    minVersion: 'TLSv1.2',
    secureOptions:
      constants.SSL_OP_NO_TICKET |
      constants.SSL_OP_NO_RENEGOTIATION |
      constants.SSL_OP_CIPHER_SERVER_PREFERENCE,
  });
}

export interface TlsPeer {
  readonly socket: TLSSocket;
  /** SNI, lower case; absent when the peer sent none. */
  readonly serverName?: string;
  /**
   * What the peer presented, leaf first; empty when nothing. It holds the leaf's key, and that is
   * all that is known: who it is must be decided by `IdentityResolver.verifyCertificateChain`.
   */
  readonly chain: readonly X509Certificate[];
}

export interface MeshTlsOptions {
  readonly secureContext: SecureContext;
  readonly timeoutMs: number;
  readonly clock: Clock;
}

/**
 * Ends the mutual TLS of a mesh on a fresh connection. A peer without an acceptable certificate
 * does get through the handshake, so that its denial can be told in its protocol and explained in
 * the audit; OpenSSL would compare with the union of all bundles, which proves too little anyway.
 * A peer that offers ALPN without `istio` is refused by alert. Rejects with `tls-failed` or
 * `timeout`; the connection is destroyed then.
 */
export function acceptMeshTls(connection: Socket, options: MeshTlsOptions): Promise<TlsPeer> {
  const { secureContext, timeoutMs, clock } = options;
  return new Promise((resolve, reject) => {
    const socket = new TLSSocket(connection, {
      isServer: true,
      secureContext,
      requestCert: true,
      rejectUnauthorized: false,
      ALPNCallback: ({ protocols }) => (protocols.includes(MESH_ALPN) ? MESH_ALPN : undefined),
    });
    const fail = (error: PosternError) => {
      timer.stop();
      socket.destroy();
      connection.destroy();
      reject(error);
    };
    const failed = (problem: string, cause?: unknown) =>
      fail(new PosternError('tls-failed', { peer: 'the downstream', problem }, cause));
    const onError = (cause: Error) => failed(problemText(cause), cause);
    const onClose = () => failed('it closed the connection during the handshake');
    const timer = clock.after(timeoutMs, () => {
      fail(new PosternError('timeout', { action: 'TLS with the downstream', limitMs: timeoutMs }));
    });
    // Errors after the promise settled belong to whoever took the socket over.
    socket.on('error', onError);
    socket.once('close', onClose);
    socket.once('secure', () => {
      timer.stop();
      socket.off('close', onClose);
      socket.off('error', onError);
      socket.on('error', () => undefined);
      resolve({ socket, ...serverNameOf(socket), chain: presentedChain(socket) });
    });
  });
}

/** The certificates a peer of a finished handshake presented, leaf first. */
export function presentedChain(socket: TLSSocket): readonly X509Certificate[] {
  const chain: X509Certificate[] = [];
  let next = socket.getPeerX509Certificate();
  // A self-signed certificate may name itself as its issuer.
  while (next && !chain.some((one) => one.fingerprint256 === next?.fingerprint256)) {
    chain.push(next);
    next = next.issuerCertificate;
  }
  return chain;
}

function serverNameOf(socket: TLSSocket): { readonly serverName?: string } {
  const name: unknown = (socket as { readonly servername?: unknown }).servername;
  return typeof name === 'string' && name !== '' ? { serverName: name.toLowerCase() } : {};
}
