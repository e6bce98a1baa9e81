// SPDX-License-Identifier: Apache-2.0
import type { Policy } from '../../policy/policy.ts';

/** What a declaration takes from outside of it, and the gateway must find in its pod. */
export interface Materials {
  /** Absolute paths, as on the machine that reads the declaration. */
  readonly files: readonly string[];
  readonly variables: readonly string[];
}

export function materialsOf(policy: Policy): Materials {
  const files = new Set<string>();
  const variables = new Set<string>();
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    const { from, path, name } = value as { from?: unknown; path?: unknown; name?: unknown };
    if (from === 'file' && typeof path === 'string') files.add(path);
    if (from === 'env' && typeof name === 'string') variables.add(name);
    for (const inner of Object.values(value)) visit(inner);
  };
  for (const part of [policy.clusters, policy.providers, policy.targets]) {
    for (const declared of part.values()) visit(declared);
  }
  return { files: [...files].sort(), variables: [...variables].sort() };
}
