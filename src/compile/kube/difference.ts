// SPDX-License-Identifier: Apache-2.0
import {
  type FieldPath,
  type Leaf,
  leadsTo,
  leavesOf,
  pathsOf,
  pathText,
  valueAt,
} from './field-path.ts';
import { FIELD_MANAGER, isJsonObject, type KubeObject, type ManagedField } from './object.ts';

/** One field that is not as declared. `desired` absent: it is to go; `observed` absent: it is missing. */
export interface FieldDifference {
  readonly path: FieldPath;
  readonly field: string;
  readonly desired?: unknown;
  readonly observed?: unknown;
  /** Other field managers that hold it: changing it is a conflict unless forced. */
  readonly holders: readonly string[];
  /** The value that is there is one that we applied, and nobody else holds it. */
  readonly ours: boolean;
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
      ...heldBy(observed, path),
    });
  }
  const exact = isExact(desired);
  const extra = new Map<string, FieldPath>();
  for (const path of exact ? specPaths(observed) : ownPaths(observed)) {
    if (wanted.some((leaf) => leadsTo(path, leaf.path) || leadsTo(leaf.path, path))) continue;
    const whole = exact ? undeclaredPart(path, wanted) : path;
    extra.set(pathText(whole), whole);
  }
  for (const [field, path] of extra) {
    const { holders, ours } = heldBy(observed, path);
    const present = valueAt(observed, path);
    // What somebody else holds as well stays when we let go of it.
    const shared = holders.length > 0 && !(exact && path[0] === 'f:spec');
    if (present === undefined || shared) continue;
    found.push({ path, field, observed: present, holders, ours });
  }
  return found;
}

/** The outermost part in which nothing is declared: taking out less would leave an empty shell. */
function undeclaredPart(path: FieldPath, wanted: readonly Leaf[]): FieldPath {
  const declared = (part: FieldPath) => wanted.some((leaf) => leadsTo(part, leaf.path));
  let length = 1;
  while (length < path.length && declared(path.slice(0, length))) length += 1;
  return path.slice(0, length);
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
    const field = pathText(path);
    return [{ path, field, desired: value, observed: present, holders, ours: false }];
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

function heldBy(observed: KubeObject, path: FieldPath): Pick<FieldDifference, 'holders' | 'ours'> {
  const holders = holdersOf(observed, path);
  const own = ownPaths(observed).some((held) => leadsTo(held, path) || leadsTo(path, held));
  return { holders, ours: own && holders.length === 0 && valueAt(observed, path) !== undefined };
}

function holdersOf(observed: KubeObject, path: FieldPath): string[] {
  const names = (observed.metadata.managedFields ?? [])
    .filter((entry) => !isOurs(entry))
    .filter((entry) => pathsOf(entry).some((held) => leadsTo(held, path) || leadsTo(path, held)))
    .map(({ manager = 'unknown' }) => manager);
  return [...new Set(names)];
}
