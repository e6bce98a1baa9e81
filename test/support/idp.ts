// SPDX-License-Identifier: Apache-2.0
import { createServer as createPlain, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTls } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type Claims, SigningKey, type SignOptions } from './token-maker.ts';

/** Ways for a provider to misbehave. */
export type IdpFault = 'down' | 'slow' | 'huge' | 'redirect' | 'wrong-issuer' | 'garbage';

export interface TestIdp {
  readonly issuer: string;
  /** The newest key; `rotate` makes another. */
  readonly key: SigningKey;
  /** What was asked for, in order: `discovery`, `keys`. */
  readonly requests: readonly string[];
  fault: IdpFault | undefined;
  /** Signs with the newest key; times and issuer only as given. */
  sign(claims: Claims, options?: SignOptions): string;
  /** With issuer, `iat` now and `exp` in an hour, unless the claims say otherwise. */
  token(claims: Claims, options?: SignOptions): string;
  /** A new key; old ones stay published until `withdraw`. */
  rotate(): SigningKey;
  withdraw(kid: string): void;
  close(): Promise<void>;
}

/** An OpenID issuer on loopback: http, or https with the certificate given. */
export async function startIdp(
  options: { readonly tls?: { readonly cert: string; readonly key: string } } = {},
): Promise<TestIdp> {
  const keys: SigningKey[] = [new SigningKey()];
  const requests: string[] = [];
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    const isDiscovery = request.url === '/.well-known/openid-configuration';
    requests.push(isDiscovery ? 'discovery' : 'keys');
    const document = isDiscovery
      ? { issuer: idp.issuer, jwks_uri: `${idp.issuer}/keys` }
      : { keys: keys.map((key) => key.jwk()) };
    respond(response, document, idp);
  };
  const server = options.tls ? createTls(options.tls, answer) : createPlain(answer);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  const newest = () => keys[keys.length - 1] as SigningKey;
  const idp: TestIdp = {
    issuer: `${options.tls ? 'https://localhost' : 'http://127.0.0.1'}:${port}`,
    get key() {
      return newest();
    },
    requests,
    fault: undefined,
    sign: (claims, signing) => newest().sign(claims, signing),
    token(claims, signing) {
      const now = Math.floor(Date.now() / 1000);
      return newest().sign({ iss: idp.issuer, iat: now, exp: now + 3600, ...claims }, signing);
    },
    rotate() {
      keys.push(new SigningKey());
      return newest();
    },
    withdraw(kid) {
      const index = keys.findIndex((key) => key.kid === kid);
      if (index >= 0) keys.splice(index, 1);
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
  return idp;
}

function respond(response: ServerResponse, document: Claims, idp: TestIdp): void {
  switch (idp.fault) {
    case 'down':
      response.socket?.destroy();
      return;
    case 'slow':
      return; // Never answers; the connection stays open.
    case 'huge':
      response.end(JSON.stringify({ ...document, padding: 'x'.repeat(2 * 1024 * 1024) }));
      return;
    case 'redirect':
      response.writeHead(302, { location: `${idp.issuer}/elsewhere` }).end();
      return;
    case 'garbage':
      response.end('<html>maintenance</html>');
      return;
    case 'wrong-issuer':
      response.end(JSON.stringify({ ...document, issuer: 'https://somebody.example' }));
      return;
    default:
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(document));
  }
}
