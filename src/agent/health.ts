// SPDX-License-Identifier: Apache-2.0
import { createServer } from 'node:http';
import { PosternError, problemText } from '../model/errors.ts';
import type { AgentHealth } from './agent.ts';

/** `/healthz`: 200 while the certificate is fresh, else 503, with the facts as JSON. */
export function listenForHealth(
  address: { readonly host: string; readonly port: number },
  health: () => AgentHealth,
): Promise<{ readonly address: string; close(): void }> {
  const server = createServer({ requestTimeout: 5_000 }, (request, response) => {
    const state = health();
    const found = request.method === 'GET' && request.url === '/healthz';
    response.writeHead(found ? (state.fresh ? 200 : 503) : 404, {
      'content-type': 'application/json',
    });
    response.end(found ? `${JSON.stringify(state)}\n` : '{"error":"no such page"}\n');
  });
  return new Promise((resolve, reject) => {
    const shown = `${address.host}:${address.port}`;
    server.once('error', (cause) => {
      const facts = { address: shown, problem: problemText(cause) };
      reject(new PosternError('listen-failed', facts, cause));
    });
    server.listen(address, () => {
      const bound = server.address();
      const text = bound && typeof bound === 'object' ? `${bound.address}:${bound.port}` : shown;
      resolve({ address: text, close: () => server.close() });
    });
  });
}
