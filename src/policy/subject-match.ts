// SPDX-License-Identifier: Apache-2.0
import type { Principal, UserPrincipal } from '../model/principal.ts';
import type { Cluster, SubjectMatcher, TextPattern } from './policy.ts';

/** `unknown`: the provider cut the list of groups off, so nobody can tell. */
export type Match = 'yes' | 'no' | 'unknown';

/** What is unsure or unsaid counts against the principal, and that differs between the two. */
export type Side = 'grant' | 'deny';

type Matcher<Kind extends SubjectMatcher['kind']> = Extract<SubjectMatcher, { kind: Kind }>;
type Clusters = ReadonlyMap<string, Cluster>;

/** Whether one subject of a rule means this principal. Everything unexpected is `no`. */
export function subjectMatch(
  matcher: SubjectMatcher,
  principal: Principal,
  side: Side,
  clusters: Clusters,
): Match {
  switch (matcher.kind) {
    case 'workload':
      return truth(workloadMatches(matcher, principal));
    case 'spiffeId':
      return truth(spiffeIdMatches(matcher.id, principal, side, clusters));
    case 'user':
      return truth(
        principal.kind === 'user' &&
          principal.provider === matcher.provider &&
          principal.subject === matcher.id,
      );
    case 'group':
      return principal.kind === 'user' ? groupMatch(matcher, principal) : 'no';
    case 'appRole':
      return truth(
        (principal.kind === 'user' || principal.kind === 'agent') &&
          principal.provider === matcher.provider &&
          principal.appRoles.has(matcher.value),
      );
    case 'ci':
      return truth(ciMatches(matcher, principal));
    case 'agent':
      return agentMatch(matcher, principal, side, clusters);
    case 'any':
      // Only a Deny may mean everybody; a Grant that says so gives nothing.
      return truth(side === 'deny' && principal.kind === matcher.of);
  }
}

/** A rule's subjects are ORed: certainty beats doubt. */
export function anySubjectMatch(
  matchers: readonly SubjectMatcher[],
  principal: Principal,
  side: Side,
  clusters: Clusters,
): Match {
  let best: Match = 'no';
  for (const matcher of matchers) {
    const match = subjectMatch(matcher, principal, side, clusters);
    if (match === 'yes') return 'yes';
    if (match === 'unknown') best = 'unknown';
  }
  return best;
}

export function textMatches(pattern: TextPattern, value: string): boolean {
  if (pattern.match === 'exact') return value === pattern.value;
  if (pattern.match === 'prefix') return value.startsWith(pattern.value);
  return value.endsWith(pattern.value);
}

function truth(matches: boolean): Match {
  return matches ? 'yes' : 'no';
}

function workloadMatches(matcher: Matcher<'workload'>, principal: Principal): boolean {
  if (principal.kind !== 'workload' || !matcher.clusters.has(principal.cluster)) return false;
  const { cluster, namespace, serviceAccount } = principal;
  if (matcher.namespaces && !matcher.namespaces.get(cluster)?.has(namespace)) return false;
  if (matcher.exceptNamespaces?.get(cluster)?.has(namespace)) return false;
  return matcher.serviceAccounts?.has(`${namespace}/${serviceAccount}`) ?? true;
}

/**
 * A workload that came with a token carries no SPIFFE id. A Deny must not be escaped by choosing
 * the other proof, so there the ids that its cluster would have issued count as well.
 */
function spiffeIdMatches(
  id: string,
  principal: Principal,
  side: Side,
  clusters: Clusters,
): boolean {
  if (principal.kind !== 'workload') return false;
  if (principal.spiffeId === id) return true;
  const cluster = side === 'deny' ? clusters.get(principal.cluster) : undefined;
  if (!cluster) return false;
  const path = `/ns/${principal.namespace}/sa/${principal.serviceAccount}`;
  return [cluster.trustDomain, ...cluster.trustDomainAliases].some(
    (domain) => id === `spiffe://${domain}${path}`,
  );
}

function groupMatch(matcher: Matcher<'group'>, user: UserPrincipal): Match {
  if (user.provider !== matcher.provider) return 'no';
  if (user.groups.ids.has(matcher.id)) return 'yes';
  return user.groups.incomplete ? 'unknown' : 'no';
}

function ciMatches(matcher: Matcher<'ci'>, principal: Principal): boolean {
  if (principal.kind !== 'ci' || principal.provider !== matcher.provider) return false;
  const { ownerId, repositoryId, repository, environment, ref } = matcher;
  return (
    (ownerId === undefined || principal.ownerId === ownerId) &&
    (repositoryId === undefined || principal.repositoryId === repositoryId) &&
    (repository === undefined || principal.repository === repository) &&
    (environment === undefined || principal.environment === environment) &&
    (ref === undefined || (principal.ref !== undefined && textMatches(ref, principal.ref)))
  );
}

/**
 * Without `onBehalfOf` a Grant speaks of the agent acting for itself; rights while it acts for a
 * person are granted explicitly. A Deny without it means the agent in whatever it does.
 */
function agentMatch(
  matcher: Matcher<'agent'>,
  principal: Principal,
  side: Side,
  clusters: Clusters,
): Match {
  if (
    principal.kind !== 'agent' ||
    principal.provider !== matcher.provider ||
    principal.client !== matcher.client
  ) {
    return 'no';
  }
  const person = principal.onBehalfOf;
  if (!matcher.onBehalfOf) return truth(side === 'deny' || person === undefined);
  return person ? subjectMatch(matcher.onBehalfOf, person, side, clusters) : 'no';
}
