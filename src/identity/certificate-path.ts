// SPDX-License-Identifier: Apache-2.0
import type { X509Certificate } from 'node:crypto';
import { type CertificateFacts, certificateFacts } from './certificate-facts.ts';

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
 * undefined when there is none (RFC 5280 section 6, without revocation and name constraints: a
 * certificate with constraints is refused, not ignored). Validity is the caller's question.
 */
export function findPath(
  leaf: ReadCertificate,
  presented: readonly ReadCertificate[],
  roots: readonly ReadCertificate[],
): readonly ReadCertificate[] | undefined {
  // Each certificate is expanded once, so cross-signed loops end and work is bounded.
  const left = new Set(presented.slice(0, MAX_PRESENTED));
  const extend = (path: readonly ReadCertificate[]): readonly ReadCertificate[] | undefined => {
    const last = path[path.length - 1] ?? leaf;
    // `path.length - 1` intermediates stand between the leaf and what comes next.
    const root = roots.find((candidate) => isIssuer(candidate, last, path.length - 1));
    if (root) return [...path, root];
    for (const candidate of left) {
      if (!isIssuer(candidate, last, path.length - 1)) continue;
      left.delete(candidate);
      const found = extend([...path, candidate]);
      if (found) return found;
    }
    return undefined;
  };
  return extend([leaf]);
}

function isIssuer(issuer: ReadCertificate, child: ReadCertificate, below: number): boolean {
  const { isCa, pathLength, maySignCertificates, notUnderstood } = issuer.facts;
  if (!isCa || !maySignCertificates || notUnderstood !== undefined) return false;
  if (pathLength !== undefined && below > pathLength) return false;
  if (!child.certificate.checkIssued(issuer.certificate)) return false;
  return child.certificate.verify(issuer.certificate.publicKey);
}
