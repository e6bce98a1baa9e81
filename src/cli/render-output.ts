// SPDX-License-Identifier: Apache-2.0
import { existsSync, mkdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { PosternError, problemText } from '../model/errors.ts';

const manifestSchema = z.strictObject({ files: z.array(z.string()) });

export interface OutputChange {
  readonly path: string;
  readonly change: 'added' | 'changed' | 'removed';
}

/**
 * What writing `files` (relative path -> text) would change in `directory`. `manifest` lists which
 * of its files were written before; beside them anything else may stay.
 */
export function outputChanges(
  directory: string,
  files: ReadonlyMap<string, string>,
  manifest: string,
): readonly OutputChange[] {
  const changes: OutputChange[] = [];
  for (const [path, text] of files) {
    const place = join(directory, path);
    if (!existsSync(place)) changes.push({ path, change: 'added' });
    else if (readFileSync(place, 'utf8') !== text) changes.push({ path, change: 'changed' });
  }
  for (const path of writtenBefore(directory, manifest)) {
    if (!files.has(path) && existsSync(join(directory, path))) {
      changes.push({ path, change: 'removed' });
    }
  }
  return changes.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/**
 * Writes what differs and removes what an earlier run wrote and this one does not. Throws `usage`
 * for a file that is there and is not Postern's, before anything is touched.
 */
export function writeOutput(
  directory: string,
  files: ReadonlyMap<string, string>,
  manifest: string,
): readonly OutputChange[] {
  const changes = outputChanges(directory, files, manifest);
  const own = new Set(writtenBefore(directory, manifest));
  const foreign = changes.find(({ path, change }) => change === 'changed' && !own.has(path));
  if (foreign) {
    const problem = `${join(directory, foreign.path)} is there and was not written by postern render. Move it, or name another directory.`;
    throw new PosternError('usage', { problem });
  }
  // First what will be there, also what was: a run that is cut off leaves nothing unlisted.
  const everything = [...new Set([...own, ...files.keys()])].sort();
  writeFile(directory, manifest, manifestText(everything));
  for (const { path, change } of changes) {
    if (change === 'removed') removeFile(directory, path);
    else writeFile(directory, path, files.get(path) ?? '');
  }
  writeFile(directory, manifest, manifestText([...files.keys()].sort()));
  return changes;
}

function manifestText(files: readonly string[]): string {
  return `${JSON.stringify({ files }, null, 2)}\n`;
}

/** Throws `config-invalid` for a manifest that names anything outside the directory. */
function writtenBefore(directory: string, manifest: string): readonly string[] {
  const place = join(directory, manifest);
  if (!existsSync(place)) return [];
  try {
    const { files } = manifestSchema.parse(JSON.parse(readFileSync(place, 'utf8')));
    const outside = files.find(
      (path) => !/^([a-z0-9][a-z0-9._-]*\/)*[a-z0-9][a-z0-9._-]*$/.test(path),
    );
    if (outside !== undefined) throw new Error(`it names ${JSON.stringify(outside)}`);
    return files;
  } catch (cause) {
    throw new PosternError('usage', {
      problem: `${place} is not as postern render left it (${problemText(cause)}). Remove it, and what was rendered.`,
    });
  }
}

function writeFile(directory: string, path: string, text: string): void {
  const place = join(directory, path);
  try {
    mkdirSync(dirname(place), { recursive: true });
    writeFileSync(place, text);
  } catch (cause) {
    throw new PosternError('file-unwritable', { file: place, problem: problemText(cause) }, cause);
  }
}

function removeFile(directory: string, path: string): void {
  const place = join(directory, path);
  rmSync(place);
  try {
    rmdirSync(dirname(place));
  } catch {
    // Not empty: somebody else's files, or ours of another kind.
  }
}
