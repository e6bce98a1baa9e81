// SPDX-License-Identifier: Apache-2.0
// A stand-in for a Kubernetes API server, over https. As strict as the real one where a client could
// go wrong: authentication, rights, versions, field ownership, unknown fields.
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { parse } from 'yaml';
import { type Authority, createAuthority } from './certs.ts';
import type { Json } from './kube-fields.ts';
import { SERVED_KINDS, type ServedKind } from './kube-shape.ts';
import { KubeStore, StatusError, type StoreEvent } from './kube-store.ts';

export interface Rule {
  readonly verbs: readonly string[];
  readonly resources: readonly string[];
  readonly namespaces?: readonly string[];
}

export interface ApiUser {
  readonly name: string;
  /** Whoever brings it is this user; so is a client certificate with the name. */
  readonly token?: string;
  readonly rules: readonly Rule[];
}

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly write: boolean;
}

/** Instead of an answer, or after the work is done and before the answer leaves. */
export interface Fault {
  readonly status?: number;
  readonly retryAfterSeconds?: number;
  readonly reset?: 'before' | 'after';
}

export const EVERYTHING: readonly Rule[] = [{ verbs: ['*'], resources: ['*'] }];

interface Address {
  readonly kind: ServedKind;
  readonly namespace?: string;
  readonly name?: string;
}

export class KubeApi {
  readonly store = new KubeStore();
  readonly seen: SeenRequest[] = [];
  readonly #server: Server;
  readonly #authority: Authority;
  readonly #pages = new Map<string, { readonly items: Json[]; readonly version: number }>();
  readonly users: ApiUser[];
  kinds: readonly ServedKind[] = SERVED_KINDS;
  /** Asked for each request before it is looked at. */
  fault: (request: SeenRequest) => Fault | undefined = () => undefined;

