// SPDX-License-Identifier: Apache-2.0
import { createServer } from 'node:https';
import { getRequestListener } from '@hono/node-server';
import { PosternError, problemText } from '../model/errors.ts';
import type { CertificatePair } from '../net/certificate-files.ts';
import type { AuthorityApp } from './authority-api.ts';

/** Callers at one time; each is done in a moment. */
const MAX_CONNECTIONS = 512;

const TIMEOUTS = {
  handshakeTimeout: 5_000,
  headersTimeout: 5_000,
  requestTimeout: 10_000,
  keepAliveTimeout: 5_000,
  // Node looks at the two before only so often, by default every 30 seconds.
  connectionsCheckingInterval: 1_000,
} as const;

export interface TlsListener {
  /** `host:port` as bound. */
  readonly address: string;
  /** From the next handshake on. */
  use(pair: CertificatePair): void;
  close(): Promise<void>;
}

/** Rejects with `listen-failed`. */
export function listenWithTls(
  app: AuthorityApp,
  where: { readonly host: string; readonly port: number },
  pair: CertificatePair,
): Promise<TlsListener> {
  const server = createServer(
    { ...TIMEOUTS, minVersion: 'TLSv1.2', ...secrets(pair) },
    getRequestListener(app.fetch),
  );
  server.maxConnections = MAX_CONNECTIONS;
  return new Promise((resolve, reject) => {
    const shown = `${where.host}:${where.port}`;
    server.once('error', (cause) =>
      reject(
        new PosternError('listen-failed', { address: shown, problem: problemText(cause) }, cause),
      ),
    );
    server.listen(where, () => {
      const bound = server.address();
      const address =
        bound !== null && typeof bound === 'object' ? `${bound.address}:${bound.port}` : shown;
      resolve({ address, use: (next) => server.setSecureContext(secrets(next)), close });
    });
    const close = () =>
      new Promise<void>((done) => {
        server.close(() => done());
        server.closeAllConnections();
      });
  });
}

function secrets({ chainPem, keyPem }: CertificatePair): { cert: string; key: string } {
  return { cert: chainPem, key: keyPem.reveal() };
}
