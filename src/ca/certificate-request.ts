// SPDX-License-Identifier: Apache-2.0
import { verify } from 'node:crypto';
import { BitString, fromBER, Integer, ObjectIdentifier, Sequence } from 'asn1js';
import { canonicalSpki, FIT_KEYS, fitPublicKey } from './key-fitness.ts';

/** An RSA request of 4096 bits with many attributes is about 3 kB. */
export const MAX_REQUEST_BYTES = 16 * 1024;

export type ReadRequest =
  | { readonly ok: true; readonly publicKey: Uint8Array }
  | {
      readonly ok: false;
      readonly reason: 'request-malformed' | 'request-key' | 'request-signature';
      readonly detail: string;
    };

/** Signature algorithms by OID, as hash names of node; Ed25519 hashes by itself. */
const SIGNATURES: Readonly<Record<string, { readonly key: string; readonly hash: string | null }>> =
  {
    '1.2.840.10045.4.3.2': { key: 'ec', hash: 'sha256' },
    '1.2.840.10045.4.3.3': { key: 'ec', hash: 'sha384' },
    '1.2.840.10045.4.3.4': { key: 'ec', hash: 'sha512' },
    '1.2.840.113549.1.1.11': { key: 'rsa', hash: 'sha256' },
    '1.2.840.113549.1.1.12': { key: 'rsa', hash: 'sha384' },
    '1.2.840.113549.1.1.13': { key: 'rsa', hash: 'sha512' },
    '1.3.101.112': { key: 'ed25519', hash: null },
  };

const PEM =
  /^\s*-----BEGIN (NEW )?CERTIFICATE REQUEST-----([A-Za-z0-9+/=\s]+)-----END \1?CERTIFICATE REQUEST-----\s*$/;

/**
 * Takes the public key out of a PKCS #10 request (RFC 2986, PEM) after its signature proved that
 * the sender holds the private one. Subject, extensions and everything else in it are not looked
 * at: who somebody is comes from the proof of identity alone.
 */
export function readCertificateRequest(pem: string): ReadRequest {
  if (pem.length > MAX_REQUEST_BYTES) return malformed('it is too long');
  const base64 = PEM.exec(pem)?.[2];
  if (base64 === undefined) return malformed('it is not one PEM block CERTIFICATE REQUEST');
  const parts = partsOf(Buffer.from(base64, 'base64'));
  if (!parts) return malformed('it is not a PKCS #10 request');
  const key = fitPublicKey(parts.spki);
  if (!key) return { ok: false, reason: 'request-key', detail: `its key is not ${FIT_KEYS}` };
  const algorithm = SIGNATURES[parts.algorithm];
  if (algorithm?.key !== key.asymmetricKeyType) {
    const detail = `its signature algorithm ${parts.algorithm} is not SHA-2 with its own key`;
    return { ok: false, reason: 'request-signature', detail };
  }
  if (!verify(algorithm?.hash, parts.signed, key, parts.signature)) {
    return { ok: false, reason: 'request-signature', detail: 'it is not signed by its own key' };
  }
  return { ok: true, publicKey: canonicalSpki(key) };
}

function malformed(detail: string): ReadRequest {
  return {
    ok: false,
    reason: 'request-malformed',
    detail: `the request cannot be read: ${detail}`,
  };
}

interface Parts {
  readonly signed: Uint8Array;
  readonly spki: Uint8Array;
  readonly algorithm: string;
  readonly signature: Uint8Array;
}

/** CertificationRequest ::= SEQUENCE { info, algorithm, BIT STRING }; undefined when it is none. */
function partsOf(der: Uint8Array): Parts | undefined {
  try {
    const { result, offset } = fromBER(new Uint8Array(der));
    if (offset !== der.length || !(result instanceof Sequence)) return undefined;
    // The parser overlooks lengths that are not those of what is inside; DER has one form of all.
    if (!Buffer.from(result.toBER()).equals(der)) return undefined;
    const [info, algorithm, signature, ...more] = result.valueBlock.value;
    if (more.length > 0 || !(info instanceof Sequence) || !(algorithm instanceof Sequence)) {
      return undefined;
    }
    const [version, , spki] = info.valueBlock.value;
    const [oid] = algorithm.valueBlock.value;
    if (!(version instanceof Integer) || version.valueBlock.valueDec !== 0) return undefined;
    if (!(spki instanceof Sequence) || !(oid instanceof ObjectIdentifier)) return undefined;
    if (!(signature instanceof BitString) || signature.valueBlock.unusedBits !== 0)
      return undefined;
    return {
      signed: info.valueBeforeDecodeView,
      spki: spki.valueBeforeDecodeView,
      algorithm: oid.valueBlock.toString(),
      signature: signature.valueBlock.valueHexView,
    };
  } catch {
    // The parser throws many kinds, a deep nesting even overflows its stack: none is a request.
    return undefined;
  }
}
