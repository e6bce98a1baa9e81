// SPDX-License-Identifier: Apache-2.0
import { createPublicKey, type KeyObject } from 'node:crypto';

const CURVES: ReadonlySet<string> = new Set(['prime256v1', 'secp384r1']);
const RSA_BITS = { least: 2048, most: 4096 };
const LEAST_RSA_EXPONENT = 65_537n;

/** Public keys that get a certificate; others are named in the answer. */
export const FIT_KEYS = 'EC P-256 or P-384, Ed25519, or RSA of 2048 to 4096 bits';

/** The key of an SPKI (DER); undefined when it cannot be read or is not of a kind listed above. */
export function fitPublicKey(spki: Uint8Array): KeyObject | undefined {
  let key: KeyObject;
  try {
    key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
  } catch {
    // OpenSSL throws many kinds; all of them mean "no such key".
    return undefined;
  }
  return isFit(key) ? key : undefined;
}

function isFit({ asymmetricKeyType, asymmetricKeyDetails = {} }: KeyObject): boolean {
  const { namedCurve, modulusLength = 0, publicExponent = 0n } = asymmetricKeyDetails;
  switch (asymmetricKeyType) {
    case 'ec':
      return namedCurve !== undefined && CURVES.has(namedCurve);
    case 'ed25519':
      return true;
    case 'rsa':
      return (
        modulusLength >= RSA_BITS.least &&
        modulusLength <= RSA_BITS.most &&
        publicExponent >= LEAST_RSA_EXPONENT
      );
    default:
      return false;
  }
}

/** One spelling of the key, whatever the request's was. */
export function canonicalSpki(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' });
}
