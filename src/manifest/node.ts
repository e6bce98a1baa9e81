// SPDX-License-Identifier: Apache-2.0
import type { Place } from '../policy/diagnostic.ts';
import { nodeAt, type Path, type TreeNode } from '../policy/source-tree.ts';

export type Labels = ReadonlyMap<string, string>;

/** A value as text, and where it stands. */
export interface Text {
  readonly value: string;
  readonly place: Place;
}

export function childOf(node: TreeNode | undefined, ...path: Path): TreeNode | undefined {
  return node && nodeAt(node, path);
}

export function textAt(node: TreeNode | undefined, ...path: Path): string | undefined {
  return textOf(childOf(node, ...path))?.value;
}

export function textOf(node: TreeNode | undefined): Text | undefined {
  if (node?.type !== 'scalar' || node.value === null) return undefined;
  return { value: String(node.value), place: node.place };
}

/** The elements of a list; of anything else none. */
export function itemsOf(node: TreeNode | undefined): readonly TreeNode[] {
  return node?.type === 'list' ? node.items : [];
}

/** The texts of a list, or the one text. */
export function textsOf(node: TreeNode | undefined): readonly Text[] {
  const nodes = node?.type === 'list' ? node.items : [node];
  return nodes.flatMap((one) => textOf(one) ?? []);
}

export interface Member {
  readonly key: string;
  readonly keyPlace: Place;
  readonly node: TreeNode;
}

export function membersOf(node: TreeNode | undefined): readonly Member[] {
  if (node?.type !== 'map') return [];
  return [...node.entries].map(([key, entry]) => ({
    key,
    keyPlace: entry.keyPlace,
    node: entry.node,
  }));
}

export function labelsOf(node: TreeNode | undefined): Labels {
  return new Map(membersOf(node).map((one) => [one.key, textOf(one.node)?.value ?? '']));
}

/** Every one of `wanted` is there with its value. */
export function hasLabels(labels: Labels, wanted: Labels): boolean {
  return [...wanted].every(([key, value]) => labels.get(key) === value);
}
