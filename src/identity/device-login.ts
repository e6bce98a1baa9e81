// SPDX-License-Identifier: Apache-2.0
import * as oidc from 'openid-client';
import { Agent, fetch } from 'undici';
import { Secret } from '../model/secret.ts';
import { permittedUrl } from './fetch-json.ts';

/** A public client at an issuer. */
export interface PublicClient {
  readonly issuer: string;
  readonly clientId: string;
  readonly resource?: string;
  /** Root certificates (PEM) to trust besides the built-in ones. */
  readonly ca?: string;
}

export interface DeviceLogin extends PublicClient {
  readonly scopes: readonly string[];
  /** Ask for a refresh token where the provider says that it gives some. */
  readonly refresh: boolean;
}

/** What a provider gave; the tokens that may be JWTs, access token first. */
export interface GivenTokens {
  readonly tokens: readonly { readonly use: 'access' | 'id'; readonly text: string }[];
  readonly refreshToken?: Secret;
}

const OFFLINE_ACCESS = 'offline_access';

/** What the person must do in a browser. */
export interface DevicePrompt {
  readonly url: string;
  /** To compare with what the browser shows, or to type in. */
  readonly code: string;
  /** Has the code in it already; not every provider gives one. */
  readonly urlWithCode?: string;
  readonly expiresInSeconds: number;
}

/**
 * OAuth device authorization (RFC 8628) as a public client. Rejects when the provider or the person
 * says no, or on `signal`.
 */
export async function deviceLogin(
  login: DeviceLogin,
  prompt: (what: DevicePrompt) => void,
  signal: AbortSignal,
): Promise<GivenTokens> {
  const configuration = await discover(login);
  const { scopes_supported: offered = [] } = configuration.serverMetadata();
  const offline = login.refresh && offered.includes(OFFLINE_ACCESS) ? [OFFLINE_ACCESS] : [];
  const device = await oidc.initiateDeviceAuthorization(configuration, {
    scope: [...new Set([...login.scopes, ...offline])].join(' '),
    ...(login.resource !== undefined && { resource: login.resource }),
  });
  prompt({
    url: device.verification_uri,
    code: device.user_code,
    expiresInSeconds: device.expires_in,
    ...(device.verification_uri_complete !== undefined && {
      urlWithCode: device.verification_uri_complete,
    }),
  });
  const parameters = login.resource === undefined ? {} : { resource: login.resource };
  const tokens = await oidc.pollDeviceAuthorizationGrant(configuration, device, parameters, {
    signal,
  });
  return given(tokens);
}

/** New tokens for a refresh token (RFC 6749 section 6), which may be replaced by another. */
export async function refreshLogin(client: PublicClient, token: Secret): Promise<GivenTokens> {
  const configuration = await discover(client);
  const parameters = client.resource === undefined ? {} : { resource: client.resource };
  return given(await oidc.refreshTokenGrant(configuration, token.reveal(), parameters));
}

function given(answer: oidc.TokenEndpointResponse): GivenTokens {
  const { access_token: access, id_token: id, refresh_token: refresh } = answer;
  return {
    tokens: [
      { use: 'access', text: access },
      ...(id === undefined ? [] : [{ use: 'id', text: id } as const]),
    ],
    ...(refresh !== undefined && { refreshToken: new Secret(refresh) }),
  };
}

async function discover(client: PublicClient): Promise<oidc.Configuration> {
  const issuer = permittedUrl(client.issuer);
  if (!issuer) throw new Error(`${client.issuer} is not https (http is for loopback only)`);
  return oidc.discovery(issuer, client.clientId, undefined, oidc.None(), {
    execute: issuer.protocol === 'http:' ? [oidc.allowInsecureRequests] : [],
    ...(client.ca !== undefined && { [oidc.customFetch]: fetchTrusting(client.ca) }),
  });
}

function fetchTrusting(ca: string): oidc.CustomFetch {
  const dispatcher = new Agent({ connect: { ca } });
  return async (url, options) => {
    const { body, headers, method, redirect, signal } = options;
    const init = { headers, method, redirect, dispatcher };
    const answer = await fetch(url, {
      ...init,
      ...(body !== undefined && { body: body as string | URLSearchParams }),
      ...(signal && { signal }),
    });
    return answer as unknown as Response;
  };
}
