// SPDX-License-Identifier: Apache-2.0
import { generateKeyPairSync, sign } from 'node:crypto';
import { BitString, Constructed, fromBER, Integer, ObjectIdentifier, Sequence } from 'asn1js';
import { Secret } from '../model/secret.ts';

const ECDSA_WITH_SHA256 = '1.2.840.10045.4.3.2';

/** A new private key and the request (PKCS #10, PEM) that proves that we hold it. */
export interface KeyRequest {
  readonly keyPem: Secret;
  readonly requestPem: string;
}

/** P-256; the request names nobody, because the authority would not look. */
export function newKeyRequest(): KeyRequest {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spki = new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }));
  const info = new Sequence({
    value: [
      new Integer({ value: 0 }),
      new Sequence(),
      fromBER(spki).result,
      new Constructed({ idBlock: { tagClass: 3, tagNumber: 0 } }),
    ],
  });
  const signature = sign('sha256', Buffer.from(info.toBER()), privateKey);
  const request = new Sequence({
    value: [
      info,
      new Sequence({ value: [new ObjectIdentifier({ value: ECDSA_WITH_SHA256 })] }),
      new BitString({ valueHex: new Uint8Array(signature) }),
    ],
  });
  const base64 = Buffer.from(request.toBER()).toString('base64');
  const lines = base64.match(/.{1,64}/g) ?? [];
  const label = 'CERTIFICATE REQUEST';
  return {
    keyPem: new Secret(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()),
    requestPem: [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n'),
  };
}
