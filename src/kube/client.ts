// SPDX-License-Identifier: Apache-2.0
import type { IncomingMessage } from 'node:http';
import type { FieldPath } from '../compile/kube/field-path.ts';
import {
  FIELD_MANAGER,
  isJsonObject,
  type JsonObject,
  type KubeObject,
  type ObjectReference,
  referenceOf,
  referenceText,
} from '../compile/kube/object.ts';
import { type Clock, systemClock } from '../model/clock.ts';
import { PosternError } from '../model/errors.ts';
import { answerBody, refusal } from './answer.ts';
import type { KubeConnection } from './connection.ts';
import { type ApiAnswer, type ApiCall, Transport } from './transport.ts';

export interface KubeClientOptions {
  readonly clock?: Clock;
  /** For one request with its repetitions. */
  readonly limitMs?: number;
  /** Objects per page of a list. */
  readonly pageSize?: number;
}

/** What is asked for: objects of a kind, of one namespace or of all. */
export interface Selection {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly labelSelector?: string;
}

export interface ObjectList {
  readonly items: readonly KubeObject[];
  /** From where a watch goes on. */
  readonly resourceVersion: string;
}

export interface ApplyOptions {
  /** Take fields away from other managers. */
  readonly force?: boolean;
  /** Ask what would come of it, and change nothing. */
  readonly dryRun?: boolean;
  /** Only this very object: one that took its name since is refused. */
  readonly uid?: string;
}

/** A kind as the cluster serves it. */
interface Served {
  readonly plural: string;
  readonly namespaced: boolean;
}

const REQUEST_LIMIT_MS = 30_000;
const PAGE_SIZE = 500;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 10_000;
const ATTEMPTS = 6;
/** Busy, broken for a moment, or behind a proxy that is: every call of ours may be repeated. */
const PASSING = new Set([429, 500, 502, 503, 504]);
/** A list that outlived its snapshot is begun again, but not for ever. */
const LIST_ATTEMPTS = 3;

/** Reads and writes objects of one cluster. */
export class KubeClient {
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #limitMs: number;
  readonly #pageSize: number;
  readonly #served = new Map<string, Promise<ReadonlyMap<string, Served>>>();

  constructor(connection: KubeConnection, options: KubeClientOptions = {}) {
    this.#transport = new Transport(connection);
    this.#clock = options.clock ?? systemClock;
    this.#limitMs = options.limitMs ?? REQUEST_LIMIT_MS;
    this.#pageSize = options.pageSize ?? PAGE_SIZE;
  }

  /** For messages. */
  get server(): string {
    return this.#transport.server;
  }

  close(): void {
    this.#transport.close();
  }

