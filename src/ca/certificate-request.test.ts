// SPDX-License-Identifier: Apache-2.0
import { equal, ok } from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { newKeyRequest } from '../agent/key-request.ts';
import { createAuthority } from '../identity/authority.ts';
import { MAX_REQUEST_BYTES, readCertificateRequest } from './certificate-request.ts';

const LABEL = 'CERTIFICATE REQUEST';
const pemOf = (der: Uint8Array, label = LABEL) =>
  `-----BEGIN ${label}-----\n${Buffer.from(der).toString('base64')}\n-----END ${label}-----\n`;
const derOf = (pem: string) => Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64');

function reasonOf(pem: string): string {
  const read = readCertificateRequest(pem);
  return read.ok ? 'ok' : read.reason;
}

describe('certificate-request', () => {
  it('takes the key of a request that its own key signed', async () => {
    const { requestPem, keyPem } = newKeyRequest();
    const read = readCertificateRequest(requestPem);
    ok(read.ok);
    const authority = await createAuthority();
    const { chainPem } = await authority.certify(read.publicKey, {});
    const key = createPrivateKey(keyPem.reveal());
    ok(new X509Certificate(chainPem).checkPrivateKey(key));
    equal(reasonOf(requestPem.replaceAll(LABEL, `NEW ${LABEL}`)), 'ok');
  });

  it('refuses what is around, before or after one request', () => {
    const { requestPem } = newKeyRequest();
    const der = derOf(requestPem);
    for (const pem of [
      '',
      `${requestPem}${requestPem}`,
      `text\n${requestPem}`,
      requestPem.replace(`END ${LABEL}`, `END NEW ${LABEL}`),
      pemOf(der, 'CERTIFICATE'),
      pemOf(der.subarray(0, -1)),
      pemOf(Buffer.concat([der.subarray(0, 2), Buffer.of((der[2] ?? 0) ^ 8), der.subarray(3)])),
      pemOf(Buffer.concat([der, Buffer.of(0)])),
      pemOf(Buffer.alloc(0)),
      pemOf(Buffer.alloc(10_000, 0x30)),
      pemOf(Buffer.from('30800000', 'hex')),
      `${requestPem}${' '.repeat(MAX_REQUEST_BYTES)}`,
    ]) {
      equal(reasonOf(pem), 'request-malformed', pem.slice(0, 80));
    }
  });

  it('believes no signature but that of the key itself over these bytes', () => {
    const der = derOf(newKeyRequest().requestPem);
    const other = derOf(newKeyRequest().requestPem);
    const point = der.indexOf(Buffer.from('034200', 'hex'));
    ok(point > 0);
    const mixed = Buffer.from(der);
    other.copy(mixed, point, point, point + 68);
    equal(reasonOf(pemOf(mixed)), 'request-signature');
    const weak = derOf(newKeyRequest().requestPem);
    // ecdsa-with-SHA256 becomes ecdsa-with-SHA1.
    const oid = weak.lastIndexOf(Buffer.from('2a8648ce3d040302', 'hex'));
    Buffer.from('2a8648ce3d040301', 'hex').copy(weak, oid);
    equal(reasonOf(pemOf(weak)), 'request-signature');
  });

  it('never throws, and accepts nothing in which a byte was changed', () => {
    const der = derOf(newKeyRequest().requestPem);
    const at = fc.nat(der.length - 1);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(at, fc.integer({ min: 1, max: 255 })), { minLength: 1 }),
        (edits) => {
          const edited = Buffer.from(der);
          for (const [index, mask] of edits) edited[index] = (edited[index] ?? 0) ^ mask;
          return edited.equals(der) || !readCertificateRequest(pemOf(edited)).ok;
        },
      ),
      { numRuns: 300 },
    );
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        (bytes) => !readCertificateRequest(pemOf(bytes)).ok,
      ),
    );
  });
});
