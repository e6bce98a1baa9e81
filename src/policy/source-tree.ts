// SPDX-License-Identifier: Apache-2.0
import type { Place } from './diagnostic.ts';

export type Scalar = string | number | boolean | null;
export type Path = readonly (string | number)[];

/** A parsed value with the place of every part; what diagnostics point into. */
export type TreeNode =
  | {
      readonly type: 'scalar';
      readonly place: Place;
      readonly value: Scalar;
      /** YAML versions differ about it; what it is not need not be said as well. */
      readonly ambiguous?: true;
    }
  | { readonly type: 'list'; readonly place: Place; readonly items: readonly TreeNode[] }
  | { readonly type: 'map'; readonly place: Place; readonly entries: ReadonlyMap<string, Entry> };

export interface Entry {
  readonly keyPlace: Place;
  readonly node: TreeNode;
}

/** Plain data of a tree. Maps have no prototype, so no key can reach one. */
export function plainValue(node: TreeNode): unknown {
  if (node.type === 'scalar') return node.value;
  if (node.type === 'list') return node.items.map(plainValue);
  const value: Record<string, unknown> = Object.create(null);
  for (const [key, entry] of node.entries) value[key] = plainValue(entry.node);
  return value;
}

/** JSON with sorted keys: equal text exactly when the parsed values are equal. */
export function canonicalText(node: TreeNode): string {
  if (node.type === 'scalar') return JSON.stringify(node.value);
  if (node.type === 'list') return `[${node.items.map(canonicalText).join(',')}]`;
  const keys = [...node.entries.keys()].sort();
  const members = keys.map((key) => {
    const entry = node.entries.get(key);
    return `${JSON.stringify(key)}:${entry ? canonicalText(entry.node) : 'null'}`;
  });
  return `{${members.join(',')}}`;
}

function child(node: TreeNode, step: string | number): TreeNode | undefined {
  if (node.type === 'list') return typeof step === 'number' ? node.items[step] : undefined;
  if (node.type === 'map') return node.entries.get(String(step))?.node;
  return undefined;
}

/** The node at a path, or undefined when nothing is there. */
export function nodeAt(root: TreeNode, path: Path): TreeNode | undefined {
  let node: TreeNode | undefined = root;
  for (const step of path) node = node && child(node, step);
  return node;
}

/** The place of a path, or of its deepest ancestor that exists (a missing key has no place). */
export function placeAt(root: TreeNode, path: Path): Place {
  let node = root;
  for (const step of path) {
    const next = child(node, step);
    if (next === undefined) break;
    node = next;
  }
  return node.place;
}

/** The place of a key itself rather than of its value. */
export function keyPlaceAt(root: TreeNode, path: Path, key: string): Place {
  const node = nodeAt(root, path);
  const entry = node?.type === 'map' ? node.entries.get(key) : undefined;
  return entry?.keyPlace ?? placeAt(root, path);
}

/** `spec.subjects[1].ci`: how a path is written in messages. */
export function pathText(path: Path): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else text += text === '' ? step : `.${step}`;
  }
  return text === '' ? 'the document' : text;
}
