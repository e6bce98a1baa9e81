// SPDX-License-Identifier: Apache-2.0
// Server-side apply as the API server does it: field sets, ownership, merge and conflicts. Written
// from the documents of Kubernetes and not from the product's code, which it is to judge.
import { isDeepStrictEqual } from 'node:util';
import type { Shape } from './kube-shape.ts';

export type Json = Record<string, unknown>;
/** Paths as JSON arrays of `f:`, `k:` and `v:` elements; `.` at the end is an element itself. */
export type FieldSet = Set<string>;

export interface Owner {
  readonly manager: string;
  readonly operation: 'Apply' | 'Update';
  readonly apiVersion: string;
  readonly time: string;
  fields: FieldSet;
}

/** Set by the server, or names the object: nobody owns these. */
const UNOWNED = new Set([
  ...['["f:apiVersion"]', '["f:kind"]', '["f:status"]', '["f:metadata"]'],
  ...['name', 'namespace', 'uid', 'resourceVersion', 'generation', 'creationTimestamp']
    .concat('managedFields', 'deletionTimestamp', 'selfLink', 'generateName')
    .map((name) => JSON.stringify(['f:metadata', `f:${name}`])),
]);

const isMap = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The shape of one field of a map or struct. */
function shapeOf(shape: Shape, name: string): Shape | undefined {
  if (shape === 'value') return undefined;
  if ('fields' in shape) return Object.hasOwn(shape.fields, name) ? shape.fields[name] : undefined;
  return 'map' in shape ? shape.map : undefined;
}

function isWhole(shape: Shape): boolean {
  if (shape === 'value') return true;
  return 'list' in shape ? !shape.keys && !shape.set : (shape.atomic ?? false);
}

function elementOf(shape: Shape, item: unknown): string {
  if (shape === 'value' || !('list' in shape) || !shape.keys) return `v:${JSON.stringify(item)}`;
  const fallback: Json = { protocol: 'TCP' };
  const keys = [...shape.keys].sort().map((key) => {
    const value = (item as Json)[key] ?? fallback[key];
    if (value === undefined) throw new Error(`a list element lacks its key ${key}`);
    return [key, value];
  });
  return `k:${JSON.stringify(Object.fromEntries(keys))}`;
}

/** Every leaf with its value. */
export function fieldsOf(object: Json, root: Shape): Map<string, unknown> {
  const found = new Map<string, unknown>();
  const walk = (value: unknown, shape: Shape, path: string[]) => {
    if (UNOWNED.has(JSON.stringify(path)) && path.length > 0 && path[0] !== 'f:metadata') return;
    if (path.length === 2 && UNOWNED.has(JSON.stringify(path))) return;
    if (isMap(value) && !isWhole(shape) && Object.keys(value).length > 0) {
      for (const [name, inner] of Object.entries(value)) {
        const next = shapeOf(shape, name);
        if (next) walk(inner, next, [...path, `f:${name}`]);
      }
    } else if (Array.isArray(value) && !isWhole(shape) && value.length > 0) {
      for (const item of value) {
        const at = [...path, elementOf(shape, item)];
        found.set(JSON.stringify([...at, '.']), true);
        if (isMap(item)) walk(item, (shape as { list: Shape }).list, at);
      }
    } else if (path.length > 0) {
      found.set(JSON.stringify(path), value);
    }
  };
  walk(object, root, []);
  return found;
}

/** Dotted paths that no shape knows. */
export function unknownFields(value: unknown, shape: Shape, path = ''): string[] {
  if (isMap(value) && shape !== 'value' && !('list' in shape)) {
    return Object.entries(value).flatMap(([name, inner]) => {
      const next = shapeOf(shape, name);
      const at = path ? `${path}.${name}` : name;
      if (at === 'metadata.managedFields') return [];
      return next ? unknownFields(inner, next, at) : [at];
    });
  }
  if (Array.isArray(value) && shape !== 'value' && 'list' in shape) {
    return value.flatMap((item, at) => unknownFields(item, shape.list, `${path}[${at}]`));
  }
  // A struct where a value belongs and the reverse are refused as well.
  const fits = isMap(value) || Array.isArray(value) ? false : shape === 'value' || value === null;
  return fits ? [] : [path];
}

/** `config` over `live`: what is merged is merged, the rest is replaced. */
function merged(live: unknown, config: unknown, shape: Shape): unknown {
  if (isWhole(shape) || live === undefined || live === null) return structuredClone(config);
  if (isMap(config) && isMap(live)) {
    const result: Json = { ...live };
    for (const [name, value] of Object.entries(config)) {
      result[name] = merged(live[name], value, shapeOf(shape, name) ?? 'value');
    }
    return result;
  }
  if (Array.isArray(config) && Array.isArray(live) && shape !== 'value' && 'list' in shape) {
    const result = [...live];
    for (const item of config) {
      const at = result.findIndex((other) => elementOf(shape, other) === elementOf(shape, item));
      if (at < 0) result.push(structuredClone(item));
      else result[at] = merged(result[at], item, shape.list);
    }
    return result;
  }
  return structuredClone(config);
}

