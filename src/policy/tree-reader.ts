// SPDX-License-Identifier: Apache-2.0
import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type LineCounter,
  type Node,
  type Pair,
  type Scalar as YamlScalar,
} from 'yaml';
import type { DiagnosticList, Place } from './diagnostic.ts';
import type { Entry, Scalar, TreeNode } from './source-tree.ts';
import { ambiguity } from './yaml-ambiguity.ts';
import { MAX_DEPTH } from './yaml-documents.ts';

/** Aliases included; a declaration is written by hand or generated per service, far below it. */
const MAX_NODES = 50_000;

/** Stops reading one document; the fault is already recorded. */
class Abandoned extends Error {}

export interface TreeOptions {
  /** Keys that are no text count by how they are written, as in `portLevelMtls: {3306: ...}`. */
  readonly anyKeys?: boolean;
}

/** One YAML document -> a tree of plain values with their places, or faults. */
export class TreeReader {
  readonly #document: Document;
  readonly #file: string;
  readonly #lines: LineCounter;
  readonly #found: DiagnosticList;
  /** Anchors met so far; the library's own look-up walks the document for every alias. */
  readonly #anchors = new Map<string, Node>();
  #nodes = 0;

  readonly #anyKeys: boolean;

  constructor(
    document: Document,
    file: string,
    lines: LineCounter,
    found: DiagnosticList,
    { anyKeys = false }: TreeOptions = {},
  ) {
    this.#anyKeys = anyKeys;
    this.#document = document;
    this.#file = file;
    this.#lines = lines;
    this.#found = found;
  }

  read(): TreeNode | undefined {
    const { contents, directives, errors } = this.#document;
    for (const error of errors) {
      const problem = error.message.trim();
      this.#found.add('yaml-syntax', this.#placeOf(error.pos[0]), { problem });
    }
    if (errors.length > 0) return undefined;
    if (contents === null || (isScalar(contents) && contents.value === null)) return undefined;
    const place = this.#placeOf(contents.range?.[0] ?? 0);
    if (directives?.yaml.explicit || Object.keys(directives?.tags ?? {}).length > 1) {
      const instead = 'Remove the % line; declarations are read as YAML 1.2';
      this.#found.add('yaml-feature', place, { feature: 'A % directive', instead });
      return undefined;
    }
    try {
      const root = this.#node(contents, 0);
      if (root.type === 'map') return root;
      this.#found.add('document-not-mapping', root.place);
    } catch (thrown) {
      if (!(thrown instanceof Abandoned)) throw thrown;
    }
    return undefined;
  }

  #placeOf(offset: number): Place {
    const { line, col } = this.#lines.linePos(offset);
    return { file: this.#file, line: Math.max(line, 1), column: Math.max(col, 1) };
  }

  #node(node: Node | null, depth: number): TreeNode {
    const place = this.#placeOf(node?.range?.[0] ?? 0);
    this.#nodes += 1;
    if (this.#nodes > MAX_NODES) {
      this.#abandon(place, `it has more than ${MAX_NODES} values, aliases included`);
    }
    if (depth > MAX_DEPTH) this.#abandon(place, `it is nested more than ${MAX_DEPTH} deep`);
    if (isAlias(node)) return this.#alias(node, place, depth);
    if (node?.anchor !== undefined) this.#anchors.set(node.anchor, node);
    if (node?.tag !== undefined) {
      const instead = 'Remove the tag; write text in quotes';
      this.#found.add('yaml-feature', place, { feature: `The tag ${node.tag}`, instead });
    }
    if (isMap(node)) return { type: 'map', place, entries: this.#entries(node.items, depth) };
    if (isSeq(node)) {
      const items = node.items.map((item) => this.#node(item as Node | null, depth + 1));
      return { type: 'list', place, items };
    }
    return this.#scalar(node as YamlScalar | null, place);
  }

  #alias(node: Alias, place: Place, depth: number): TreeNode {
    const target = this.#anchors.get(node.source);
    if (target !== undefined) return this.#node(target, depth + 1);
    return this.#abandon(place, `the alias *${node.source} refers to nothing`);
  }

  #entries(pairs: readonly Pair[], depth: number): ReadonlyMap<string, Entry> {
    const entries = new Map<string, Entry>();
    for (const pair of pairs) {
      const keyNode = pair.key as Node | null;
      const valueNode = pair.value as Node | null;
      const keyPlace = this.#placeOf(keyNode?.range?.[0] ?? 0);
      const key = this.#key(keyNode, keyPlace);
      // An absent value (`key:`) has no place of its own: the key's serves.
      const node: TreeNode =
        valueNode === null
          ? { type: 'scalar', place: keyPlace, value: null }
          : this.#node(valueNode, depth + 1);
      if (key === undefined) continue;
      if (entries.has(key)) this.#found.add('yaml-duplicate-key', keyPlace, { key });
      else entries.set(key, { keyPlace, node });
    }
    return entries;
  }

  #key(node: Node | null, place: Place): string | undefined {
    if (isScalar(node) && typeof node.value === 'string' && node.value !== '__proto__') {
      if (node.type !== 'PLAIN' || ambiguity(node.value) === undefined) return node.value;
    }
    const shown = isScalar(node) ? String(node.source ?? node.value) : 'here';
    if (this.#anyKeys && isScalar(node) && shown !== '__proto__') return shown;
    this.#found.add('yaml-key', place, { key: shown });
    return undefined;
  }

  #scalar(node: YamlScalar | null, place: Place): TreeNode {
    const value = node?.value ?? null;
    const source = node?.source ?? '';
    const two = node?.type === 'PLAIN' ? ambiguity(source) : undefined;
    if (two) {
      const decimal = /number/.test(`${two.first} ${two.second}`) && !source.includes(':');
      const suggestion = `Quote it: "${source}"${decimal ? ', or write plain decimal digits' : ''}.`;
      this.#found.add('yaml-ambiguous', place, { value: source, ...two, suggestion });
      return { type: 'scalar', place, value: source, ambiguous: true };
    }
    if (typeof value === 'number' && !Number.isFinite(value)) {
      const instead = 'Write a finite number';
      this.#found.add('yaml-feature', place, { feature: `The number ${source}`, instead });
      return { type: 'scalar', place, value: source, ambiguous: true };
    }
    const known = value === null || ['string', 'boolean', 'number'].includes(typeof value);
    return { type: 'scalar', place, value: known ? (value as Scalar) : String(value) };
  }

  #abandon(place: Place, problem: string): never {
    this.#found.add('yaml-too-complex', place, { problem });
    throw new Abandoned();
  }
}
