// SPDX-License-Identifier: Apache-2.0
import type { X509Certificate } from 'node:crypto';
import {
  ANY_PURPOSE,
  type CertificateFacts,
  CLIENT_AUTH,
  certificateFacts,
} from './certificate-facts.ts';
import { permitsNames } from './name-constraints.ts';

/** Longest chain worth looking at; Istio's have two or three certificates. */
export const MAX_PRESENTED = 8;

export interface ReadCertificate {
  readonly certificate: X509Certificate;
  readonly facts: CertificateFacts;
}

/** Undefined when any of them cannot be read. */
export function readAll(chain: readonly X509Certificate[]): ReadCertificate[] | undefined {
  const read = chain.map((certificate) => ({ certificate, facts: certificateFacts(certificate) }));
  const complete = read.filter((one): one is ReadCertificate => one.facts !== undefined);
  return complete.length === chain.length ? complete : undefined;
}

/**
 * A chain from the leaf over presented intermediates to one of the roots, each signed by the next;
 * undefined when there is none (RFC 5280 section 6, without revocation). Name constraints hold for
 * everything below them; such as are not understood refuse. Validity is the caller's question.
 */
export function findPath(
  leaf: ReadCertificate,
  presented: readonly ReadCertificate[],
  roots: readonly ReadCertificate[],
): readonly ReadCertificate[] | undefined {
  // Each certificate is expanded once, so cross-signed loops end and work is bounded.
  const left = new Set(presented.slice(0, MAX_PRESENTED));
  const extend = (path: readonly ReadCertificate[]): readonly ReadCertificate[] | undefined => {
    const root = roots.find((candidate) => mayIssue(candidate, path));
    if (root) return [...path, root];
    for (const candidate of left) {
      if (!mayIssue(candidate, path)) continue;
      left.delete(candidate);
      const found = extend([...path, candidate]);
      if (found) return found;
    }
    return undefined;
  };
  return extend([leaf]);
}

/** SHA-2 with RSA (PKCS #1) and ECDSA, and Ed25519. SHA-1 and older prove nothing. */
const SIGNATURE_ALGORITHMS = new Set([
  '1.2.840.113549.1.1.11',
  '1.2.840.113549.1.1.12',
  '1.2.840.113549.1.1.13',
  '1.2.840.10045.4.3.2',
  '1.2.840.10045.4.3.3',
  '1.2.840.10045.4.3.4',
  '1.3.101.112',
]);
const MIN_RSA_BITS = 2048;

/** Whether the issuer signed the last certificate of the path and may have all of it below it. */
function mayIssue(issuer: ReadCertificate, path: readonly ReadCertificate[]): boolean {
  const last = path.at(-1);
  // `path.length - 1` intermediates stand between the leaf and the issuer. RFC 5280 does not count
  // self-issued ones; counting them, and holding them to the constraints, is stricter and simpler.
  if (!last || !isIssuer(issuer, last, path.length - 1)) return false;
  const { nameConstraints } = issuer.facts;
  if (!nameConstraints) return true;
  // Node has no text for an empty subject.
  return path.every(({ facts, certificate }) =>
    permitsNames(nameConstraints, { ...facts, subject: certificate.subject ?? '' }),
  );
}

function isIssuer(issuer: ReadCertificate, child: ReadCertificate, below: number): boolean {
  const { isCa, pathLength, maySignCertificates, purposes, notUnderstood } = issuer.facts;
  if (!isCa || !maySignCertificates || notUnderstood !== undefined) return false;
  // An authority limited to other purposes cannot vouch for clients.
  if (purposes && !purposes.some((one) => one === CLIENT_AUTH || one === ANY_PURPOSE)) return false;
  if (pathLength !== undefined && below > pathLength) return false;
  if (!SIGNATURE_ALGORITHMS.has(child.facts.signatureAlgorithm)) return false;
  const key = issuer.certificate.publicKey;
  const { modulusLength } = key.asymmetricKeyDetails ?? {};
  if (modulusLength !== undefined && modulusLength < MIN_RSA_BITS) return false;
  return child.certificate.checkIssued(issuer.certificate) && child.certificate.verify(key);
}