  private constructor(authority: Authority, server: Server, users: readonly ApiUser[]) {
    this.#authority = authority;
    this.#server = server;
    this.users = [...users];
    server.on('request', (request, response) => void this.#serve(request, response));
  }

  static async start(users: readonly ApiUser[]): Promise<KubeApi> {
    const authority = await createAuthority({ commonName: 'kubernetes' });
    const own = await authority.issue({ ipAddresses: ['127.0.0.1'] });
    const server = createServer({
      cert: own.certPem,
      key: own.keyPem,
      ca: authority.certPem,
      requestCert: true,
      rejectUnauthorized: false,
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new KubeApi(authority, server, users);
  }

  get url(): string {
    return `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get caPem(): string {
    return this.#authority.certPem;
  }

  /** A certificate that this API server takes for the user of that name. */
  clientCertificate(commonName: string): Promise<{ certPem: string; keyPem: string }> {
    return this.#authority.issue({ commonName });
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  /** Ends every page token and every change that a watch could go on from. */
  expire(): void {
    this.#pages.clear();
    this.store.compact();
  }

  /** Cuts what is open, watches included. */
  cutConnections(): void {
    this.#server.closeAllConnections();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = 'GET', url: path = '/' } = request;
    const seen = { method, path, write: method !== 'GET' };
    this.seen.push(seen);
    const fault = this.fault(seen);
    if (fault?.reset === 'before') return void request.socket.destroy();
    try {
      const body = await bodyOf(request);
      if (fault?.status !== undefined) {
        if (fault.retryAfterSeconds !== undefined) {
          response.setHeader('retry-after', String(fault.retryAfterSeconds));
        }
        throw new StatusError(fault.status, 'Injected', `injected fault ${fault.status}`);
      }
      const user = this.#authenticate(request);
      const [status, answer] = this.#route(user, request, body, response);
      if (fault?.reset === 'after') return void request.socket.destroy();
      if (answer) send(response, status, answer);
    } catch (thrown) {
      const error = thrown instanceof StatusError ? thrown : undefined;
      const code = error?.code ?? 500;
      const message = thrown instanceof Error ? thrown.message : String(thrown);
      const { reason = 'InternalError', details = {} } = error ?? {};
      send(response, code, statusOf(code, reason, message, details));
    }
  }

  #authenticate(request: IncomingMessage): ApiUser {
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
    const socket = request.socket as TLSSocket;
    const certificate = socket.authorized ? socket.getPeerCertificate() : undefined;
    const user = this.users.find(
      (candidate) =>
        (token !== undefined && candidate.token === token) ||
        (certificate?.subject?.CN !== undefined && candidate.name === certificate.subject.CN),
    );
    if (!user) throw new StatusError(401, 'Unauthorized', 'Unauthorized');
    return user;
  }

  #route(
    user: ApiUser,
    request: IncomingMessage,
    body: string,
    response: ServerResponse,
  ): [number, Json | undefined] {
    const url = new URL(request.url ?? '/', this.url);
    const discovered = this.#discovery(url.pathname);
    if (discovered) return [200, discovered];
    const address = this.#address(url.pathname);
    const { kind, namespace, name } = address;
    const query = url.searchParams;
    switch (request.method) {
      case 'GET': {
        if (name !== undefined) {
          this.#authorize(user, 'get', address);
          return [200, this.store.get(kind, namespace, name)];
        }
        const watch = ['1', 'true'].includes(query.get('watch') ?? '');
        this.#authorize(user, watch ? 'watch' : 'list', address);
        if (!watch) return [200, this.#list(address, query)];
        this.#watch(address, query, response);
        return [200, undefined];
      }
      case 'DELETE': {
        this.#authorize(user, 'delete', address);
        const options = body ? (JSON.parse(body) as Json) : {};
        const preconditions = (options['preconditions'] ?? {}) as Json;
        const gone = this.store.delete(kind, namespace, name ?? '', preconditions);
        return [200, statusOf(200, '', '', { name, uid: (gone['metadata'] as Json)['uid'] })];
      }
      default:
        return this.#write(user, request, address, query, body);
    }
  }

  #write(
    user: ApiUser,
    request: IncomingMessage,
    address: Address,
    query: URLSearchParams,
    body: string,
  ): [number, Json] {
    const { kind, namespace } = address;
    const type = request.headers['content-type'] ?? '';
    const agent = /^[^/\s]+/.exec(request.headers['user-agent'] ?? '')?.[0] ?? 'unknown';
    const options = {
      manager: query.get('fieldManager') ?? agent,
      force: query.get('force') === 'true',
      dryRun: query.get('dryRun') === 'All',
      strict: query.get('fieldValidation') === 'Strict',
    };
    const given = parse(body) as Json;
    if (request.method === 'POST') {
      this.#authorize(user, 'create', address);
      const name = String((given['metadata'] as Json)['name']);
      if (this.store.has(kind, namespace, name)) {
        throw new StatusError(409, 'AlreadyExists', `${kind.plural} "${name}" already exists`);
      }
      return [201, this.store.update(kind, namespace, name, given, options).object];
    }
    const name = address.name ?? '';
    this.#authorize(user, request.method === 'PUT' ? 'update' : 'patch', address);
    const exists = this.store.has(kind, namespace, name);
    if (type.startsWith('application/apply-patch+yaml')) {
      if (!query.get('fieldManager')) {
        throw new StatusError(400, 'BadRequest', 'fieldManager is required for apply patch');
      }
      if (!exists) this.#authorize(user, 'create', address);
      const { created, object } = this.store.apply(kind, namespace, name, given, options);
      return [created ? 201 : 200, object];
    }
    const live = this.store.get(kind, namespace, name);
    if (request.method === 'PUT') {
      return [200, this.store.update(kind, namespace, name, given, options).object];
    }
    if (!type.startsWith('application/merge-patch+json')) {
      throw new StatusError(415, 'UnsupportedMediaType', `${type} is not taken`);
    }
    const next = mergePatch(live, given) as Json;
    const version = ((given['metadata'] ?? {}) as Json)['resourceVersion'];
    const metadata = { ...(next['metadata'] as Json), resourceVersion: version, managedFields: [] };
    const patched = { ...next, metadata };
    return [200, this.store.update(kind, namespace, name, patched, options).object];
  }

  #authorize(user: ApiUser, verb: string, { kind, namespace }: Address): void {
    const covers = (list: readonly string[], value: string) =>
      list.includes('*') || list.includes(value);
    const allowed = user.rules.some(
      ({ verbs, resources, namespaces }) =>
        covers(verbs, verb) &&
        covers(resources, kind.plural) &&
        (!namespaces || (namespace !== undefined && namespaces.includes(namespace))),
    );
    if (allowed) return;
    const group = kind.apiVersion.includes('/') ? kind.apiVersion.split('/')[0] : '';
    const where = namespace ? `in the namespace "${namespace}"` : 'at the cluster scope';
    const message = `${kind.plural} is forbidden: User "${user.name}" cannot ${verb} resource "${kind.plural}" in API group "${group}" ${where}`;
    throw new StatusError(403, 'Forbidden', message);
  }

  #address(path: string): Address {
    const match =
      /^\/(?:api\/(v1)|apis\/([^/]+\/[^/]+))(?:\/namespaces\/([^/]+)(?=\/[^/]))?\/([^/]+)(?:\/([^/]+))?$/.exec(
        path,
      );
    const [, core, grouped, namespace, plural, name] = match ?? [];
    const kind = this.kinds.find(
      (served) => served.apiVersion === (core ?? grouped) && served.plural === plural,
    );
    if (!kind) throw new StatusError(404, 'NotFound', '404 page not found');
    return {
      kind,
      ...(namespace !== undefined && { namespace: decodeURIComponent(namespace) }),
      ...(name !== undefined && { name: decodeURIComponent(name) }),
    };
  }

  #discovery(path: string): Json | undefined {
    if (path === '/api') return { kind: 'APIVersions', versions: ['v1'] };
    if (path === '/version') return { major: '1', minor: '33', gitVersion: 'v1.33.0' };
    const versions = [...new Set(this.kinds.map(({ apiVersion }) => apiVersion))];
    if (path === '/apis') {
      const groups = versions.flatMap((groupVersion) => {
        const [name, version] = groupVersion.split('/');
        if (version === undefined) return [];
        const entry = { groupVersion, version };
        return [{ name, versions: [entry], preferredVersion: entry }];
      });
      return { kind: 'APIGroupList', apiVersion: 'v1', groups };
    }
    const groupVersion = /^\/(?:api\/(v1)|apis\/([^/]+\/[^/]+))$/.exec(path);
    const wanted = groupVersion?.[1] ?? groupVersion?.[2];
    if (!wanted || !versions.includes(wanted)) return undefined;
    const verbs = ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'];
    const resources = this.kinds
      .filter(({ apiVersion }) => apiVersion === wanted)
      .map(({ plural, kind, namespaced }) => ({
        name: plural,
        singularName: kind.toLowerCase(),
        namespaced,
        kind,
        verbs,
      }));
    return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: wanted, resources };
  }

  #list({ kind, namespace }: Address, query: URLSearchParams): Json {
    const token = query.get('continue');
    const page = token === null ? undefined : this.#pages.get(token);
    if (token && !page) {
      throw new StatusError(410, 'Expired', 'The provided continue parameter is too old');
    }
    const labels = query.get('labelSelector');
    const all =
      page?.items ?? this.store.list(kind, namespace).filter((object) => selects(labels, object));
    const version = page?.version ?? this.store.version;
    const limit = Number(query.get('limit') ?? '0') || all.length;
    // Items do not repeat their kind, as with the real one.
    const items = all.slice(0, limit).map(({ apiVersion: _, kind: __, ...rest }) => rest);
    const rest = all.slice(limit);
    const next = rest.length > 0 ? Buffer.from(`${version}:${Math.random()}`).toString('hex') : '';
    if (next) this.#pages.set(next, { items: rest, version });
    const metadata = { resourceVersion: String(version), ...(next && { continue: next }) };
    return { kind: `${kind.kind}List`, apiVersion: kind.apiVersion, metadata, items };
  }

  #watch(address: Address, query: URLSearchParams, response: ServerResponse): void {
    const labels = query.get('labelSelector');
    const from = Number(query.get('resourceVersion') ?? '0') || 0;
    const line = (type: string, object: Json) =>
      response.write(`${JSON.stringify({ type, object })}\n`);
    response.writeHead(200, { 'content-type': 'application/json' });
    if (from < this.store.oldest) {
      line('ERROR', statusOf(410, 'Expired', `too old resource version: ${from}`, {}));
      response.end();
      return;
    }
    const tell = ({ kind, type, object }: StoreEvent) => {
      const { namespace } = object['metadata'] as Json;
      if (kind !== address.kind || !selects(labels, object)) return;
      if (address.namespace === undefined || namespace === address.namespace) line(type, object);
    };
    for (const event of this.store.eventsAfter(from)) tell(event);
    const bookmark = () => {
      if (query.get('allowWatchBookmarks') !== 'true') return;
      const { apiVersion, kind } = address.kind;
      line('BOOKMARK', {
        apiVersion,
        kind,
        metadata: { resourceVersion: String(this.store.version) },
      });
    };
    bookmark();
    const forget = this.store.onEvent(tell);
    const timer = setTimeout(
      () => {
        bookmark();
        response.end();
      },
      Number(query.get('timeoutSeconds') ?? '60') * 1000,
    );
    response.on('close', () => {
      forget();
      clearTimeout(timer);
    });
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) text += chunk;
  return text;
}

function send(response: ServerResponse, status: number, body: Json): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

function statusOf(code: number, reason: string, message: string, details: Json): Json {
  const status = code < 400 ? 'Success' : 'Failure';
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status, message, reason, details, code };
}

/** `a=b,c=d`; other forms of selectors are not used. */
function selects(selector: string | null, object: Json): boolean {
  const labels = ((object['metadata'] as Json)['labels'] ?? {}) as Json;
  return (selector ?? '')
    .split(',')
    .filter(Boolean)
    .every((part) => {
      const [name = '', value] = part.split('=');
      return labels[name] === value;
    });
}

/** RFC 7396. */
function mergePatch(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const base =
    typeof target === 'object' && target !== null && !Array.isArray(target) ? target : {};
  const result: Json = { ...base };
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else result[name] = mergePatch(result[name], value);
  }
  return result;
}
