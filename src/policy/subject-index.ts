// SPDX-License-Identifier: Apache-2.0
import type { Principal } from '../model/principal.ts';
import type { SubjectMatcher } from './policy.ts';

interface IndexedRule {
  readonly subjects: readonly SubjectMatcher[];
  readonly targets: ReadonlySet<string>;
}

/**
 * Finds the rules that may concern a principal on a target without looking at the others: each
 * rule is filed by target under the most selective key of each of its subjects. Candidates still
 * have to be matched; what is not a candidate cannot match (`subject-index.test.ts` holds that).
 */
export class SubjectIndex<Rule extends IndexedRule> {
  readonly #byTarget = new Map<string, Map<string, Rule[]>>();

  constructor(rules: readonly Rule[]) {
    for (const rule of rules) this.#file(rule);
  }

  /** Each candidate once, in the order in which the rules were given. */
  candidates(principal: Principal, targetId: string): readonly Rule[] {
    const byKey = this.#byTarget.get(targetId);
    if (!byKey) return [];
    const found = new Set<Rule>();
    for (const key of principalKeys(principal)) {
      for (const rule of byKey.get(key) ?? []) found.add(rule);
    }
    return [...found];
  }

  #file(rule: Rule): void {
    const keys = new Set(rule.subjects.flatMap(matcherKeys));
    for (const target of rule.targets) {
      let byKey = this.#byTarget.get(target);
      if (!byKey) {
        byKey = new Map();
        this.#byTarget.set(target, byKey);
      }
      for (const key of keys) {
        const filed = byKey.get(key);
        if (filed) filed.push(rule);
        else byKey.set(key, [rule]);
      }
    }
  }
}

/** A name cannot hold a NUL, so different parts never make the same key. */
function key(...parts: readonly string[]): string {
  return parts.join('\0');
}

function matcherKeys(matcher: SubjectMatcher): readonly string[] {
  switch (matcher.kind) {
    case 'workload':
      return workloadKeys(matcher);
    case 'spiffeId':
      return spiffeIdKeys(matcher.id);
    case 'user':
      return [key('user', matcher.provider, matcher.id)];
    case 'group':
      // Filed a second time for people whose list of groups was cut off.
      return [key('group', matcher.provider, matcher.id), key('groups', matcher.provider)];
    case 'appRole':
      return [key('role', matcher.provider, matcher.value)];
    case 'ci':
      return [ciKey(matcher)];
    case 'agent':
      return [key('agent', matcher.provider, matcher.client)];
    case 'any':
      return [key('any', matcher.of)];
  }
}

function workloadKeys(matcher: Extract<SubjectMatcher, { kind: 'workload' }>): readonly string[] {
  const keys: string[] = [];
  for (const cluster of matcher.clusters) {
    if (matcher.serviceAccounts) {
      for (const account of matcher.serviceAccounts) keys.push(key('account', cluster, account));
    } else if (matcher.namespaces) {
      for (const namespace of matcher.namespaces.get(cluster) ?? []) {
        keys.push(key('namespace', cluster, namespace));
      }
    } else {
      keys.push(key('cluster', cluster));
    }
  }
  return keys;
}

/** By the path's end as well: a Deny also finds workloads of that name that came with a token. */
function spiffeIdKeys(id: string): readonly string[] {
  const path = /\/ns\/([^/]+)\/sa\/([^/]+)$/.exec(id);
  const exact = key('spiffe', id);
  return path ? [exact, key('path', path[1] ?? '', path[2] ?? '')] : [exact];
}

function ciKey(matcher: Extract<SubjectMatcher, { kind: 'ci' }>): string {
  const { provider, repositoryId, ownerId, repository } = matcher;
  if (repositoryId !== undefined) return key('repository-id', provider, repositoryId);
  if (ownerId !== undefined) return key('owner-id', provider, ownerId);
  if (repository !== undefined) return key('repository', provider, repository);
  return key('ci', provider);
}

function principalKeys(principal: Principal): readonly string[] {
  const keys = [key('any', principal.kind)];
  switch (principal.kind) {
    case 'workload': {
      const { cluster, namespace, serviceAccount, spiffeId } = principal;
      keys.push(
        key('account', cluster, `${namespace}/${serviceAccount}`),
        key('namespace', cluster, namespace),
        key('cluster', cluster),
        key('path', namespace, serviceAccount),
      );
      if (spiffeId !== undefined) keys.push(key('spiffe', spiffeId));
      return keys;
    }
    case 'user': {
      const { provider, groups } = principal;
      keys.push(key('user', provider, principal.subject));
      for (const group of groups.ids) keys.push(key('group', provider, group));
      for (const role of principal.appRoles) keys.push(key('role', provider, role));
      if (groups.incomplete) keys.push(key('groups', provider));
      return keys;
    }
    case 'ci': {
      const { provider, repositoryId, ownerId, repository } = principal;
      keys.push(key('ci', provider), key('repository', provider, repository));
      if (repositoryId !== undefined) keys.push(key('repository-id', provider, repositoryId));
      if (ownerId !== undefined) keys.push(key('owner-id', provider, ownerId));
      return keys;
    }
    case 'agent':
      keys.push(key('agent', principal.provider, principal.client));
      for (const role of principal.appRoles) keys.push(key('role', principal.provider, role));
      return keys;
  }
}
