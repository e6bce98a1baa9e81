// SPDX-License-Identifier: Apache-2.0
import { generateKeyPairSync, type JsonWebKey } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Long enough for a day with the demo; a real provider says minutes. */
const TOKEN_LIFETIME_SECONDS = 8 * 3600;

export const DEMO_CLIENT = 'postern-cli';

export interface IdentityProvider {
  readonly issuer: string;
  close(): Promise<void>;
}

/**
 * An OpenID provider on loopback that signs in anybody with any password; `groups` says who is in
 * which group. Everything else is as with a real one: discovery, keys, device flow, consent.
 */
export async function startIdentityProvider(
  groups: Readonly<Record<string, readonly string[]>>,
): Promise<IdentityProvider> {
  let answer: RequestListener | undefined;
  const server = createServer((request, response) => answer?.(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  answer = await provider(issuer, groups);
  return { issuer, close: () => close(server) };
}

async function provider(
  issuer: string,
  groups: Readonly<Record<string, readonly string[]>>,
): Promise<RequestListener> {
  // It says on the terminal that it is meant for development; so is this script.
  const { warn, info } = console;
  console.warn = console.info = () => undefined;
  try {
    // @ts-expect-error The package ships no types.
    const { default: Provider } = await import('oidc-provider');
    const made = new Provider(issuer, configuration(groups));
    made.use(sayInterval);
    return made.callback();
  } finally {
    Object.assign(console, { warn, info });
  }
}

/** Without an interval a device waits five seconds before it asks (RFC 8628 section 3.2). */
async function sayInterval(
  context: { path: string; body: Record<string, unknown> },
  next: () => Promise<void>,
): Promise<void> {
  await next();
  if (context.path === '/device/auth') context.body['interval'] = 1;
}

function configuration(groups: Readonly<Record<string, readonly string[]>>): unknown {
  const resource = {
    audience: 'postern',
    scope: 'data',
    accessTokenFormat: 'jwt',
    accessTokenTTL: TOKEN_LIFETIME_SECONDS,
    jwt: { sign: { alg: 'ES256' } },
  };
  return {
    clients: [
      {
        client_id: DEMO_CLIENT,
        client_name: 'Postern',
        token_endpoint_auth_method: 'none',
        application_type: 'native',
        grant_types: [
          'urn:ietf:params:oauth:grant-type:device_code',
          'authorization_code',
          'refresh_token',
        ],
        redirect_uris: ['http://127.0.0.1/callback'],
        response_types: ['code'],
        id_token_signed_response_alg: 'ES256',
      },
    ],
    scopes: ['openid', 'data', 'offline_access'],
    jwks: { keys: [signingKey()] },
    cookies: { keys: ['for one demo only'] },
    findAccount: (_context: unknown, id: string) => ({
      accountId: id,
      claims: () => ({ sub: id, groups: groups[id] ?? [] }),
    }),
    extraTokenClaims: (_context: unknown, token: { accountId?: string }) => ({
      groups: groups[token.accountId ?? ''] ?? [],
    }),
    features: {
      devInteractions: { enabled: true },
      deviceFlow: { enabled: true, userCodeConfirmSource: confirmPage, successSource: donePage },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => 'urn:postern',
        useGrantedResource: () => true,
        getResourceServerInfo: () => resource,
      },
    },
    ttl: {
      AccessToken: TOKEN_LIFETIME_SECONDS,
      DeviceCode: 600,
      Grant: TOKEN_LIFETIME_SECONDS,
      IdToken: TOKEN_LIFETIME_SECONDS,
      Interaction: 600,
      RefreshToken: TOKEN_LIFETIME_SECONDS,
      Session: TOKEN_LIFETIME_SECONDS,
    },
  };
}

function confirmPage(
  context: { body: string },
  form: string,
  _client: unknown,
  _device: unknown,
  code: string,
): void {
  const button = '<button type="submit" form="op.deviceConfirmForm">Continue</button>';
  context.body = `<p>Does your terminal show <code>${code}</code>?</p>${form}${button}`;
}

function donePage(context: { body: string }): void {
  context.body = '<p>Success: go back to the terminal.</p>';
}

function signingKey(): JsonWebKey {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { ...privateKey.export({ format: 'jwk' }), alg: 'ES256', use: 'sig', kid: 'demo' };
}

async function close(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((done) => {
    server.close(done);
  });
}
