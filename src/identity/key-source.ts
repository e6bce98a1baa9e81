// SPDX-License-Identifier: Apache-2.0
import type { JSONWebKeySet, JWK } from 'jose';
import type { Material } from '../policy/policy.ts';
import { type FetchJson, permittedUrl } from './fetch-json.ts';
import { readKeySet } from './issuer-keys.ts';
import { quote } from './result.ts';

/** Where the keys of one issuer come from, as the declaration says. Plain data: it is compared. */
export interface KeySource {
  readonly issuer: string;
  /** Every issuer the same provider may use; a key may be tied to one of them. */
  readonly issuers: readonly string[];
  readonly tenant?: string;
  readonly jwks?: Material | { readonly from: 'url'; readonly url: string };
  readonly ca?: Material;
}

export interface KeyReaders {
  readonly fetchJson: FetchJson;
  readonly readMaterial: (material: Material) => string;
}

const PUBLIC_KEY_TYPES = new Set(['RSA', 'EC', 'OKP']);

/** Loads the key set; rejects with an Error that says in plain words what is wrong. */
export async function loadKeys(source: KeySource, readers: KeyReaders): Promise<JSONWebKeySet> {
  const accepts = (key: JWK) => PUBLIC_KEY_TYPES.has(key.kty ?? '') && isKeyOfIssuer(key, source);
  const { jwks } = source;
  if (jwks && jwks.from !== 'url') {
    return readKeySet(JSON.parse(readers.readMaterial(jwks)), accepts);
  }
  const options = source.ca ? { ca: readers.readMaterial(source.ca) } : {};
  const url = jwks?.url ?? (await discover(source, readers, options));
  return readKeySet(await readers.fetchJson(url, options), accepts);
}

/** OpenID Connect Discovery 1.0 section 4: the document must name the issuer it was asked for. */
async function discover(
  source: KeySource,
  readers: KeyReaders,
  options: { readonly ca?: string },
): Promise<string> {
  const url = `${source.issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const document = (await readers.fetchJson(url, options)) as Record<string, unknown> | null;
  const issuer = document?.issuer;
  if (typeof issuer !== 'string' || withTenant(issuer, source) !== source.issuer) {
    throw new Error(`${url} is about issuer ${quote(issuer)}, not ${quote(source.issuer)}`);
  }
  const keysUrl = document?.jwks_uri;
  if (typeof keysUrl !== 'string' || !permittedUrl(keysUrl)) {
    throw new Error(`${url} gives ${quote(keysUrl)} as its key address, which is not https`);
  }
  return keysUrl;
}

/**
 * Entra publishes the keys of many tenants together and ties each to an issuer, often with a
 * template for the tenant. A key tied to an issuer that is not this provider's is not its key.
 */
function isKeyOfIssuer(key: JWK, source: KeySource): boolean {
  const { issuer } = key as { readonly issuer?: unknown };
  if (issuer === undefined) return true;
  return typeof issuer === 'string' && source.issuers.includes(withTenant(issuer, source));
}

function withTenant(issuer: string, source: KeySource): string {
  return source.tenant === undefined ? issuer : issuer.replace('{tenantid}', source.tenant);
}
