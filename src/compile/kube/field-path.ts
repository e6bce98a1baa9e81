// SPDX-License-Identifier: Apache-2.0
import { isJsonObject, type JsonObject, type KubeObject, type ManagedField } from './object.ts';

/**
 * Where a field is, in the elements of the API server's own notes: `f:name` is a field,
 * `k:{"name":"x"}` an element of a list that is merged by key.
 */
export type FieldPath = readonly string[];

export interface Leaf {
  readonly path: FieldPath;
  readonly value: unknown;
}

/**
 * Lists whose elements the API server merges by these keys; every other list is one value. Only
 * the kinds that Postern emits: in custom resources such as Istio's, all lists are one value.
 */
const CONTAINER_LISTS: Readonly<Record<string, readonly string[]>> = {
  env: ['name'],
  ports: ['containerPort', 'protocol'],
  volumeMounts: ['mountPath'],
};
const LIST_KEYS: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  Service: { 'spec.ports': ['port', 'protocol'] },
  ServiceAccount: { secrets: ['name'], imagePullSecrets: ['name'] },
  ...Object.fromEntries(['Deployment', 'StatefulSet'].map((kind) => [kind, workloadLists()])),
};

function workloadLists(): Record<string, readonly string[]> {
  const pod = 'spec.template.spec';
  const lists: Record<string, readonly string[]> = {
    [`${pod}.volumes`]: ['name'],
    [`${pod}.imagePullSecrets`]: ['name'],
    [`${pod}.topologySpreadConstraints`]: ['topologyKey', 'whenUnsatisfiable'],
  };
  for (const name of ['containers', 'initContainers']) {
    lists[`${pod}.${name}`] = ['name'];
    for (const [inner, keys] of Object.entries(CONTAINER_LISTS)) {
      lists[`${pod}.${name}.${inner}`] = keys;
    }
  }
  return lists;
}

/** Maps that are one value: an added label selects something else. */
const WHOLE_MAPS: Readonly<Record<string, readonly string[]>> = {
  Service: ['spec.selector'],
  NetworkPolicy: ['spec.podSelector'],
  PodDisruptionBudget: ['spec.selector'],
  Deployment: ['spec.selector', 'spec.template.spec.nodeSelector'],
  StatefulSet: ['spec.selector', 'spec.template.spec.nodeSelector'],
};

/** What the API server fills in before it compares keys. */
const KEY_DEFAULTS: Readonly<Record<string, string>> = { protocol: 'TCP' };

const NOT_COMPARED = new Set(['apiVersion', 'kind', 'status']);
const NAMING = new Set(['name', 'namespace', 'uid', 'resourceVersion', 'managedFields']);

/** Every value of an object that is not taken apart further, without what only names the object. */
export function leavesOf(object: KubeObject): Leaf[] {
  const leaves: Leaf[] = [];
  const walk = (value: unknown, path: FieldPath, names: string) => {
    const whole = WHOLE_MAPS[object.kind]?.includes(names) ?? false;
    if (isJsonObject(value) && Object.keys(value).length > 0 && !whole) {
      for (const [name, inner] of Object.entries(value)) {
        if (path.length === 0 && NOT_COMPARED.has(name)) continue;
        if (names === 'metadata' && NAMING.has(name)) continue;
        walk(inner, [...path, `f:${name}`], names === '' ? name : `${names}.${name}`);
      }
      return;
    }
    const keys = LIST_KEYS[object.kind]?.[names];
    if (!Array.isArray(value) || !keys) {
      leaves.push({ path, value });
      return;
    }
    for (const element of value as readonly JsonObject[]) {
      walk(element, [...path, keyElement(element, keys)], names);
    }
  };
  walk(object, [], '');
  return leaves;
}

function keyElement(element: JsonObject, keys: readonly string[]): string {
  const named = [...keys].sort().map((key) => [key, element[key] ?? KEY_DEFAULTS[key] ?? null]);
  return `k:${JSON.stringify(Object.fromEntries(named))}`;
}

/** The value at a path of an object as it was observed; undefined when there is none. */
export function valueAt(object: KubeObject, path: FieldPath): unknown {
  let value: unknown = object;
  for (const element of path) {
    if (element.startsWith('f:')) {
      value = isJsonObject(value) ? value[element.slice(2)] : undefined;
    } else {
      const keys = Object.keys(JSON.parse(element.slice(2)));
      value = Array.isArray(value)
        ? value.find((candidate) => keyElement(candidate, keys) === element)
        : undefined;
    }
    if (value === undefined) return undefined;
  }
  return value;
}

/** The leaves of one entry of the API server's notes. */
export function pathsOf(entry: ManagedField): FieldPath[] {
  const paths: FieldPath[] = [];
  const walk = (tree: JsonObject, path: FieldPath) => {
    const inner = Object.entries(tree).filter(([element]) => element !== '.');
    if (inner.length === 0 && path.length > 0) paths.push(path);
    for (const [element, below] of inner) {
      if (isJsonObject(below)) walk(below, [...path, element]);
    }
  };
  walk(entry.fieldsV1 ?? {}, []);
  return paths;
}

/** Whether one path is the other, or leads to it. */
export function leadsTo(outer: FieldPath, inner: FieldPath): boolean {
  return outer.length <= inner.length && outer.every((element, at) => element === inner[at]);
}

/** `spec.ports[port=3306,protocol=TCP].name` */
export function pathText(path: FieldPath): string {
  let text = '';
  for (const element of path) {
    if (element.startsWith('k:')) {
      const keys = Object.entries(JSON.parse(element.slice(2)) as JsonObject);
      text += `[${keys.map(([key, value]) => `${key}=${String(value)}`).join(',')}]`;
    } else {
      const name = element.slice(2);
      text += /^[\w-]+$/.test(name) ? `${text && '.'}${name}` : `["${name}"]`;
    }
  }
  return text;
}
