// SPDX-License-Identifier: Apache-2.0
import type { WorkloadPrincipal } from '../model/principal.ts';
import type { Cluster, Policy } from '../policy/policy.ts';
import { OTHER } from '../policy/principal-atom.ts';
import { principalFromId } from '../policy/principal-from-id.ts';
import type { MeshCaller } from './mesh/mesh-call.ts';
import type { Labels } from './mesh/mesh-facts.ts';
import type { MeshNames } from './mesh-names.ts';

/** One caller for all that neither the declaration nor the mesh tells apart. */
export interface CallerAtom {
  readonly caller: MeshCaller;
  /** `workload/prod/payments/*`, `plaintext from prod/payments`. */
  readonly text: string;
  /** Who the declaration takes it for; undefined: for nobody. */
  readonly principal: WorkloadPrincipal | undefined;
  /** How many of its parts are a name: fewer stand for more callers. */
  readonly named: number;
}

export interface CallerNames {
  /** `namespace/name` of this cluster that the declaration speaks of. */
  readonly accounts: ReadonlySet<string>;
  readonly namespaces: ReadonlySet<string>;
  readonly objects: MeshNames;
  /** Labels of pods by `namespace/name` of their service account. */
  readonly labels: ReadonlyMap<string, Labels>;
  /** Other clusters whose certificates verify here. */
  readonly trusts: ReadonlySet<string>;
  /** Trust domains that the mesh itself takes for its own. */
  readonly domains: readonly string[];
}

/** A trust domain that nobody declares. */
const OTHER_DOMAIN = 'unknown.example';

/**
 * Everybody who can open a connection to a pod of `cluster`, widest first: by trust domain,
 * namespace and service account, with a certificate and without, from here and from each other
 * declared cluster. Names that nothing mentions are all alike, and one stands for them.
 */
export function callerAtoms(
  policy: Policy,
  cluster: Cluster,
  names: CallerNames,
): readonly CallerAtom[] {
  const { objects } = names;
  const namespaces = new Set([...names.namespaces, ...objects.namespaces]);
  const accounts = new Set<string>();
  for (const account of [...names.accounts, ...objects.accounts]) {
    const [namespace = '', name = ''] = account.split('/');
    if (namespace !== '') namespaces.add(namespace);
    accounts.add(`${namespace === '' ? OTHER : namespace}/${name === '*' ? OTHER : name}`);
  }
  for (const namespace of [...namespaces, OTHER]) accounts.add(`${namespace}/${OTHER}`);
  const own = [cluster.trustDomain, ...cluster.trustDomainAliases];
  const domains = new Set([...own, ...names.domains, ...objects.trustDomains, OTHER_DOMAIN]);
  const certified = [...domains].flatMap((domain) =>
    [...accounts].flatMap((account) => withLabels(mtls(policy, cluster, domain, account), names)),
  );
  const plain = [...namespaces, OTHER].flatMap((namespace) =>
    withLabels(plaintext(cluster, namespace), names),
  );
  // What does not verify is no certificate, and whoever comes from elsewhere without one is, to a
  // NetworkPolicy, less than a pod of a namespace that nobody names.
  const foreign = [...policy.clusters.values()]
    .filter(({ name }) => name !== cluster.name && names.trusts.has(name))
    .flatMap((other) =>
      [...accounts].map((account) => mtls(policy, other, other.trustDomain, account)),
    );
  return [...certified, ...plain, ...foreign].sort((a, b) => a.named - b.named);
}

function mtls(policy: Policy, cluster: Cluster, domain: string, account: string): CallerAtom {
  const [namespace = '', serviceAccount = ''] = account.split('/');
  const { name, trustDomain, trustDomainAliases } = cluster;
  const spiffeId = `spiffe://${domain}/ns/${namespace}/sa/${serviceAccount}`;
  const declared = domain === trustDomain || trustDomainAliases.includes(domain);
  const reading = declared
    ? principalFromId(`workload/${name}/${account}`, {}, policy)
    : { ok: false as const };
  const principal =
    reading.ok && reading.principal.kind === 'workload'
      ? { ...reading.principal, spiffeId }
      : undefined;
  const shown = [namespace, serviceAccount].map((part) => (part === OTHER ? '*' : part));
  const text =
    domain === trustDomain
      ? `workload/${name}/${shown.join('/')}`
      : `spiffe://${domain}/ns/${shown[0]}/sa/${shown[1]} of ${name}`;
  return {
    caller: { cluster: name, namespace, serviceAccount, transport: 'mtls', spiffeId },
    text,
    principal,
    named: shown.filter((part) => part !== '*').length + Number(domain !== trustDomain),
  };
}

function plaintext({ name }: Cluster, namespace: string): CallerAtom {
  return {
    caller: { cluster: name, namespace, serviceAccount: OTHER, transport: 'plaintext' },
    text: `plaintext from ${name}/${namespace === OTHER ? '*' : namespace}`,
    principal: undefined,
    named: Number(namespace !== OTHER),
  };
}

/** Whoever may make pods in a namespace gives them the labels that a NetworkPolicy looks for. */
function withLabels(atom: CallerAtom, { objects, labels }: CallerNames): readonly CallerAtom[] {
  const { namespace, serviceAccount } = atom.caller;
  const known = labels.get(`${namespace}/${serviceAccount}`);
  if (known) return [{ ...atom, caller: { ...atom.caller, labels: known } }];
  const picked = new Map<string, Labels>();
  for (const one of objects.pods) {
    if (one.namespace !== undefined && one.namespace !== namespace) continue;
    picked.set(JSON.stringify(Object.entries(one.labels).sort()), one.labels);
  }
  const plain = { ...atom, caller: { ...atom.caller, labels: {} } };
  const labelled = [...picked.values()].map((one) => ({
    ...atom,
    caller: { ...atom.caller, labels: one },
    text: `${atom.text} in pods labelled ${labelText(one)}`,
    named: atom.named + 1,
  }));
  return [plain, ...labelled];
}

export function labelText(labels: Labels): string {
  const parts = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
  return parts.map(([name, value]) => `${name}=${value}`).join(',');
}
