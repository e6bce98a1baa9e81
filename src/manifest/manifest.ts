// SPDX-License-Identifier: Apache-2.0
import { type Diagnostic, type DiagnosticCode, DiagnosticList } from '../policy/diagnostic.ts';
import { parseSource, type Source } from '../policy/parse.ts';
import { placeAt, type TreeNode } from '../policy/source-tree.ts';
import { childOf, itemsOf, type Labels, labelsOf, textAt } from './node.ts';

/** One Kubernetes object as somebody wrote it, with the place of every part. */
export interface Manifest {
  /** Without the version: `security.istio.io`; empty for the core group. */
  readonly group: string;
  readonly kind: string;
  readonly name: string;
  /** `default` where none is written, as kubectl has it. */
  readonly namespace: string;
  readonly labels: Labels;
  readonly root: TreeNode;
  readonly spec: TreeNode | undefined;
  /** Of its name. */
  readonly place: { readonly file: string; readonly line: number; readonly column: number };
}

export interface ReadManifests {
  readonly manifests: readonly Manifest[];
  /** Text that is no YAML, or no Kubernetes object. */
  readonly faults: readonly Diagnostic[];
}

/**
 * What of the faults in YAML concerns other people's files: that two YAML versions differ about a
 * value is the API server's matter, which reads the one it reads.
 */
const FAULTS: ReadonlySet<DiagnosticCode> = new Set([
  'yaml-syntax',
  'yaml-too-complex',
  'yaml-duplicate-key',
  'file-too-large',
  'document-not-mapping',
]);

/** Texts -> objects; a `List` is its items. Never throws. */
export function readManifests(sources: readonly Source[]): ReadManifests {
  const found = new DiagnosticList();
  const unread = new DiagnosticList();
  const roots = sources.flatMap((source) =>
    parseSource(source, found, { anyKeys: true }).map(({ root }) => root),
  );
  const manifests = roots.flatMap((root) => objectsOf(root, unread));
  const faults = found.sorted().filter(({ code }) => FAULTS.has(code));
  return { manifests, faults: [...faults, ...unread.sorted()] };
}

function objectsOf(root: TreeNode, unread: DiagnosticList): readonly Manifest[] {
  const kind = textAt(root, 'kind');
  const items = childOf(root, 'items');
  if (items !== undefined && (kind === 'List' || kind?.endsWith('List'))) {
    return itemsOf(items).flatMap((item) => objectsOf(item, unread));
  }
  const apiVersion = textAt(root, 'apiVersion');
  const name = textAt(root, 'metadata', 'name') ?? textAt(root, 'metadata', 'generateName');
  if (kind === undefined || apiVersion === undefined || name === undefined) {
    unread.add('manifest-unreadable', root.place);
    return [];
  }
  const slash = apiVersion.indexOf('/');
  return [
    {
      group: slash < 0 ? '' : apiVersion.slice(0, slash),
      kind,
      name,
      namespace: textAt(root, 'metadata', 'namespace') ?? 'default',
      labels: labelsOf(childOf(root, 'metadata', 'labels')),
      root,
      spec: childOf(root, 'spec'),
      place: placeAt(root, ['metadata', 'name']),
    },
  ];
}

/** `AuthorizationPolicy/data/orders`: how messages call it. */
export function manifestName({ kind, namespace, name }: Manifest): string {
  return kind === 'Namespace' ? `${kind}/${name}` : `${kind}/${namespace}/${name}`;
}
