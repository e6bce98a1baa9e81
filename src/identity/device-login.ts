// SPDX-License-Identifier: Apache-2.0
import * as oidc from 'openid-client';
import { Agent, fetch } from 'undici';
import { permittedUrl } from './fetch-json.ts';

export interface DeviceLogin {
  readonly issuer: string;
  readonly clientId: string;
  readonly scopes: readonly string[];
  readonly resource?: string;
  /** Root certificates (PEM) to trust besides the built-in ones. */
  readonly ca?: string;
}

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
 * OAuth device authorization (RFC 8628) as a public client. Resolves with the tokens that may be
 * JWTs, access token first; rejects when the provider or the person says no, or on `signal`.
 */
export async function deviceLogin(
  login: DeviceLogin,
  prompt: (what: DevicePrompt) => void,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const issuer = permittedUrl(login.issuer);
  if (!issuer) throw new Error(`${login.issuer} is not https (http is for loopback only)`);
  const configuration = await oidc.discovery(issuer, login.clientId, undefined, oidc.None(), {
    execute: issuer.protocol === 'http:' ? [oidc.allowInsecureRequests] : [],
    ...(login.ca !== undefined && { [oidc.customFetch]: fetchTrusting(login.ca) }),
  });
  const device = await oidc.initiateDeviceAuthorization(configuration, {
    scope: login.scopes.join(' '),
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
  return [tokens.access_token, tokens.id_token].filter((token) => token !== undefined);
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
