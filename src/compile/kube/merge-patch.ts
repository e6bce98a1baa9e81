// SPDX-License-Identifier: Apache-2.0
import type { FieldDifference } from './difference.ts';
import { type FieldPath, valueAt } from './field-path.ts';
import type { KubeObject } from './object.ts';

interface Patch {
  [name: string]: unknown;
}

/**
 * What brings these fields to the declared object, as a JSON merge patch (RFC 7386): that knows maps
 * only, so a list is given whole, and null takes a field out.
 */
export function mergePatch(desired: KubeObject, changes: readonly FieldDifference[]): Patch {
  const patch: Patch = {};
  for (const { path } of changes) setAt(patch, mapPart(path), desired);
  return patch;
}

/** Up to the first element of a list. */
function mapPart(path: FieldPath): FieldPath {
  const at = path.findIndex((element) => !element.startsWith('f:'));
  return at < 0 ? path : path.slice(0, at);
}

function setAt(patch: Patch, path: FieldPath, desired: KubeObject): void {
  let inner = patch;
  for (const element of path.slice(0, -1)) {
    const name = element.slice(2);
    const next = inner[name];
    const map = typeof next === 'object' && next !== null ? (next as Patch) : {};
    inner[name] = map;
    inner = map;
  }
  inner[(path.at(-1) ?? '').slice(2)] = valueAt(desired, path) ?? null;
}