function remove(object: Json, root: Shape, path: readonly string[]): void {
  const target = path.at(-1) === '.' ? path.slice(0, -1) : path;
  const step = (value: unknown, shape: Shape, rest: readonly string[]): unknown => {
    const [element = '', ...below] = rest;
    if (Array.isArray(value)) {
      const at = value.findIndex((item) => elementOf(shape, item) === element);
      if (at < 0) return value;
      const inner = (shape as { list: Shape }).list;
      if (below.length === 0) return value.filter((_, other) => other !== at);
      return value.map((item, other) => (other === at ? step(item, inner, below) : item));
    }
    const name = element.slice(2);
    if (!isMap(value) || !(name in value)) return value;
    const copy = { ...value };
    if (below.length === 0) delete copy[name];
    else copy[name] = step(copy[name], shapeOf(shape, name) ?? 'value', below);
    return copy;
  };
  Object.assign(object, step(object, root, target));
}

export interface Conflict {
  readonly manager: string;
  readonly operation: string;
  readonly apiVersion: string;
  readonly field: string;
}

/** Who else owns a field of `config` that would change. */
function conflictsOf(
  live: Map<string, unknown>,
  wanted: Map<string, unknown>,
  others: readonly Owner[],
): Map<Owner, string[]> {
  const found = new Map<Owner, string[]>();
  for (const [path, value] of wanted) {
    if (live.has(path) && isDeepStrictEqual(live.get(path), value)) continue;
    for (const owner of others) {
      if (owner.fields.has(path)) found.set(owner, [...(found.get(owner) ?? []), path]);
    }
  }
  return found;
}

export interface Stored {
  object: Json;
  owners: Owner[];
}

/** One apply; the result, or the conflicts that stop it. */
export function applyConfig(
  stored: Stored | undefined,
  config: Json,
  shape: Shape,
  as: { manager: string; apiVersion: string; time: string; force: boolean },
): Stored | readonly Conflict[] {
  const live = stored?.object ?? {};
  const owners = stored?.owners ?? [];
  const mine = owners.find((o) => o.manager === as.manager && o.operation === 'Apply');
  const others = owners.filter((owner) => owner !== mine);
  const wanted = fieldsOf(config, shape);
  const conflicts = conflictsOf(fieldsOf(live, shape), wanted, others);
  if (conflicts.size > 0 && !as.force) {
    return [...conflicts].flatMap(([{ manager, operation, apiVersion }, paths]) =>
      paths.map((path) => ({ manager, operation, apiVersion, field: dotted(path) })),
    );
  }
  const object = merged(live, config, shape) as Json;
  for (const path of mine?.fields ?? []) {
    const kept = [...wanted.keys()].some((other) => other === path || isBelow(other, path));
    if (!kept && !others.some((owner) => owner.fields.has(path))) {
      remove(object, shape, JSON.parse(path) as string[]);
    }
  }
  const left = others.map((owner) => {
    const lost = new Set(conflicts.get(owner));
    return { ...owner, fields: new Set([...owner.fields].filter((path) => !lost.has(path))) };
  });
  const fields = new Set(wanted.keys());
  const time = mine && isDeepStrictEqual(mine.fields, fields) ? mine.time : as.time;
  const { manager, apiVersion } = as;
  const own: Owner = { manager, operation: 'Apply', apiVersion, time, fields };
  return { object, owners: [...left.filter((owner) => owner.fields.size > 0), own] };
}

function isBelow(path: string, outer: string): boolean {
  return path.startsWith(`${outer.slice(0, -1)},`);
}

/** What a create, update or patch makes of ownership: who changes a field owns it, alone. */
export function ownedAfterUpdate(
  stored: Stored | undefined,
  next: Json,
  shape: Shape,
  as: { manager: string; apiVersion: string; time: string },
): Owner[] {
  const before = fieldsOf(stored?.object ?? {}, shape);
  const after = fieldsOf(next, shape);
  const changed = [...after].filter(
    ([path, value]) => !before.has(path) || !isDeepStrictEqual(before.get(path), value),
  );
  const touched = new Set(changed.map(([path]) => path));
  for (const path of before.keys()) if (!after.has(path)) touched.add(path);
  const isMine = (o: Owner) => o.manager === as.manager && o.operation === 'Update';
  const mine = stored?.owners.find(isMine);
  const others = (stored?.owners ?? [])
    .filter((owner) => !isMine(owner))
    .map((owner) => ({
      ...owner,
      fields: new Set([...owner.fields].filter((path) => !touched.has(path))),
    }));
  const kept = [...(mine?.fields ?? [])].filter((path) => after.has(path));
  const fields = new Set([...kept, ...changed.map(([path]) => path)]);
  const { manager, apiVersion } = as;
  const time = changed.length === 0 && mine ? mine.time : as.time;
  const own: Owner = { manager, operation: 'Update', apiVersion, time, fields };
  return [...others, own].filter((owner) => owner.fields.size > 0);
}

export function managedFieldsOf(owners: readonly Owner[]): Json[] {
  return owners.map(({ manager, operation, apiVersion, time, fields }) => {
    const tree: Json = {};
    for (const path of fields) {
      let at = tree;
      for (const element of JSON.parse(path) as string[]) {
        at[element] ??= {};
        at = at[element] as Json;
      }
    }
    return { manager, operation, apiVersion, time, fieldsType: 'FieldsV1', fieldsV1: tree };
  });
}

/** `.spec.ports[port=80,protocol="TCP"].name`, as conflicts spell it. */
function dotted(path: string): string {
  return (JSON.parse(path) as string[])
    .filter((element) => element !== '.')
    .map((element) => {
      if (element.startsWith('f:')) return `.${element.slice(2)}`;
      if (element.startsWith('v:')) return `[=${element.slice(2)}]`;
      const keys = Object.entries(JSON.parse(element.slice(2)) as Json);
      return `[${keys.map(([key, value]) => `${key}=${JSON.stringify(value)}`).join(',')}]`;
    })
    .join('');
}
