// SPDX-License-Identifier: Apache-2.0
import { type IdentityRefusal, quote, refusal } from './result.ts';

/** Far above any real token, far below what would hurt to parse. */
export const MAX_TOKEN_BYTES = 16 * 1024;

/** Asymmetric only: a MAC key would be something Postern shares, and `none` is no proof. */
export const SIGNATURE_ALGORITHMS: readonly string[] = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];

/** Other `typ` values name tokens made for another purpose, such as `logout+jwt` (RFC 8725 3.11). */
const TOKEN_TYPES = new Set(['jwt', 'at+jwt', 'jose']);

export type Claims = Readonly<Record<string, unknown>>;

/** What a token says of itself. Good for looking up who should vouch for it, and nothing else. */
export interface UnverifiedToken {
  readonly issuer: string;
  readonly algorithm: string;
  readonly keyId?: string;
  readonly claims: Claims;
}

export type ParsedToken = { readonly ok: true; readonly token: UnverifiedToken } | IdentityRefusal;

/**
 * Reads a compact JWS (RFC 7515 section 3.1). Header members that point to or carry a key (`jku`,
 * `jwk`, `x5u`, `x5c`) are never looked at; `crit` is refused, because nothing it could name is
 * understood here.
 */
export function parseToken(text: string): ParsedToken {
  if (text.length > MAX_TOKEN_BYTES) {
    const detail = `the token has ${text.length} bytes; the limit is ${MAX_TOKEN_BYTES}`;
    return refusal('token-oversize', detail);
  }
  const parts = text.split('.');
  const [header64 = '', claims64 = ''] = parts;
  if (parts.length === 5) {
    return malformed('it is encrypted (JWE); only signed tokens (JWS) are accepted');
  }
  if (parts.length !== 3) return malformed('it is not three parts joined by dots');
  const header = parseObject(header64);
  const claims = parseObject(claims64);
  if (!header) return malformed('its header is not base64url JSON');
  if (!claims) return malformed('its payload is not base64url JSON');

  const { alg, kid, typ } = header;
  if (typeof alg !== 'string' || !SIGNATURE_ALGORITHMS.includes(alg)) return badAlgorithm(alg);
  if (header.crit !== undefined) return malformed('its header has critical extensions (crit)');
  if (kid !== undefined && typeof kid !== 'string') return malformed('its kid is not text');
  if (typ !== undefined && !isTokenType(typ)) {
    return malformed(`its type is ${quote(typ)}, which is not made for access`);
  }
  if (typeof claims.iss !== 'string') return malformed('it has no issuer (iss)');
  const token = { issuer: claims.iss, algorithm: alg, claims };
  return { ok: true, token: kid === undefined ? token : { ...token, keyId: kid } };
}

function malformed(problem: string): IdentityRefusal {
  return refusal('token-malformed', `the token cannot be used: ${problem}`);
}

function badAlgorithm(alg: unknown): IdentityRefusal {
  const accepted = SIGNATURE_ALGORITHMS.join(', ');
  return refusal(
    'token-algorithm',
    `the token's algorithm is ${quote(alg)}; only ${accepted} are accepted`,
  );
}

function isTokenType(typ: unknown): boolean {
  if (typeof typ !== 'string') return false;
  return TOKEN_TYPES.has(typ.toLowerCase().replace(/^application\//, ''));
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Undefined unless it is base64url of the UTF-8 JSON text of an object. */
function parseObject(base64url: string): Record<string, unknown> | undefined {
  if (!/^[A-Za-z0-9_-]+$/.test(base64url)) return undefined;
  try {
    const value: unknown = JSON.parse(utf8.decode(Buffer.from(base64url, 'base64url')));
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : undefined;
  } catch {
    // Not UTF-8 or not JSON: the caller says which part.
    return undefined;
  }
}