  /** Whether the cluster knows a kind at all; its custom resource definition may be missing. */
  async serves(apiVersion: string, kind: string): Promise<boolean> {
    return (await this.#kinds(apiVersion)).has(kind);
  }

  async get(reference: ObjectReference): Promise<KubeObject | undefined> {
    const path = await this.#path(reference, reference.name);
    const answer = await this.#call({ method: 'GET', path });
    if (answer.status === 404) return undefined;
    if (answer.status === 200) return objectOf(answerBody(answer, this.server));
    throw refusal(answer, this.server, `show ${referenceText(reference)}`);
  }

  /** All pages of one snapshot. */
  async list(selection: Selection): Promise<ObjectList> {
    for (let attempt = 1; ; attempt += 1) {
      const list = await this.#pages(selection, attempt >= LIST_ATTEMPTS);
      if (list) return list;
    }
  }

  /** Server-side apply: the fields of `object` become ours, and what else we held goes. */
  async apply(object: KubeObject, options: ApplyOptions = {}): Promise<KubeObject> {
    const reference = referenceOf(object);
    const query = new URLSearchParams({
      fieldManager: FIELD_MANAGER,
      force: String(options.force ?? false),
      fieldValidation: 'Strict',
      ...(options.dryRun && { dryRun: 'All' }),
    });
    const { uid } = options;
    const metadata = { ...object.metadata, ...(uid !== undefined && { uid }) };
    const answer = await this.#call({
      method: 'PATCH',
      path: `${await this.#path(reference, reference.name)}?${query}`,
      body: JSON.stringify({ ...object, metadata }),
      contentType: 'application/apply-patch+yaml',
    });
    if (answer.status === 200 || answer.status === 201) {
      return objectOf(answerBody(answer, this.server));
    }
    throw refusal(answer, this.server, `apply ${referenceText(reference)}`);
  }

  /**
   * Takes fields out whoever holds them, which an apply cannot do. Only in the version that was
   * read: what came in between is looked at first.
   */
  async clearFields(object: KubeObject, paths: readonly FieldPath[]): Promise<void> {
    const reference = referenceOf(object);
    const { uid = '', resourceVersion = '' } = object.metadata;
    const patch: Record<string, unknown> = { metadata: { uid, resourceVersion } };
    for (const path of paths) clearAt(patch, path);
    const query = new URLSearchParams({ fieldManager: FIELD_MANAGER, fieldValidation: 'Strict' });
    const answer = await this.#call({
      method: 'PATCH',
      path: `${await this.#path(reference, reference.name)}?${query}`,
      body: JSON.stringify(patch),
      contentType: 'application/merge-patch+json',
    });
    if (answer.status === 200) return;
    throw refusal(answer, this.server, `change ${referenceText(reference)}`);
  }

  /** False when there was nothing to delete. */
  async delete(
    reference: ObjectReference,
    preconditions: { readonly uid: string; readonly resourceVersion?: string },
  ): Promise<boolean> {
    const answer = await this.#call({
      method: 'DELETE',
      path: await this.#path(reference, reference.name),
      body: JSON.stringify({
        apiVersion: 'v1',
        kind: 'DeleteOptions',
        preconditions,
        propagationPolicy: 'Background',
      }),
    });
    if (answer.status === 404) return false;
    if (answer.status >= 200 && answer.status < 300) return true;
    throw refusal(answer, this.server, `delete ${referenceText(reference)}`);
  }

  /** The lines of a watch, as they come; see `watch.ts`. */
  async openWatch(
    selection: Selection,
    resourceVersion: string,
    seconds: number,
    stop: AbortSignal,
  ): Promise<IncomingMessage> {
    const query = queryOf(selection);
    query.set('watch', '1');
    query.set('allowWatchBookmarks', 'true');
    query.set('resourceVersion', resourceVersion);
    query.set('timeoutSeconds', String(seconds));
    const path = `${await this.#path(selection)}?${query}`;
    return this.#transport.stream({ method: 'GET', path, limitMs: this.#limitMs }, stop);
  }

  async #pages(selection: Selection, last: boolean): Promise<ObjectList | undefined> {
    const path = await this.#path(selection);
    const query = queryOf(selection);
    query.set('limit', String(this.#pageSize));
    const items: KubeObject[] = [];
    for (;;) {
      const answer = await this.#call({ method: 'GET', path: `${path}?${query}` });
      // The snapshot of the first page is gone.
      if (answer.status === 410 && !last) return undefined;
      if (answer.status !== 200) {
        throw refusal(answer, this.server, `list ${selection.kind} objects`);
      }
      const body = answerBody(answer, this.server);
      const listed = Array.isArray(body['items']) ? body['items'] : [];
      // Items of a list do not repeat what they are.
      const { apiVersion, kind } = selection;
      for (const item of listed.filter(isJsonObject)) {
        items.push(objectOf({ ...item, apiVersion, kind }));
      }
      const metadata = isJsonObject(body['metadata']) ? body['metadata'] : {};
      const next = metadata['continue'];
      if (typeof next !== 'string' || next === '') {
        return { items, resourceVersion: String(metadata['resourceVersion'] ?? '') };
      }
      query.set('continue', next);
    }
  }

  async #path(of: Selection | ObjectReference, name?: string): Promise<string> {
    const { apiVersion, kind, namespace } = of;
    const served = (await this.#kinds(apiVersion)).get(kind);
    if (!served) {
      throw new PosternError('cluster-unfit', { server: this.server, kind, apiVersion });
    }
    const space =
      served.namespaced && namespace !== undefined
        ? `/namespaces/${encodeURIComponent(namespace)}`
        : '';
    const last = name === undefined ? '' : `/${encodeURIComponent(name)}`;
    return `${groupPath(apiVersion)}${space}/${served.plural}${last}`;
  }

  #kinds(apiVersion: string): Promise<ReadonlyMap<string, Served>> {
    let known = this.#served.get(apiVersion);
    if (!known) {
      known = this.#discover(apiVersion);
      this.#served.set(apiVersion, known);
      // What is not served now may be later: only what was found is remembered.
      known.then(
        (kinds) => kinds.size === 0 && this.#served.delete(apiVersion),
        () => this.#served.delete(apiVersion),
      );
    }
    return known;
  }

  async #discover(apiVersion: string): Promise<ReadonlyMap<string, Served>> {
    const answer = await this.#call({ method: 'GET', path: groupPath(apiVersion) });
    if (answer.status === 404) return new Map();
    if (answer.status !== 200) throw refusal(answer, this.server, `say what ${apiVersion} has`);
    const { resources } = answerBody(answer, this.server);
    const kinds = new Map<string, Served>();
    for (const entry of Array.isArray(resources) ? resources.filter(isJsonObject) : []) {
      const plural = String(entry['name']);
      // `pods/log` and the like are parts of a kind.
      if (plural.includes('/')) continue;
      kinds.set(String(entry['kind']), { plural, namespaced: entry['namespaced'] === true });
    }
    return kinds;
  }

  /** One call, repeated while the trouble may pass and there is time. */
  async #call(call: Omit<ApiCall, 'limitMs'>): Promise<ApiAnswer> {
    const end = this.#clock.monotonic() + this.#limitMs;
    for (let attempt = 1; ; attempt += 1) {
      const left = Math.max(1, Math.ceil(end - this.#clock.monotonic()));
      let answer: ApiAnswer | undefined;
      let failure: unknown;
      try {
        answer = await this.#transport.send({ ...call, limitMs: left });
        if (!PASSING.has(answer.status)) return answer;
      } catch (thrown) {
        if (!mayPass(thrown)) throw thrown;
        failure = thrown;
      }
      const pauseMs = pauseOf(answer, attempt);
      if (attempt >= ATTEMPTS || this.#clock.monotonic() + pauseMs >= end) {
        if (answer) return answer;
        throw failure;
      }
      await new Promise<void>((resolve) => this.#clock.after(pauseMs, resolve));
    }
  }
}

function queryOf({ labelSelector }: Selection): URLSearchParams {
  return new URLSearchParams(labelSelector === undefined ? {} : { labelSelector });
}

function groupPath(apiVersion: string): string {
  return apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
}

function clearAt(patch: Record<string, unknown>, path: FieldPath): void {
  let at = patch;
  const [last, ...outer] = [...path].reverse();
  for (const element of outer.reverse()) {
    const name = element.slice(2);
    at[name] ??= {};
    at = at[name] as Record<string, unknown>;
  }
  if (last !== undefined) at[last.slice(2)] = null;
}

function objectOf(value: JsonObject): KubeObject {
  return value as unknown as KubeObject;
}

/** A connection that broke; not a certificate that is wrong, which stays wrong. */
function mayPass(thrown: unknown): boolean {
  if (!(thrown instanceof PosternError) || thrown.code !== 'cluster-unreachable') return false;
  const { code } = (thrown.cause ?? {}) as NodeJS.ErrnoException;
  return code === 'ECONNRESET' || code === 'ECONNREFUSED' || code === 'EPIPE';
}

/** What the server asks for, or twice as long each time with some chance in it. */
function pauseOf(answer: ApiAnswer | undefined, attempt: number): number {
  const asked = Number(answer?.headers['retry-after']);
  if (Number.isFinite(asked) && asked >= 0) return asked * 1000;
  const pause = Math.min(FIRST_PAUSE_MS * 2 ** (attempt - 1), LONGEST_PAUSE_MS);
  return pause * (0.5 + Math.random() / 2);
}
