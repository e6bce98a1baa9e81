// SPDX-License-Identifier: Apache-2.0
import { deviceLogin } from '../../src/identity/device-login.ts';
import { signInWithBrowser } from './browser.ts';
import { DEMO_CLIENT } from './identity-provider.ts';

const LIMIT_MS = 20_000;

/** A person's token by the device flow (RFC 8628); the person is played by `browser.ts`. */
export async function signIn(issuer: string, login: string): Promise<string> {
  const failed = new AbortController();
  const { tokens } = await deviceLogin(
    { issuer, clientId: DEMO_CLIENT, scopes: ['openid', 'data'], refresh: false },
    ({ url, urlWithCode }) => {
      signInWithBrowser(urlWithCode ?? url, login).catch((cause) => failed.abort(cause));
    },
    AbortSignal.any([failed.signal, AbortSignal.timeout(LIMIT_MS)]),
  );
  const [token] = tokens;
  if (token === undefined) throw new Error(`${issuer} gave ${login} no token`);
  return token.text;
}
