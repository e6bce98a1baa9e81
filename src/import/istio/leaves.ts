// SPDX-License-Identifier: Apache-2.0
import { type Manifest, manifestName } from '../../manifest/manifest.ts';
import { membersOf } from '../../manifest/node.ts';
import type { TreeNode } from '../../policy/source-tree.ts';
import type { Ledger } from '../ledger.ts';

/** Every value in an object is a fact of its own; a part of the object stands for all below it. */
export class Leaves {
  readonly #ledger: Ledger;
  readonly #keys = new Map<TreeNode, string>();

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  open(manifest: Manifest, node: TreeNode, path: string): void {
    const inner = innerOf(node);
    if (inner.length > 0) {
      for (const [step, child] of inner) this.open(manifest, child, `${path}${step}`);
      return;
    }
    const { file, line } = node.place;
    const key = `${this.#keys.size} ${manifestName(manifest)} ${path}`;
    const value = node.type === 'scalar' ? String(node.value) : node.type === 'list' ? '[]' : '{}';
    const origin = `${file}:${line} ${manifestName(manifest)}`;
    this.#ledger.open(key, { origin, text: `${path.replace(/^\./, '')} = ${value}` });
    this.#keys.set(node, key);
  }

  carry(node: TreeNode | undefined, into: string): void {
    for (const key of this.#below(node)) this.#ledger.carry(key, into);
  }

  change(node: TreeNode | undefined, into: string, why: string): void {
    for (const key of this.#below(node)) this.#ledger.change(key, into, why);
  }

  leave(node: TreeNode | undefined, why: string): void {
    for (const key of this.#below(node)) this.#ledger.leave(key, why);
  }

  #below(node: TreeNode | undefined): readonly string[] {
    if (node === undefined) return [];
    const own = this.#keys.get(node);
    return own === undefined ? innerOf(node).flatMap(([, child]) => this.#below(child)) : [own];
  }
}

function innerOf(node: TreeNode): readonly (readonly [string, TreeNode])[] {
  if (node.type === 'list') return node.items.map((item, index) => [`[${index}]`, item]);
  return membersOf(node).map((one) => [`.${one.key}`, one.node]);
}
