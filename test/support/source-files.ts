// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { repositoryFile } from './repository-file.ts';

export interface SourceFile {
  /** From the root of the repository, e.g. `src/model/clock.ts`. */
  readonly path: string;
  readonly text: string;
  /** Static, dynamic and type imports as written. */
  readonly imports: readonly string[];
}

const IMPORTS = [
  /^import\s[^;'"]*?from '([^']+)'/gm,
  /^import '([^']+)'/gm,
  /^export\s+(?:type\s+)?(?:\{[^}]*\}|\*[^;'"]*?)\s*from '([^']+)'/gm,
  /\bimport\('([^']+)'\)/g,
];

/** Files below `folder` whose names end in `ending`, sorted. */
export function filesBelow(folder: string, ending: string): string[] {
  return readdirSync(repositoryFile(folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending))
    .map((name) => join(folder, name))
    .sort();
}

export function readText(path: string): string {
  return readFileSync(repositoryFile(path), 'utf8');
}

export function sourceFiles(...folders: readonly string[]): SourceFile[] {
  return folders
    .flatMap((folder) => filesBelow(folder, '.ts'))
    .map((path) => {
      const text = readText(path);
      const imports = IMPORTS.flatMap((form) => [...text.matchAll(form)].map((m) => m[1] ?? ''));
      return { path, text, imports: [...new Set(imports)] };
    });
}

/** The path an import leads to, or undefined for packages and node's own modules. */
export function importedPath(from: SourceFile, specifier: string): string | undefined {
  return specifier.startsWith('.') ? normalize(join(dirname(from.path), specifier)) : undefined;
}

/** `@hono/node-server/serve` -> `@hono/node-server`; `node:fs/promises` -> `node:fs`. */
export function packageName(specifier: string): string {
  const parts = specifier.split('/');
  return parts.slice(0, specifier.startsWith('@') ? 2 : 1).join('/');
}

/** Rows of the first Markdown table below a heading, without its header; cells without backticks. */
export function tableBelow(document: string, heading: string): string[][] {
  const start = document.indexOf(`${heading}\n`);
  if (start < 0) throw new Error(`no heading "${heading}"`);
  const lines = document.slice(start).split('\n').slice(1);
  const first = lines.findIndex((line) => line.startsWith('|'));
  const rows: string[][] = [];
  for (const line of lines.slice(first + 2)) {
    if (!line.startsWith('|')) break;
    rows.push(
      line
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim().replaceAll('`', '')),
    );
  }
  return rows;
}

/** `model, policy` -> both; `-` -> none. */
export function names(cell: string | undefined): string[] {
  return (cell ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '' && name !== '-');
}
