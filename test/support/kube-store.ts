// SPDX-License-Identifier: Apache-2.0
import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import {
  applyConfig,
  type Conflict,
  type Json,
  managedFieldsOf,
  ownedAfterUpdate,
  type Stored,
  unknownFields,
} from './kube-fields.ts';
import type { ServedKind } from './kube-shape.ts';

/** An answer that is no success, as the API server words it. */
export class StatusError extends Error {
  readonly code: number;
  readonly reason: string;
  readonly details: Json;

  constructor(code: number, reason: string, message: string, details: Json = {}) {
    super(message);
    this.code = code;
    this.reason = reason;
    this.details = details;
  }
}

export interface StoreEvent {
  readonly version: number;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly kind: ServedKind;
  readonly object: Json;
}

export interface WriteOptions {
  readonly manager: string;
  readonly force?: boolean;
  readonly dryRun?: boolean;
  readonly strict?: boolean;
}

interface Meta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid: string;
  readonly resourceVersion: string;
}

const metaOf = (object: Json) => object['metadata'] as Meta & Json;

/** The objects of one cluster, their versions and who owns which field. */
export class KubeStore {
  readonly #objects = new Map<string, Stored & { readonly kind: ServedKind }>();
  readonly #listeners = new Set<(event: StoreEvent) => void>();
  #events: StoreEvent[] = [];
  #version = 100;
  /** Changes before this one are forgotten. */
  oldest = 0;

  get version(): number {
    return this.#version;
  }

  /** Forgets every change so far, as etcd does after some minutes. */
  compact(): void {
    this.#events = [];
    this.oldest = this.#version;
  }

  eventsAfter(version: number): readonly StoreEvent[] {
    return this.#events.filter((event) => event.version > version);
  }

