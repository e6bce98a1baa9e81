// SPDX-License-Identifier: Apache-2.0
import type { ClaimValue, IdentityMethod, Principal } from '../model/principal.ts';
import { nearest } from './nearest.ts';
import type { Policy } from './policy.ts';

/** What a canonical id does not say about its principal. */
export interface PrincipalDetails {
  readonly groups?: readonly string[];
  readonly appRoles?: readonly string[];
  readonly claims?: Readonly<Record<string, ClaimValue>>;
  readonly ci?: {
    readonly ownerId?: string;
    readonly repositoryId?: string;
    readonly ref?: string;
  };
  readonly method?: IdentityMethod;
  readonly onBehalfOf?: Principal;
}

export type PrincipalReading =
  | { readonly ok: true; readonly principal: Principal }
  | { readonly ok: false; readonly problem: string };

/** A principal that is only spoken of has no proof that could end. */
const NO_END_MS = Number.MAX_SAFE_INTEGER;

/**
 * The principal of a canonical id, as if it had been verified: `workload/CLUSTER/NAMESPACE/SA`,
 * `user/PROVIDER/ID`, `ci/PROVIDER/REPOSITORY@ENVIRONMENT`, `agent/PROVIDER/CLIENT`, or short
 * `NAMESPACE/SA` when only one cluster can be meant.
 */
export function principalFromId(
  id: string,
  details: PrincipalDetails,
  policy: Policy,
): PrincipalReading {
  const [kind = '', scope = '', ...rest] = id.split('/');
  const remainder = rest.join('/');
  switch (kind) {
    case 'workload':
      return workload(scope, rest, id, details, policy);
    case 'user':
    case 'ci':
    case 'agent':
      if (remainder === '') return refused(`${id} is not complete: write ${kind}/PROVIDER/...`);
      if (!policy.providers.has(scope)) return unknown('IdentityProvider', scope, policy.providers);
      return { ok: true, principal: fromProvider(kind, scope, remainder, id, details) };
    default:
      return shortForm(id, details, policy);
  }
}

function workload(
  cluster: string,
  rest: readonly string[],
  id: string,
  details: PrincipalDetails,
  policy: Policy,
): PrincipalReading {
  const [namespace = '', serviceAccount = '', ...more] = rest;
  if (namespace === '' || serviceAccount === '' || more.length > 0) {
    return refused(`${id} is not a workload: write workload/CLUSTER/NAMESPACE/SERVICE-ACCOUNT`);
  }
  const declared = policy.clusters.get(cluster);
  if (!declared) return unknown('Cluster', cluster, policy.clusters);
  const method = details.method ?? 'mesh-mtls';
  const spiffeId = `spiffe://${declared.trustDomain}/ns/${namespace}/sa/${serviceAccount}`;
  const principal: Principal = {
    kind: 'workload',
    ...facts(id, cluster, method, details),
    cluster,
    namespace,
    serviceAccount,
    // A service account token carries no SPIFFE id.
    ...(method !== 'token' && { spiffeId }),
  };
  return { ok: true, principal };
}

function fromProvider(
  kind: 'user' | 'ci' | 'agent',
  provider: string,
  name: string,
  id: string,
  details: PrincipalDetails,
): Principal {
  const shared = { ...facts(id, provider, details.method ?? 'token', details), provider };
  const appRoles = new Set(details.appRoles);
  if (kind === 'agent') return { kind, ...shared, client: name, appRoles };
  if (kind === 'user') {
    const groups = { ids: new Set(details.groups), incomplete: false };
    return { kind, ...shared, subject: name, groups, appRoles };
  }
  // A repository's name may hold an "@" as little as an environment's does; the last one divides.
  const at = name.lastIndexOf('@');
  const environment = at < 0 ? '' : name.slice(at + 1);
  return {
    kind,
    ...shared,
    repository: at < 0 ? name : name.slice(0, at),
    ...(environment !== '' && { environment }),
    ...details.ci,
  };
}

function facts(id: string, verifiedBy: string, method: IdentityMethod, details: PrincipalDetails) {
  const { claims = {}, onBehalfOf } = details;
  const shared = { id, method, verifiedBy, claims, expiresAt: NO_END_MS };
  return onBehalfOf ? { ...shared, onBehalfOf } : shared;
}

/** `payments/checkout`, or `prod/payments/checkout` when `prod` is a cluster. */
function shortForm(id: string, details: PrincipalDetails, policy: Policy): PrincipalReading {
  const parts = id.split('/');
  if (parts.length === 3 && policy.clusters.has(parts[0] ?? '')) {
    return principalFromId(`workload/${id}`, details, policy);
  }
  if (parts.length !== 2 || parts.includes('')) {
    const forms = 'workload/CLUSTER/NAMESPACE/SA, user/PROVIDER/ID, ci/PROVIDER/REPOSITORY@ENV';
    return refused(`${id} is not the id of a principal; write ${forms} or agent/PROVIDER/CLIENT`);
  }
  const naming = clustersNaming(id, policy);
  const candidates = naming.length > 0 ? naming : [...policy.clusters.keys()];
  const [only, ...others] = candidates;
  if (only === undefined) return refused(`${id} may be a workload, but no Cluster is declared`);
  if (others.length > 0) {
    const full = candidates.map((cluster) => `workload/${cluster}/${id}`).join(' or ');
    return refused(`${id} may run in several clusters; write ${full}`);
  }
  return principalFromId(`workload/${only}/${id}`, details, policy);
}

/** Clusters in which some rule names this service account. */
function clustersNaming(account: string, policy: Policy): readonly string[] {
  const named = [...policy.grants, ...policy.denies]
    .flatMap(({ subjects }) => subjects)
    .flatMap((subject) =>
      subject.kind === 'workload' && subject.serviceAccounts?.has(account)
        ? [...subject.clusters]
        : [],
    );
  return [...new Set(named)].sort();
}

function unknown(kind: string, name: string, known: ReadonlyMap<string, unknown>) {
  const meant = nearest(name, known.keys());
  return refused(`there is no ${kind} ${name}${meant ? `; did you mean ${meant}?` : ''}`);
}

function refused(problem: string): PrincipalReading {
  return { ok: false, problem };
}
