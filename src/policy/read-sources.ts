// SPDX-License-Identifier: Apache-2.0
import { readdir, readFile, stat } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { problemText } from '../model/errors.ts';
import { type Diagnostic, diagnostic } from './diagnostic.ts';
import { MAX_FILE_BYTES, type Source } from './parse.ts';

export interface ReadSources {
  readonly sources: readonly Source[];
  /** One `file-unreadable` per path that could not be read. */
  readonly faults: readonly Diagnostic[];
}

/**
 * Files and directories as texts: every `*.yaml` and `*.yml` below, in sorted order; names that
 * begin with a dot are left out, as Kubernetes' mounted `..data` links must be. Never rejects for
 * what a path holds.
 */
export async function readSources(paths: readonly string[], cwd: string): Promise<ReadSources> {
  const faults: Diagnostic[] = [];
  const files = new Set<string>();
  for (const path of paths) {
    const unreadable = (failed: string, cause: unknown) =>
      faults.push(unreadableFault(shownPath(failed, cwd), problemText(cause)));
    for (const file of await listFiles(resolve(cwd, path), unreadable)) files.add(file);
  }
  const sources: Source[] = [];
  for (const file of files) {
    const path = shownPath(file, cwd);
    try {
      sources.push({ path, text: await readText(file), directory: dirname(file) });
    } catch (cause) {
      faults.push(unreadableFault(path, problemText(cause)));
    }
  }
  return { sources, faults };
}

function unreadableFault(path: string, problem: string): Diagnostic {
  return diagnostic('file-unreadable', { file: path, line: 1, column: 1 }, { path, problem });
}

/** Relative below the working directory: rule references must not differ between machines. */
export function shownPath(file: string, cwd: string): string {
  const path = relative(cwd, file);
  if (path === '' || path.startsWith('..') || isAbsolute(path)) return file;
  return path.split(sep).join('/');
}

async function listFiles(
  path: string,
  unreadable: (path: string, cause: unknown) => void,
): Promise<readonly string[]> {
  try {
    const entry = await stat(path);
    if (!entry.isDirectory()) return [path];
    const names = (await readdir(path)).filter((name) => !name.startsWith('.')).sort();
    const found: string[] = [];
    for (const name of names) {
      const child = join(path, name);
      const isDirectory = (await stat(child)).isDirectory();
      if (isDirectory) found.push(...(await listFiles(child, unreadable)));
      else if (/\.ya?ml$/.test(name)) found.push(child);
    }
    return found;
  } catch (cause) {
    unreadable(path, cause);
    return [];
  }
}

/** Not decoded leniently: a byte that is no UTF-8 must not change into another name. */
async function readText(file: string): Promise<string> {
  const { size } = await stat(file);
  if (size > MAX_FILE_BYTES)
    throw new Error(`it has ${size} bytes, at most ${MAX_FILE_BYTES} are read`);
  return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(file));
}
