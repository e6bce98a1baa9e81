// SPDX-License-Identifier: Apache-2.0
import { LineCounter } from 'yaml';
import type { DiagnosticList } from './diagnostic.ts';
import type { TreeNode } from './source-tree.ts';
import { type TreeOptions, TreeReader } from './tree-reader.ts';
import { yamlDocuments } from './yaml-documents.ts';

/** One file of a declaration. */
export interface Source {
  /** How diagnostics and rule references name it. */
  readonly path: string;
  readonly text: string;
  /** What relative `file:` credentials are relative to; by default the directory of `path`. */
  readonly directory?: string;
}

export interface ParsedDocument {
  readonly source: Source;
  readonly root: TreeNode;
}

export const MAX_FILE_BYTES = 8 * 1024 * 1024;

/** YAML text -> documents with the place of every node. Never throws; faults go to `found`. */
export function parseSource(
  source: Source,
  found: DiagnosticList,
  options: TreeOptions = {},
): readonly ParsedDocument[] {
  const { path, text } = source;
  const size = Buffer.byteLength(text);
  if (size > MAX_FILE_BYTES) {
    const start = { file: path, line: 1, column: 1 };
    found.add('file-too-large', start, { size, limit: MAX_FILE_BYTES });
    return [];
  }
  const lines = new LineCounter();
  const documents = yamlDocuments(text, lines, (offset, problem) => {
    const { line, col } = lines.linePos(offset);
    found.add('yaml-too-complex', { file: path, line, column: col }, { problem });
  });
  return documents.flatMap((document) => {
    const root = new TreeReader(document, path, lines, found, options).read();
    return root ? { source, root } : [];
  });
}
