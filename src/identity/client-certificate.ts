// SPDX-License-Identifier: Apache-2.0
import type { X509Certificate } from 'node:crypto';
import type { WorkloadPrincipal } from '../model/principal.ts';
import { CLIENT_AUTH } from './certificate-facts.ts';
import { findPath, MAX_PRESENTED, type ReadCertificate, readAll } from './certificate-path.ts';
import { type IdentityRefusal, type IdentityResult, quote, quoteList, refusal } from './result.ts';
import {
  formatWorkloadSpiffeId,
  parseWorkloadSpiffeId,
  type WorkloadSpiffeId,
} from './spiffe-id.ts';
import type { TrustBundle, TrustBundles } from './trust-bundles.ts';

export type CertificateMethod = 'mesh-mtls' | 'client-certificate';

/**
 * Turns the certificates a TLS peer presented (leaf first) into a workload. The peer must already
 * have proved that it holds the leaf's key, by the handshake. The chain is verified here once
 * more, against the bundle of the Cluster its own name belongs to: TLS only knows the union of all
 * bundles, with which any cluster's authority could name a workload of another.
 */
export function verifyClientCertificate(
  chain: readonly X509Certificate[],
  bundles: TrustBundles,
  how: { readonly method: CertificateMethod; readonly nowMs: number },
): IdentityResult {
  if (chain.length > MAX_PRESENTED + 1) {
    return refusal('certificate-untrusted', `the peer presented ${chain.length} certificates`);
  }
  const [leaf, ...presented] = readAll(chain) ?? [];
  if (!leaf) return refusal('certificate-untrusted', 'a presented certificate cannot be read');
  const unfit = leafProblem(leaf);
  if (unfit) return unfit;
  const named = workloadOf(leaf);
  if (!named.ok) return named;
  const vouched = vouchingCluster(named.id, leaf, presented, bundles);
  if (!vouched.ok) return vouched;
  const late = validityProblem(vouched.path, how.nowMs);
  if (late) return late;
  const { cluster } = vouched.bundle;
  const { namespace, serviceAccount } = named.id;
  const principal: WorkloadPrincipal = {
    kind: 'workload',
    id: `workload/${cluster.name}/${namespace}/${serviceAccount}`,
    method: how.method,
    verifiedBy: cluster.name,
    claims: {},
    expiresAt: Math.min(...vouched.path.map((one) => one.facts.notAfter)),
    anchor: {
      kind: 'certificate',
      trustDomain: named.id.trustDomain,
      clusterDomain: cluster.trustDomain,
      root: vouched.path.at(-1)?.certificate.fingerprint256 ?? '',
    },
    cluster: cluster.name,
    namespace,
    serviceAccount,
    // An alias is another name of the same cluster, so rules see its proper trust domain.
    spiffeId: formatWorkloadSpiffeId({ ...named.id, trustDomain: cluster.trustDomain }),
  };
  return { ok: true, principal };
}

/** X509-SVID section 4 and Istio: an end entity that may authenticate itself to a server. */
function leafProblem(leaf: ReadCertificate): IdentityRefusal | undefined {
  const { isCa, maySignCertificates, maySignData, purposes, notUnderstood } = leaf.facts;
  if (isCa || maySignCertificates) {
    const detail = 'the certificate is that of an authority, not of a workload';
    return refusal('certificate-not-leaf', detail);
  }
  if (!maySignData || !purposes?.includes(CLIENT_AUTH)) {
    const detail = 'the certificate is not made for authenticating to a server (clientAuth)';
    return refusal('certificate-usage', detail);
  }
  if (notUnderstood !== undefined) {
    const detail = `the certificate has the extension ${notUnderstood}, which is not understood`;
    return refusal('certificate-usage', detail);
  }
  return undefined;
}

function workloadOf(
  leaf: ReadCertificate,
): { readonly ok: true; readonly id: WorkloadSpiffeId } | IdentityRefusal {
  const { uris } = leaf.facts;
  const [uri] = uris;
  if (uris.length !== 1 || uri === undefined) {
    return refusal(
      'certificate-identity',
      `the certificate has ${uris.length} URI names (${quoteList(uris)}); exactly one is accepted`,
    );
  }
  const id = parseWorkloadSpiffeId(uri);
  if (id) return { ok: true, id };
  const wanted = 'spiffe://<trust domain>/ns/<namespace>/sa/<service account>';
  return refusal('certificate-identity', `the certificate names ${quote(uri)}, not ${wanted}`);
}

type Vouched =
  | {
      readonly ok: true;
      readonly bundle: TrustBundle;
      readonly path: readonly ReadCertificate[];
    }
  | IdentityRefusal;

function vouchingCluster(
  id: WorkloadSpiffeId,
  leaf: ReadCertificate,
  presented: readonly ReadCertificate[],
  bundles: TrustBundles,
): Vouched {
  const vouching = (candidates: readonly TrustBundle[]) =>
    candidates.flatMap((bundle) => {
      const path = findPath(leaf, presented, bundle.roots);
      return path ? [{ ok: true as const, bundle, path }] : [];
    });
  const named = bundles.ofTrustDomain(id.trustDomain);
  const [found, ...more] = vouching(named);
  const claimed = `the certificate names ${quote(formatWorkloadSpiffeId(id))}`;
  if (found && more.length === 0) return found;
  if (found) {
    const names = [found, ...more].map((one) => one.bundle.cluster.name).join(' and ');
    const detail = `${claimed}, and Clusters ${names} both vouch for it; their bundles overlap`;
    return refusal('certificate-untrusted', detail);
  }
  const [other] = vouching(bundles.all);
  if (other) {
    const { name, trustDomain } = other.bundle.cluster;
    const detail = `${claimed}, but its root belongs to Cluster ${name} (trust domain ${quote(trustDomain)})`;
    return refusal('certificate-untrusted', detail);
  }
  const domains = bundles.all.map(({ cluster }) => cluster.trustDomain);
  return refusal(
    'certificate-untrusted',
    named.length === 0
      ? `${claimed}; declared trust domains are ${quoteList([...new Set(domains)])}`
      : `${claimed}, but chains to no root in the bundle of ${named.map((one) => `Cluster ${one.cluster.name}`).join(', ')}`,
  );
}

function validityProblem(
  path: readonly ReadCertificate[],
  nowMs: number,
): IdentityRefusal | undefined {
  for (const [index, { facts }] of path.entries()) {
    const what = index === 0 ? 'the certificate' : 'a certificate above it in the chain';
    // Negated, so that a date that could not be read is never taken for a good one.
    if (!(nowMs >= facts.notBefore)) {
      return refusal('certificate-expired', `${what} starts ${dateText(facts.notBefore)}`);
    }
    if (!(nowMs < facts.notAfter)) {
      return refusal('certificate-expired', `${what} ended ${dateText(facts.notAfter)}`);
    }
  }
  return undefined;
}

function dateText(ms: number): string {
  return Number.isFinite(ms) ? `at ${new Date(ms).toISOString()}` : 'at no readable time';
}
