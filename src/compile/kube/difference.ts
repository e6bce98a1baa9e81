// SPDX-License-Identifier: Apache-2.0
import { type FieldPath, leadsTo, leavesOf, pathsOf, pathText, valueAt } from './field-path.ts';
import { FIELD_MANAGER, isJsonObject, type KubeObject, type ManagedField } from './object.ts';

/** One field that is not as declared. `desired` absent: it is to go; `observed` absent: it is missing. */
export interface FieldDifference {
  readonly path: FieldPath;
  readonly field: string;
  readonly desired?: unknown;
  readonly observed?: unknown;
  /** Other field managers that hold it: changing it is a conflict unless forced. */
  readonly holders: readonly string[];
}

/**
 * What differs. Fields that only others set are theirs, but not where every field decides who gets
 * in: there the `spec` is compared as a whole.
 */
export function differences(desired: KubeObject, observed: KubeObject): FieldDifference[] {
  const wanted = leavesOf(desired);
  const found: FieldDifference[] = [];
  for (const { path, value } of wanted) {
    const present = valueAt(observed, path);
    if (sameValue(value, present)) continue;
    found.push({
      path,
      field: pathText(path),
      desired: value,
      ...(present !== undefined && { observed: present }),
      holders: holdersOf(observed, path),
    });
  }
  const exact = isExact(desired);
  for (const path of exact ? specPaths(observed) : ownPaths(observed)) {
    const kept = wanted.some((leaf) => leadsTo(path, leaf.path) || leadsTo(leaf.path, path));
    const holders = holdersOf(observed, path);
    // What somebody else holds as well stays when we let go of it.
    if (kept || (!exact && holders.length > 0)) continue;
    const present = valueAt(observed, path);
    if (present === undefined) continue;
    found.push({ path, field: pathText(path), observed: present, holders });
  }
  return found;
}

/** Kinds in which a field more is access more or less, and the API server fills in nothing. */
function isExact({ apiVersion, kind }: KubeObject): boolean {
  return kind === 'NetworkPolicy' || /^[a-z.]+\.istio\.io\//.test(apiVersion);
}

function specPaths(observed: KubeObject): FieldPath[] {
  const spec = leavesOf(observed).filter(({ path }) => path[0] === 'f:spec');
  const labels = ownPaths(observed).filter(([first]) => first === 'f:metadata');
  return [...spec.map(({ path }) => path), ...labels];
}

/** Declared fields that are as declared, but held by others alone: they may change them freely. */
export function fieldsTaken(desired: KubeObject, observed: KubeObject): FieldDifference[] {
  const own = ownPaths(observed);
  return leavesOf(desired).flatMap(({ path, value }) => {
    const present = valueAt(observed, path);
    const holders = holdersOf(observed, path);
    const ours = own.some((held) => leadsTo(held, path) || leadsTo(path, held));
    if (ours || holders.length === 0 || !sameValue(value, present)) return [];
    return [{ path, field: pathText(path), desired: value, observed: present, holders }];
  });
}

/** Order of keys apart, the same JSON. */
export function sameValue(one: unknown, other: unknown): boolean {
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && one.every((value, at) => sameValue(value, other[at]));
  }
  if (isJsonObject(one) && isJsonObject(other)) {
    const names = Object.keys(one);
    return (
      names.length === Object.keys(other).length &&
      names.every((name) => name in other && sameValue(one[name], other[name]))
    );
  }
  return one === other;
}

function isOurs({ manager, operation }: ManagedField): boolean {
  return manager === FIELD_MANAGER && operation === 'Apply';
}

function ownPaths(observed: KubeObject): FieldPath[] {
  return (observed.metadata.managedFields ?? []).filter(isOurs).flatMap(pathsOf);
}

function holdersOf(observed: KubeObject, path: FieldPath): string[] {
  const names = (observed.metadata.managedFields ?? [])
    .filter((entry) => !isOurs(entry))
    .filter((entry) => pathsOf(entry).some((held) => leadsTo(held, path) || leadsTo(path, held)))
    .map(({ manager = 'unknown' }) => manager);
  return [...new Set(names)];
}
