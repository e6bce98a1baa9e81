// SPDX-License-Identifier: Apache-2.0
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { diagnosticText } from '../policy/diagnostic-text.ts';
import { loadPolicy } from '../policy/load.ts';
import type { Policy } from '../policy/policy.ts';

export interface LoadedPolicy {
  /** Undefined when there is any fault; warnings do not count. */
  readonly policy?: Policy;
  /** One text per fault, with file and line. */
  readonly faults: readonly string[];
  readonly sources: readonly { readonly path: string; readonly text: string }[];
}

/** The declaration on disk. */
export class PolicyFiles {
  readonly #paths: readonly string[];

  constructor(paths: readonly string[]) {
    this.#paths = paths;
  }

  async load(): Promise<LoadedPolicy> {
    const { policy, diagnostics, sources } = await loadPolicy(this.#paths);
    const faults = diagnostics
      .filter(({ severity }) => severity === 'error')
      .map((fault) => diagnosticText(fault, sources));
    return { ...(policy && { policy }), faults, sources };
  }

  /** Changes when any file below the paths was written, added or removed. */
  async fingerprint(): Promise<string> {
    const parts = await Promise.all(this.#paths.map((path) => fingerprintOf(path)));
    return parts.join('\n');
  }
}

async function fingerprintOf(path: string): Promise<string> {
  try {
    const found = await stat(path);
    if (!found.isDirectory()) return `${path} ${found.mtimeMs} ${found.size} ${found.ino}`;
    const names = (await readdir(path)).filter((name) => !name.startsWith('.')).sort();
    const inside = await Promise.all(names.map((name) => fingerprintOf(join(path, name))));
    return inside.join('\n');
  } catch {
    // Gone between two looks: that is a state too, and loading says what is wrong with it.
    return `${path} missing`;
  }
}
