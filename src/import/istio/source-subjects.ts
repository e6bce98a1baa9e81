// SPDX-License-Identifier: Apache-2.0
import type { Value } from '../../compile/istio/artifact.ts';
import type { FieldSet } from '../../manifest/authorization-policy.ts';
import { childOf, itemsOf, textOf } from '../../manifest/node.ts';
import type { TreeNode } from '../../policy/source-tree.ts';

export const NAMESPACE_LABEL = 'kubernetes.io/metadata.name';

/** Whose names the values of a source are. */
export interface MeshIdentity {
  readonly cluster: string;
  readonly trustDomain: string;
  /** Of the policy: what a service account without namespace belongs to. */
  readonly namespace: string;
}

/** One value of a source as a subject, or why it is none. */
export type SubjectOf =
  | { readonly node: TreeNode; readonly subject: Value; readonly account?: string }
  | { readonly node: TreeNode; readonly left: string };

const IDENTITIES = ['principals', 'namespaces', 'serviceAccounts'] as const;

/** The subjects of a source, or why it has none that say the same. */
export function sourceSubjects(
  source: FieldSet,
  identity: MeshIdentity,
): readonly SubjectOf[] | { readonly left: string } {
  const fields = [...source.values.keys()].filter((one) => !/^(not)?ipBlocks$/i.test(one));
  const [field] = fields;
  if (field === undefined) return { left: 'it names no identity, and an address is none' };
  if (fields.length > 1) {
    return {
      left: `${fields.join(' and ')} together narrow each other, which one subject cannot say`,
    };
  }
  if (!IDENTITIES.some((one) => one === field)) {
    return { left: `${field} is no test of a workload's identity that a subject can say` };
  }
  return itemsOf(childOf(source.node, field)).map((node): SubjectOf => {
    const value = textOf(node)?.value ?? '';
    if (field === 'namespaces') return ofNamespace(node, value);
    if (field === 'principals') return ofPrincipal(node, value, identity);
    const text = value.includes('/') ? value : `${identity.namespace}/${value}`;
    const [namespace = '', name = ''] = text.split('/');
    return ofAccount(node, namespace, name, identity);
  });
}

function ofPrincipal(node: TreeNode, value: string, identity: MeshIdentity): SubjectOf {
  const [, domain, namespace, name] = /^([^*/]+)\/ns\/([^*/]+)\/sa\/([^/]+)$/.exec(value) ?? [];
  if (domain === undefined || namespace === undefined || name === undefined) {
    return { node, left: 'a pattern admits whoever is made later: name each service account' };
  }
  // Istio reads cluster.local as the trust domain of the mesh, whatever that is.
  if (domain !== identity.trustDomain && domain !== 'cluster.local') {
    return {
      node,
      left: `it is of the trust domain ${domain}: declare its Cluster, and a Grant for ${namespace}/${name} there`,
    };
  }
  return name === '*' ? ofNamespace(node, namespace) : ofAccount(node, namespace, name, identity);
}

function ofAccount(
  node: TreeNode,
  namespace: string,
  name: string,
  { cluster }: MeshIdentity,
): SubjectOf {
  if (/[*]/.test(`${namespace}${name}`) || namespace === '' || name === '') {
    return { node, left: 'it is not the name of one service account' };
  }
  const account = `${namespace}/${name}`;
  return { node, subject: { serviceAccount: `${cluster}/${account}` }, account };
}

function ofNamespace(node: TreeNode, namespace: string): SubjectOf {
  if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(namespace)) {
    return { node, left: 'a pattern admits namespaces that are made later: name each' };
  }
  const namespaceSelector = { matchLabels: { [NAMESPACE_LABEL]: namespace } };
  return { node, subject: { workload: { namespaceSelector } } };
}
