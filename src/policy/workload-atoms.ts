// SPDX-License-Identifier: Apache-2.0
import type { Policy } from './policy.ts';
import { atom, OTHER, ofKind, type PrincipalAtom, type TargetRules } from './principal-atom.ts';

/** Every combination of cluster, namespace and service account that rules of a target tell apart. */
export function workloadAtoms(rules: TargetRules): readonly PrincipalAtom[] {
  const all = [...rules.grantSubjects, ...rules.denySubjects];
  const matchers = ofKind(all, 'workload');
  const spiffeIds = ofKind(all, 'spiffeId').map(({ id }) => id);
  const named = spiffeIds.flatMap((id) => spiffeAccount(id) ?? []);
  const clusters = new Set(matchers.flatMap((one) => [...one.clusters]));
  for (const { domain } of named) {
    for (const cluster of clustersOf(domain, rules.policies)) clusters.add(cluster);
  }
  const accounts = new Set(matchers.flatMap((one) => [...(one.serviceAccounts ?? [])]));
  for (const { namespace, account } of named) accounts.add(`${namespace}/${account}`);
  const atoms = [...clusters].flatMap((cluster) => {
    const namespaces = new Set([...accounts].map((name) => name.split('/')[0] ?? ''));
    for (const matcher of matchers) {
      for (const name of matcher.namespaces?.get(cluster) ?? []) namespaces.add(name);
      for (const name of matcher.exceptNamespaces?.get(cluster) ?? []) namespaces.add(name);
    }
    const others = [...namespaces, OTHER].map((namespace) => `${namespace}/${OTHER}`);
    return [...accounts, ...others].flatMap((name) => workloadAtom(cluster, name, rules.policies));
  });
  return spiffeIds.length === 0
    ? atoms
    : [...atoms, ...atoms.flatMap(withToken), ...aliases(rules)];
}

function workloadAtom(
  cluster: string,
  name: string,
  policies: readonly Policy[],
): readonly PrincipalAtom[] {
  const [namespace = '', account = ''] = name.split('/');
  const shown = [namespace, account].map((part) => (part === OTHER ? '*' : part));
  const parts = [
    'workload',
    `cluster ${cluster}`,
    ...(namespace === OTHER ? [] : [`namespace ${namespace}`]),
    ...(account === OTHER ? [] : [`account ${account}`]),
  ];
  const id = `workload/${cluster}/${name}`;
  return atom(id, {}, policies, `workload/${cluster}/${shown.join('/')}`, parts);
}

/** The same workload with a service account token, which carries no SPIFFE id. */
function withToken(one: PrincipalAtom): readonly PrincipalAtom[] {
  const { principal } = one;
  if (principal.kind !== 'workload') return [];
  const { spiffeId: _, ...rest } = principal;
  return [
    {
      principal: { ...rest, method: 'token' },
      text: `${one.text} by token`,
      parts: new Set([...one.parts, 'token']),
    },
  ];
}

/** Ids that a rule names and that are not the one Istio gives: other trust domains, other paths. */
function aliases({ grantSubjects, denySubjects, policies }: TargetRules): readonly PrincipalAtom[] {
  const ids = ofKind([...grantSubjects, ...denySubjects], 'spiffeId').map(({ id }) => id);
  return [...new Set(ids)].flatMap((spiffeId) => {
    const domain = /^spiffe:\/\/([^/]+)\//.exec(spiffeId)?.[1] ?? '';
    const account = spiffeAccount(spiffeId);
    const name = account ? `${account.namespace}/${account.account}` : `${OTHER}/${OTHER}`;
    return clustersOf(domain, policies).flatMap((cluster) =>
      workloadAtom(cluster, name, policies).map((one) => ({
        principal: { ...one.principal, spiffeId } as PrincipalAtom['principal'],
        text: `${spiffeId} of ${cluster}`,
        parts: new Set([...one.parts, spiffeId]),
      })),
    );
  });
}

function clustersOf(domain: string, policies: readonly Policy[]): readonly string[] {
  const declared = policies.flatMap(({ clusters }) => [...clusters.values()]);
  const issuing = declared.filter(
    ({ trustDomain, trustDomainAliases }) =>
      trustDomain === domain || trustDomainAliases.includes(domain),
  );
  return [...new Set(issuing.map(({ name }) => name))];
}

function spiffeAccount(id: string) {
  const [, domain, namespace, account] =
    /^spiffe:\/\/([^/]+)\/ns\/([^/]+)\/sa\/([^/]+)$/.exec(id) ?? [];
  return domain && namespace && account ? { domain, namespace, account } : undefined;
}
