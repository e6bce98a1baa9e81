// SPDX-License-Identifier: Apache-2.0
import { createServer, type RequestListener, type Server } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import type { Hono } from 'hono';
import { PosternError, problemText } from '../model/errors.ts';
import type { Readiness } from './contract.ts';

/** A listener that can be stopped. */
export interface HttpListener {
  readonly address: string;
  close(): Promise<void>;
}

/** Serves the administration API on a Unix socket, free by now, that only the owner may open. */
export async function listenOnSocket(app: Hono, socketPath: string): Promise<HttpListener> {
  const previous = process.umask(0o177);
  try {
    return await listen(getRequestListener(app.fetch), { path: socketPath }, socketPath);
  } finally {
    process.umask(previous);
  }
}

/** `/healthz` (the process answers), `/readyz` (new sessions can begin), `/metrics`. */
export function listenForProbes(
  address: { readonly host: string; readonly port: number },
  readiness: () => Readiness,
  metrics: () => Promise<string>,
): Promise<HttpListener> {
  const listener: RequestListener = (request, response) => {
    const reply = (status: number, type: string, body: string) => {
      response.writeHead(status, { 'content-type': type }).end(body);
    };
    if (request.method !== 'GET') return reply(405, 'text/plain', 'only GET\n');
    switch (request.url) {
      case '/healthz':
        return reply(200, 'text/plain', 'ok\n');
      case '/readyz': {
        const state = readiness();
        return reply(state.ready ? 200 : 503, 'application/json', `${JSON.stringify(state)}\n`);
      }
      case '/metrics':
        metrics().then(
          (text) => reply(200, 'text/plain; version=0.0.4', text),
          (cause: unknown) => reply(500, 'text/plain', `${problemText(cause)}\n`),
        );
        return;
      default:
        return reply(404, 'text/plain', 'no such page\n');
    }
  };
  return listen(listener, address, `${address.host}:${address.port}`);
}

function listen(
  listener: RequestListener,
  where: { host: string; port: number } | { path: string },
  shown: string,
): Promise<HttpListener> {
  const server = createServer({ requestTimeout: 10_000, headersTimeout: 5_000 }, listener);
  return new Promise((resolve, reject) => {
    server.once('error', (cause) =>
      reject(
        new PosternError('listen-failed', { address: shown, problem: problemText(cause) }, cause),
      ),
    );
    server.listen(where, () => resolve({ address: boundAddress(server, shown), close }));
    const close = () =>
      new Promise<void>((done) => {
        server.close(() => done());
        server.closeAllConnections();
      });
  });
}

function boundAddress(server: Server, shown: string): string {
  const bound = server.address();
  return bound !== null && typeof bound === 'object' ? `${bound.address}:${bound.port}` : shown;
}
