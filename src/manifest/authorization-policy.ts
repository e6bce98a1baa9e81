// SPDX-License-Identifier: Apache-2.0
import type { Place } from '../policy/diagnostic.ts';
import type { TreeNode } from '../policy/source-tree.ts';
import type { Manifest } from './manifest.ts';
import {
  childOf,
  itemsOf,
  type Labels,
  labelsOf,
  membersOf,
  type Text,
  textAt,
  textsOf,
} from './node.ts';

/** Fields of a source that name an identity; each has a twin `not...`. */
export const IDENTITY_FIELDS = [
  'principals',
  'namespaces',
  'serviceAccounts',
  'requestPrincipals',
  'trustDomains',
] as const;
export const ADDRESS_FIELDS = ['ipBlocks', 'remoteIpBlocks'] as const;
/** Fields of an operation that only HTTP has. */
export const HTTP_FIELDS = ['hosts', 'methods', 'paths'] as const;

/** Fields of one source or operation; they are ANDed, the values of one are ORed. */
export interface FieldSet {
  readonly node: TreeNode;
  readonly place: Place;
  readonly values: ReadonlyMap<string, readonly Text[]>;
}

export interface AuthorizationCondition {
  readonly node: TreeNode;
  readonly key: Text;
  readonly values: readonly Text[];
  readonly notValues: readonly Text[];
}

export interface AuthorizationRule {
  readonly node: TreeNode;
  readonly sources: readonly FieldSet[];
  readonly operations: readonly FieldSet[];
  readonly conditions: readonly AuthorizationCondition[];
}

export interface AuthorizationPolicy {
  readonly manifest: Manifest;
  readonly action: string;
  /** Empty: every workload of the namespace. */
  readonly selector: Labels;
  readonly targetRefs: readonly TreeNode[];
  readonly rules: readonly AuthorizationRule[];
  readonly dryRun: boolean;
}

export function isAuthorizationPolicy({ group, kind }: Manifest): boolean {
  return group === 'security.istio.io' && kind === 'AuthorizationPolicy';
}

export function authorizationPolicy(manifest: Manifest): AuthorizationPolicy {
  const { spec, root } = manifest;
  const dryRun = textAt(root, 'metadata', 'annotations', 'istio.io/dry-run');
  return {
    manifest,
    action: textAt(spec, 'action') ?? 'ALLOW',
    selector: labelsOf(childOf(spec, 'selector', 'matchLabels')),
    targetRefs: [...itemsOf(childOf(spec, 'targetRefs')), childOf(spec, 'targetRef') ?? []].flat(),
    rules: itemsOf(childOf(spec, 'rules')).map(ruleOf),
    dryRun: dryRun === 'true',
  };
}

function ruleOf(node: TreeNode): AuthorizationRule {
  const sets = (list: string, member: string) =>
    itemsOf(childOf(node, list)).map((one) => fieldSet(childOf(one, member) ?? one));
  return {
    node,
    sources: sets('from', 'source'),
    operations: sets('to', 'operation'),
    conditions: itemsOf(childOf(node, 'when')).map((one) => ({
      node: one,
      key: textsOf(childOf(one, 'key'))[0] ?? { value: '', place: one.place },
      values: textsOf(childOf(one, 'values')),
      notValues: textsOf(childOf(one, 'notValues')),
    })),
  };
}

function fieldSet(node: TreeNode): FieldSet {
  const values = membersOf(node).map((one) => [one.key, textsOf(one.node)] as const);
  return { node, place: node.place, values: new Map(values) };
}

/** `notPrincipals` of `principals`. */
export function negated(field: string): string {
  return `not${field.charAt(0).toUpperCase()}${field.slice(1)}`;
}

/** The values of these fields and of their negations that a set has, with the field's name. */
export function valuesOf(
  set: FieldSet,
  fields: readonly string[],
): readonly (Text & { readonly field: string })[] {
  return fields
    .flatMap((field) => [field, negated(field)])
    .flatMap((field) => (set.values.get(field) ?? []).map((text) => ({ ...text, field })));
}

/** Whether an operation of the rule can be about the port. */
export function reachesPort({ operations }: AuthorizationRule, port: number): boolean {
  if (operations.length === 0) return true;
  return operations.some(({ values }) => {
    const ports = values.get('ports')?.map(({ value }) => value);
    const others = values.get('notPorts')?.map(({ value }) => value) ?? [];
    return (ports?.includes(String(port)) ?? true) && !others.includes(String(port));
  });
}
