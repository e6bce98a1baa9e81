// SPDX-License-Identifier: Apache-2.0
import { resolve } from 'node:path';
import { overlappingBundles } from './bundle-overlap.ts';
import type { ShapedDocuments } from './check/context.ts';
import { type CheckOptions, checkSources } from './check.ts';
import { type Diagnostic, diagnostic } from './diagnostic.ts';
import type { Source } from './parse.ts';
import type { Policy } from './policy.ts';
import { readSources, shownPath } from './read-sources.ts';

export interface LoadOptions extends CheckOptions {
  /** What relative paths start from and what shown paths are relative to; default: the process's. */
  readonly cwd?: string;
}

export interface LoadedPolicy {
  /** Absent when there is any error. */
  readonly policy?: Policy;
  readonly diagnostics: readonly Diagnostic[];
  readonly sources: readonly Source[];
  /** What the revision is the sha256 of. */
  readonly canonical: string;
  readonly documents: ShapedDocuments;
}

/**
 * Reads files and directories (every `*.yaml` and `*.yml` below, in sorted order; names that begin
 * with a dot are left out, as Kubernetes' mounted `..data` links must be) and checks them as one
 * declaration. Unreadable paths are diagnostics too; never rejects for what a path holds.
 */
export async function loadPolicy(
  paths: readonly string[],
  options: LoadOptions = {},
): Promise<LoadedPolicy> {
  const cwd = options.cwd ?? process.cwd();
  const read = await readSources(paths, cwd);
  const { sources } = read;
  const faults = [...read.faults];
  const checked = checkSources(sources, options);
  const { canonical, documents } = checked;
  if (canonical === '' && checked.diagnostics.length === 0 && faults.length === 0) {
    const shown = paths.map((path) => shownPath(resolve(cwd, path), cwd)).join(', ');
    const place = { file: shown, line: 1, column: 1 };
    faults.push(diagnostic('nothing-declared', place, { paths: shown }));
  }
  const overlaps = await overlappingBundles([...(checked.policy?.clusters.values() ?? [])]);
  const diagnostics = [...faults, ...checked.diagnostics, ...overlaps];
  const sound = diagnostics.every(({ severity }) => severity !== 'error');
  const loaded = { diagnostics, sources, canonical, documents };
  return checked.policy === undefined || !sound ? loaded : { policy: checked.policy, ...loaded };
}
