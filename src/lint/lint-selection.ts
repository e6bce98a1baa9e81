// SPDX-License-Identifier: Apache-2.0
import { IDENTITY_FIELDS, valuesOf } from '../manifest/authorization-policy.ts';
import { type Manifest, manifestName } from '../manifest/manifest.ts';
import type { Mesh } from '../manifest/mesh.ts';
import { childOf, hasLabels, type Labels, labelsOf } from '../manifest/node.ts';
import type { LintContext } from './context.ts';

const SELECTING = ['AuthorizationPolicy', 'PeerAuthentication', 'RequestAuthentication'];

/** Selectors, accounts and trust domains that nothing has, as far as the files show them. */
export function lintSelection(context: LintContext): void {
  const { mesh, found } = context;
  for (const kind of SELECTING) {
    for (const manifest of mesh.of(kind)) {
      lintSelector(manifest, childOf(manifest.spec, 'selector', 'matchLabels'), context);
    }
  }
  for (const { manifest } of mesh.services) {
    lintSelector(manifest, childOf(manifest.spec, 'selector'), context);
  }
  for (const { manifest, rules } of mesh.policies) {
    const object = manifestName(manifest);
    const sources = rules.flatMap((rule) => rule.sources);
    for (const { field, value, place } of sources.flatMap((one) =>
      valuesOf(one, IDENTITY_FIELDS),
    )) {
      const named = field.replace(/^not(.)/, (_, first: string) => first.toLowerCase());
      const problem = unknownName(named, value, manifest.namespace, mesh);
      if (problem !== undefined) {
        const suggestion = 'Correct the name, or remove it.';
        found.add('istio-selects-nothing', place, { object, problem, suggestion });
      }
      if (named === 'principals') lintTrustDomain(value, { object, place }, context);
    }
    const [first] = sources.flatMap((one) => valuesOf(one, ['namespaces', 'serviceAccounts']));
    if (first) lintSeveralDomains(first.field, { object, place: first.place }, context);
  }
  lintSharedAccounts(context);
}

function lintSelector(
  manifest: Manifest,
  node: ReturnType<typeof childOf>,
  { mesh, found }: LintContext,
): void {
  const selector = labelsOf(node);
  const pods = mesh.pods.filter((one) => one.manifest.namespace === manifest.namespace);
  if (!node || selector.size === 0 || pods.length === 0) return;
  if (pods.some(({ labels }) => hasLabels(labels, selector))) return;
  found.add('istio-selects-nothing', node.place, {
    object: manifestName(manifest),
    problem: `no pod of namespace ${manifest.namespace} in these files has ${labelText(selector)}`,
    suggestion: 'Correct the labels: a policy that selects nothing protects nothing.',
  });
}

function labelText(labels: Labels): string {
  return [...labels].map(([key, value]) => `${key}=${value}`).join(', ');
}

/** A namespace or service account that the files would show if it were there. */
function unknownName(field: string, value: string, own: string, mesh: Mesh): string | undefined {
  if (value.includes('*')) return undefined;
  const [, ofPrincipal, nameOfPrincipal] = /\/ns\/([^/]+)\/sa\/([^/]+)$/.exec(value) ?? [];
  const parts = value.includes('/') ? value.split('/') : [own, value];
  const [namespace, name] =
    field === 'principals'
      ? [ofPrincipal, nameOfPrincipal]
      : field === 'namespaces'
        ? [value, undefined]
        : field === 'serviceAccounts'
          ? parts
          : [];
  if (namespace === undefined) return undefined;
  const namespaces = mesh.of('Namespace').map((one) => one.name);
  if (namespaces.length > 0 && !namespaces.includes(namespace)) {
    return `there is no namespace ${namespace} in these files`;
  }
  const accounts = mesh.of('ServiceAccount').filter((one) => one.namespace === namespace);
  if (name === undefined || name === 'default' || accounts.length === 0) return undefined;
  if (accounts.some((one) => one.name === name)) return undefined;
  return `there is no service account ${namespace}/${name} in these files`;
}

interface Said {
  readonly object: string;
  readonly place: Manifest['place'];
}

function lintTrustDomain(value: string, { object, place }: Said, { policy, found }: LintContext) {
  const domain = /^([^*/]+)\/ns\//.exec(value)?.[1];
  if (domain === undefined || !policy || policy.clusters.size === 0) return;
  const known = [...policy.clusters.values()].flatMap((one) => [
    one.trustDomain,
    ...one.trustDomainAliases,
  ]);
  // It stands for the mesh's own, whatever that is called.
  if (known.includes(domain) || domain === 'cluster.local') return;
  found.add('istio-trust-domain', place, {
    object,
    problem: `no declared Cluster has the trust domain ${domain} of ${value}`,
    suggestion: `Declared: ${[...new Set(known)].join(', ')}. Correct it, or add a trustDomainAlias.`,
  });
}

function lintSeveralDomains(
  field: string,
  { object, place }: Said,
  { policy, found, mesh }: LintContext,
) {
  const declared = [...(policy?.clusters.values() ?? [])].map((one) => one.trustDomain);
  const written = mesh.policies.flatMap(({ rules }) =>
    rules.flatMap(({ sources }) =>
      sources
        .flatMap((one) => valuesOf(one, ['principals']))
        .flatMap(({ value }) => /^([^*/]+)\/ns\//.exec(value)?.[1] ?? []),
    ),
  );
  const domains = new Set([...declared, ...written]);
  if (domains.size < 2) return;
  found.add('istio-trust-domain', place, {
    object,
    problem: `${field} ignores the trust domain, and there are several (${[...domains].join(', ')}): the same name of another cluster matches as well`,
    suggestion: 'Use principals, which begin with the trust domain.',
  });
}

function lintSharedAccounts({ mesh, found }: LintContext): void {
  const owners = new Map<string, string>();
  for (const { manifest, serviceAccount, labels } of mesh.pods) {
    if (serviceAccount === 'default') continue;
    const account = `${manifest.namespace}/${serviceAccount}`;
    // Parts of one application may share it: they are told apart by nobody.
    const application = labels.get('app.kubernetes.io/part-of') ?? manifestName(manifest);
    const first = owners.get(account);
    if (first === undefined) owners.set(account, application);
    else if (first !== application) {
      const facts = { account, first, second: application };
      found.add('istio-shared-account', manifest.place, facts);
    }
  }
}
