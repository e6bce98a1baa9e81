// SPDX-License-Identifier: Apache-2.0
import type { Value } from '../compile/istio/artifact.ts';
import { mappingYaml } from '../compile/istio/yaml.ts';
import { API_VERSION } from '../policy/document/field.ts';
import { isNamespaced, type Kind } from '../policy/document/kind.ts';
import type { LedgerEntry } from './ledger.ts';

/** A document of a declaration that is to be written. */
export interface ImportedDocument {
  readonly kind: Kind;
  readonly name: string;
  readonly namespace: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly spec: { readonly [key: string]: Value };
}

/** What an import makes: documents, and what became of everything that was read. */
export interface Imported {
  readonly documents: readonly ImportedDocument[];
  readonly entries: readonly LedgerEntry[];
}

/** As rules are called everywhere: `Grant/data/orders`. */
export function documentId({ kind, name, namespace }: Omit<ImportedDocument, 'spec'>): string {
  return isNamespaced(kind) ? `${kind}/${namespace}/${name}` : `${kind}/${name}`;
}

export function declarationText(documents: readonly ImportedDocument[]): string {
  return documents.map(documentText).join('---\n');
}

function documentText({ kind, name, namespace, labels, spec }: ImportedDocument): string {
  const metadata = { name, ...(isNamespaced(kind) && { namespace }), ...(labels && { labels }) };
  // The writer of the mesh's objects: what it quotes reads the same in every YAML.
  return mappingYaml({ apiVersion: API_VERSION, kind, metadata, spec });
}

/** A name of a declaration near `text`, that is not yet in `taken`; it is added there. */
export function freeName(text: string, taken: Set<string>): string {
  const plain = text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 50)
    .replace(/-+$/, '');
  const base = plain === '' ? 'unnamed' : plain;
  let name = base;
  for (let number = 2; taken.has(name); number += 1) name = `${base}-${number}`;
  taken.add(name);
  return name;
}
