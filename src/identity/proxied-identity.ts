// SPDX-License-Identifier: Apache-2.0
import type { WorkloadPrincipal } from '../model/principal.ts';
import type { Cluster } from '../policy/policy.ts';
import { type IdentityResult, quote, refusal } from './result.ts';
import { formatWorkloadSpiffeId, parseWorkloadSpiffeId } from './spiffe-id.ts';

/** Where ztunnel, and Envoy when it is told to, put the SPIFFE id of the peer they verified. */
export const SPIFFE_ID_FIELD = 0xd0;

/**
 * A header does not say when the certificate behind it ends. Istio's live for a day, so whoever it
 * named has proven itself anew, or not, after that.
 */
const PROXIED_LIFE_MS = 24 * 3_600_000;

/**
 * The workload that a proxy in front says it has verified: exactly one SPIFFE id of the cluster
 * whose mesh the proxy belongs to. Nothing in the header is signed; that the proxy is the only one
 * who can reach the listener is what makes it true.
 */
export function proxiedIdentity(
  ids: readonly Buffer[],
  cluster: Cluster,
  nowMs: number,
): IdentityResult {
  const [only] = ids;
  if (only === undefined) {
    return refusal('anonymous', 'the PROXY header has no SPIFFE id (field 0xD0)');
  }
  if (ids.length > 1) {
    return refusal('proxy-identity', `the PROXY header has ${ids.length} SPIFFE ids`);
  }
  const text = only.toString('latin1');
  // Envoy writes a dash for what it does not know: the peer had no certificate.
  if (text === '' || text === '-') {
    return refusal('anonymous', 'the proxy in front did not verify who the peer is');
  }
  const id = parseWorkloadSpiffeId(text);
  if (!id) {
    const wanted = 'spiffe://<trust domain>/ns/<namespace>/sa/<service account>';
    return refusal('proxy-identity', `the PROXY header names ${quote(text)}, not ${wanted}`);
  }
  const { name, trustDomain, trustDomainAliases } = cluster;
  if (id.trustDomain !== trustDomain && !trustDomainAliases.includes(id.trustDomain)) {
    const detail = `the PROXY header names ${quote(text)}, Cluster ${name} is ${quote(trustDomain)}`;
    return refusal('proxy-identity', detail);
  }
  const { namespace, serviceAccount } = id;
  const principal: WorkloadPrincipal = {
    kind: 'workload',
    id: `workload/${name}/${namespace}/${serviceAccount}`,
    method: 'proxy-v2',
    verifiedBy: name,
    claims: {},
    expiresAt: nowMs + PROXIED_LIFE_MS,
    cluster: name,
    namespace,
    serviceAccount,
    spiffeId: formatWorkloadSpiffeId({ ...id, trustDomain }),
  };
  return { ok: true, principal };
}