  onEvent(listener: (event: StoreEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  list(kind: ServedKind, namespace?: string): Json[] {
    return [...this.#objects.entries()]
      .filter(([, stored]) => stored.kind === kind)
      .filter(([, { object }]) => !namespace || metaOf(object).namespace === namespace)
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([, stored]) => shown(stored));
  }

  get(kind: ServedKind, namespace: string | undefined, name: string): Json {
    const stored = this.#objects.get(key(kind, namespace, name));
    if (!stored) throw notFound(kind, name);
    return shown(stored);
  }

  has(kind: ServedKind, namespace: string | undefined, name: string): boolean {
    return this.#objects.has(key(kind, namespace, name));
  }

  apply(
    kind: ServedKind,
    namespace: string | undefined,
    name: string,
    given: Json,
    o: WriteOptions,
  ) {
    const config = this.#checked(kind, namespace, name, given, o);
    const at = key(kind, namespace, name);
    const stored = this.#objects.get(at);
    const { uid, resourceVersion } = metaOf(config);
    if (uid && uid !== (stored && metaOf(stored.object).uid)) {
      throw conflict(kind, name, `the UID in the precondition is not that of the object`);
    }
    if (resourceVersion && resourceVersion !== (stored && metaOf(stored.object).resourceVersion)) {
      throw conflict(kind, name, 'the object has been modified; please apply your changes again');
    }
    const as = {
      manager: o.manager,
      apiVersion: kind.apiVersion,
      time: new Date().toISOString(),
      force: o.force ?? false,
    };
    const result = applyConfig(stored, config, kind.shape, as);
    if (!('object' in result)) throw applyConflict(result);
    return this.#save(kind, at, stored, result, o.dryRun ?? false);
  }

  /** Create (POST), or replace and merge patch (`next` is the whole object). */
  update(
    kind: ServedKind,
    namespace: string | undefined,
    name: string,
    given: Json,
    o: WriteOptions,
  ) {
    // A body that is no apply may leave to its address what it is.
    const { apiVersion, kind: is } = kind;
    const whole = { apiVersion, kind: is, ...given };
    const next = this.#checked(kind, namespace, name, whole, o);
    const at = key(kind, namespace, name);
    const stored = this.#objects.get(at);
    const { resourceVersion } = metaOf(next);
    if (stored && resourceVersion && resourceVersion !== metaOf(stored.object).resourceVersion) {
      throw conflict(kind, name, 'the object has been modified; please apply your changes again');
    }
    const as = { manager: o.manager, apiVersion: kind.apiVersion, time: new Date().toISOString() };
    const owners = ownedAfterUpdate(stored, next, kind.shape, as);
    return this.#save(kind, at, stored, { object: next, owners }, o.dryRun ?? false);
  }

  delete(kind: ServedKind, namespace: string | undefined, name: string, preconditions: Json): Json {
    const at = key(kind, namespace, name);
    const stored = this.#objects.get(at);
    if (!stored) throw notFound(kind, name);
    for (const field of ['uid', 'resourceVersion'] as const) {
      const wanted = preconditions[field];
      if (wanted !== undefined && wanted !== metaOf(stored.object)[field]) {
        throw conflict(kind, name, `the ${field} in the precondition is not that of the object`);
      }
    }
    this.#objects.delete(at);
    this.#tell('DELETED', kind, stored);
    if (kind.kind === 'Namespace') {
      for (const [other, inner] of [...this.#objects]) {
        if (metaOf(inner.object).namespace !== name) continue;
        this.#objects.delete(other);
        this.#tell('DELETED', inner.kind, inner);
      }
    }
    return shown(stored);
  }

  #checked(
    kind: ServedKind,
    namespace: string | undefined,
    name: string,
    given: Json,
    { strict }: WriteOptions,
  ): Json {
    const meta = (given['metadata'] ?? {}) as Json;
    const wrong =
      given['apiVersion'] !== kind.apiVersion || given['kind'] !== kind.kind
        ? 'apiVersion and kind do not fit the address'
        : meta['name'] !== name || (meta['namespace'] ?? namespace) !== namespace
          ? 'name and namespace do not fit the address'
          : '';
    if (wrong) throw new StatusError(400, 'BadRequest', wrong);
    if ('managedFields' in meta && (meta['managedFields'] as unknown[]).length > 0 && strict) {
      throw new StatusError(400, 'BadRequest', 'metadata.managedFields must be nil');
    }
    const unknown = strict ? unknownFields(given, kind.shape) : [];
    if (unknown.length > 0) {
      const all = unknown.map((field) => `unknown field "${field}"`).join(', ');
      throw new StatusError(400, 'BadRequest', `strict decoding error: ${all}`);
    }
    if (namespace !== undefined && !this.#objects.has(`Namespace||${namespace}`)) {
      throw new StatusError(404, 'NotFound', `namespaces "${namespace}" not found`);
    }
    const { managedFields: _, ...rest } = meta;
    return structuredClone({ ...given, metadata: { ...rest, ...(namespace && { namespace }) } });
  }

  #save(
    kind: ServedKind,
    at: string,
    stored: Stored | undefined,
    next: Stored,
    dryRun: boolean,
  ): { created: boolean; object: Json } {
    fillIn(kind, next.object);
    const before = stored && metaOf(stored.object);
    const spec = (stored?.object['spec'] ?? {}) as Json;
    for (const field of stored ? (kind.immutable ?? []) : []) {
      if (isDeepStrictEqual(spec[field], (next.object['spec'] as Json)[field])) continue;
      const message = `${kind.kind} is invalid: spec.${field}: field is immutable`;
      throw new StatusError(422, 'Invalid', message);
    }
    next.object['metadata'] = {
      ...metaOf(next.object),
      uid: before?.uid ?? randomUUID(),
      resourceVersion: before?.resourceVersion ?? String(this.#version + 1),
      creationTimestamp: before?.['creationTimestamp'] ?? new Date().toISOString(),
    };
    if (stored && isDeepStrictEqual(shown(stored), shown(next))) {
      return { created: false, object: shown(stored) };
    }
    if (dryRun) return { created: !stored, object: shown(next) };
    const saved = { ...next, kind };
    this.#objects.set(at, saved);
    this.#tell(stored ? 'MODIFIED' : 'ADDED', kind, saved);
    return { created: !stored, object: shown(saved) };
  }

  #tell(type: StoreEvent['type'], kind: ServedKind, stored: Stored): void {
    this.#version += 1;
    const { object } = stored;
    object['metadata'] = { ...metaOf(object), resourceVersion: String(this.#version) };
    const event = { version: this.#version, type, kind, object: shown(stored) };
    this.#events.push(event);
    for (const listener of this.#listeners) listener(event);
  }
}

function key(kind: ServedKind, namespace = '', name: string): string {
  return `${kind.kind}|${namespace}|${name}`;
}

function shown({ object, owners }: Stored): Json {
  const metadata = { ...metaOf(object), managedFields: managedFieldsOf(owners) };
  return structuredClone({ ...object, metadata });
}

/** What the API server adds to objects by itself. */
function fillIn(kind: ServedKind, object: Json): void {
  const spec = object['spec'] as Json | undefined;
  if (kind.kind === 'Namespace') object['spec'] = { finalizers: ['kubernetes'] };
  if (kind.kind === 'Service' && spec) {
    spec['type'] ??= 'ClusterIP';
    spec['clusterIP'] ??= '10.96.0.7';
    spec['clusterIPs'] ??= [spec['clusterIP']];
    spec['sessionAffinity'] ??= 'None';
    spec['internalTrafficPolicy'] ??= 'Cluster';
    for (const port of (spec['ports'] ?? []) as Json[]) {
      port['protocol'] ??= 'TCP';
      port['targetPort'] ??= port['port'];
    }
  }
  if (kind.kind === 'NetworkPolicy' && spec) {
    spec['policyTypes'] ??= ['Ingress', ...(spec['egress'] ? ['Egress'] : [])];
  }
}

function notFound({ plural }: ServedKind, name: string): StatusError {
  return new StatusError(404, 'NotFound', `${plural} "${name}" not found`, { name, kind: plural });
}

function conflict({ plural }: ServedKind, name: string, what: string): StatusError {
  const message = `Operation cannot be fulfilled on ${plural} "${name}": ${what}`;
  return new StatusError(409, 'Conflict', message);
}

function applyConflict(conflicts: readonly Conflict[]): StatusError {
  const causes = conflicts.map(({ manager, operation, apiVersion, field }) => ({
    reason: 'FieldManagerConflict',
    message: `conflict with "${manager}"${operation === 'Update' ? ` using ${apiVersion}` : ''}`,
    field,
  }));
  const many = causes.length === 1 ? '1 conflict' : `${causes.length} conflicts`;
  const text = causes.map(({ message, field }) => `${message}: ${field}`).join(', ');
  return new StatusError(409, 'Conflict', `Apply failed with ${many}: ${text}`, { causes });
}
