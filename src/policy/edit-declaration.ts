// SPDX-License-Identifier: Apache-2.0
import { type Document, isCollection, isMap, LineCounter } from 'yaml';
import type { DeclarationEdit } from '../model/finding.ts';
import type { Source } from './parse.ts';
import {
  privilegesGiving,
  type WrittenPrivilege,
  withdrawPrivileges,
} from './withdraw-privileges.ts';
import { yamlDocuments } from './yaml-documents.ts';

/** A declared document as it is to be. */
export interface EditedDocument {
  /** Kind/namespace/name. */
  readonly document: string;
  readonly file: string;
  /** Where it begins now. */
  readonly line: number;
  /** Absent: it is to be removed. */
  readonly text?: string;
}

export interface EditedDeclaration {
  readonly documents: readonly EditedDocument[];
  /** Every source, edited or not. */
  readonly sources: readonly Source[];
}

const PRIVILEGES = ['spec', 'privileges'] as const;
const LAYOUT = { lineWidth: 0, flowCollectionPadding: false } as const;

/** Applies edits to the text of a declaration that is sound; comments stay where they are. */
export function editDeclaration(
  sources: readonly Source[],
  edits: readonly DeclarationEdit[],
): EditedDeclaration {
  const documents: EditedDocument[] = [];
  const edited = sources.map((source) => {
    const lines = new LineCounter();
    const all = yamlDocuments(source.text, lines, () => undefined);
    const left: Document[] = [];
    let changed = false;
    for (const document of all) {
      const name = nameOf(document);
      const own = edits.filter((edit) => edit.document === name);
      const isRemoved = own.some(({ change }) => change === 'remove');
      if (!isRemoved) left.push(document);
      if (own.length === 0) continue;
      changed = true;
      for (const edit of own) apply(edit, document);
      const line = lines.linePos(document.contents?.range?.[0] ?? 0).line;
      const place = { document: name, file: source.path, line };
      documents.push(isRemoved ? place : { ...place, text: textOf(document) });
    }
    return changed ? { ...source, text: left.map((one) => one.toString(LAYOUT)).join('') } : source;
  });
  return { documents, sources: edited };
}

function nameOf(document: Document): string {
  const part = (...path: string[]) => {
    const value = isMap(document.contents) ? document.getIn(path) : undefined;
    return typeof value === 'string' ? [value] : [];
  };
  return [part('kind'), part('metadata', 'namespace'), part('metadata', 'name')].flat().join('/');
}

/** Without the marker that parts it from the one before. */
function textOf(document: Document): string {
  return document.toString(LAYOUT).replace(/^---\n/, '');
}

function apply(edit: DeclarationEdit, document: Document): void {
  if (edit.change === 'remove') return;
  if (edit.change === 'append') {
    const list = listAt(document, edit.path);
    if (list.includes(edit.value)) return;
    if (isCollection(document.getIn(edit.path))) document.addIn(edit.path, edit.value);
    else document.setIn(edit.path, document.createNode([edit.value], { flow: true }));
    return;
  }
  if (edit.change === 'allow') {
    const present = new Set(listAt(document, PRIVILEGES).map((one) => JSON.stringify(one)));
    for (const privilege of privilegesGiving(edit.rights)) {
      if (present.has(JSON.stringify(privilege))) continue;
      document.addIn(PRIVILEGES, document.createNode(privilege, { flow: true }));
    }
    return;
  }
  const written = listAt(document, PRIVILEGES) as readonly WrittenPrivilege[];
  const list = document.createNode([]);
  for (const privilege of withdrawPrivileges(written, edit.rights)) {
    list.items.push(document.createNode(privilege, { flow: true }) as never);
  }
  document.setIn(PRIVILEGES, list);
}

function listAt(document: Document, path: readonly string[]): readonly unknown[] {
  const whole = document.toJS() as unknown;
  const found = path.reduce<unknown>(
    (value, key) =>
      typeof value === 'object' && value !== null
        ? (value as Record<string, unknown>)[key]
        : undefined,
    whole,
  );
  return Array.isArray(found) ? found : [];
}
