// SPDX-License-Identifier: Apache-2.0
import type { DiagnosticList } from '../diagnostic.ts';
import { isNamespaced, KINDS, type Kind } from '../document/kind.ts';
import type { ParsedDocument } from '../parse.ts';
import { POSTERN_TARGET_ID } from '../policy.ts';
import { type ShapedDocument, shapeDocument } from '../shape.ts';
import { nodeAt, type Path, placeAt, type TreeNode } from '../source-tree.ts';
import type { ShapedDocuments } from './context.ts';

/** Shapes every document and finds names that are declared twice. */
export function readDocuments(
  parsed: readonly ParsedDocument[],
  found: DiagnosticList,
): ShapedDocuments {
  const byKind = new Map<Kind, ShapedDocument[]>();
  const faulty = new Set<string>();
  const markFaulty = (root: TreeNode) => {
    const kind = scalarAt(root, ['kind']);
    faulty.add(kind).add(`${kind} ${declaredId(root)}`);
  };
  for (const document of parsed) {
    const shaped = shapeDocument(document, found);
    if (shaped === undefined) {
      markFaulty(document.root);
    } else {
      if (shaped.pruned.length > 0) markFaulty(document.root);
      const documents = byKind.get(shaped.kind) ?? [];
      documents.push(shaped);
      byKind.set(shaped.kind, documents);
    }
  }
  for (const [kind, documents] of byKind) {
    // Order of files must not show in the policy; the sort is stable for duplicates.
    documents.sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : sortKey(a) > sortKey(b) ? 1 : 0));
    byKind.set(kind, withoutDuplicates(documents, found));
  }
  return {
    of: <K extends Kind>(kind: K) => (byKind.get(kind) ?? []) as unknown as ShapedDocument<K>[],
    isFaulty: (kind, id) => faulty.has(`${kind} ${id}`),
    hasFaulty: (kind) => faulty.has(kind),
    rules: () => [...byKind.values()].flat().map(({ rule }) => rule.name),
    markFaulty: (document) => markFaulty(document.parsed.root),
  };
}

function sortKey(document: ShapedDocument): string {
  return `${document.namespace}/${document.name}`;
}

function withoutDuplicates(
  documents: readonly ShapedDocument[],
  found: DiagnosticList,
): ShapedDocument[] {
  const first = new Map<string, string>();
  return documents.filter(({ kind, namespace, name, rule, parsed }) => {
    const place = placeAt(parsed.root, ['metadata', 'name']);
    if (kind === 'Target' && `${namespace}/${name}` === POSTERN_TARGET_ID) {
      found.add('name-reserved', place, { name, reason: 'it is the built-in Target' });
      return false;
    }
    const earlier = first.get(rule.name);
    if (earlier === undefined) {
      first.set(rule.name, `${place.file}:${place.line}`);
      return true;
    }
    found.add('duplicate-name', place, { rule: rule.name, first: earlier });
    return false;
  });
}

/** `name` or `namespace/name`, as far as a faulty document says. */
function declaredId(root: TreeNode): string {
  const name = scalarAt(root, ['metadata', 'name']);
  const kind = KINDS.find((one) => one === scalarAt(root, ['kind']));
  if (kind === undefined || !isNamespaced(kind)) return name;
  return `${scalarAt(root, ['metadata', 'namespace'])}/${name}`;
}

function scalarAt(root: TreeNode, path: Path): string {
  const node = nodeAt(root, path);
  return node?.type === 'scalar' ? String(node.value) : '';
}
