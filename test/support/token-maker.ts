// SPDX-License-Identifier: Apache-2.0
import { createHmac, generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto';

export type Claims = Readonly<Record<string, unknown>>;

export interface SignOptions {
  /** What the header says; by default what the key can do. */
  readonly alg?: string;
  /** Null: no kid at all. */
  readonly kid?: string | null;
  /** Further header members, such as a hostile `jku`. */
  readonly header?: Claims;
}

/** A signing key and how its public half appears in a key set. */
export class SigningKey {
  readonly kid: string;
  readonly algorithm: 'ES256' | 'RS256' | 'EdDSA';
  readonly #privateKey: KeyObject;
  readonly publicKey: KeyObject;

  constructor(algorithm: 'ES256' | 'RS256' | 'EdDSA' = 'ES256', kid: string = randomUUID()) {
    const pair =
      algorithm === 'ES256'
        ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
        : algorithm === 'RS256'
          ? generateKeyPairSync('rsa', { modulusLength: 2048 })
          : generateKeyPairSync('ed25519');
    this.kid = kid;
    this.algorithm = algorithm;
    this.#privateKey = pair.privateKey;
    this.publicKey = pair.publicKey;
  }

  jwk(more: Claims = {}): Claims {
    const { kid } = this;
    return { ...this.publicKey.export({ format: 'jwk' }), kid, use: 'sig', ...more };
  }

  /** A compact JWS. `alg` none and HS256 (with the public key as the secret) are the classic lies. */
  sign(claims: Claims, options: SignOptions = {}): string {
    const alg = options.alg ?? this.algorithm;
    const kid = options.kid === null ? {} : { kid: options.kid ?? this.kid };
    const header = { alg, typ: 'JWT', ...kid, ...options.header };
    const input = `${base64url(header)}.${base64url(claims)}`;
    return `${input}.${this.#signature(alg, input).toString('base64url')}`;
  }

  #signature(alg: string, input: string): Buffer {
    if (alg === 'none') return Buffer.alloc(0);
    if (alg.startsWith('HS')) {
      const secret = this.publicKey.export({ type: 'spki', format: 'pem' });
      return createHmac('sha256', secret).update(input).digest();
    }
    const key = { key: this.#privateKey, dsaEncoding: 'ieee-p1363' } as const;
    return sign(this.algorithm === 'EdDSA' ? null : 'sha256', Buffer.from(input), key);
  }
}

function base64url(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
