// SPDX-License-Identifier: Apache-2.0
import { isJsonObject, type KubeObject } from '../compile/kube/object.ts';
import { type Clock, systemClock } from '../model/clock.ts';
import { PosternError, toPosternError } from '../model/errors.ts';
import type { KubeClient, Selection } from './client.ts';

/** `listed` replaces everything that was known: it comes first, and after every gap. */
export type WatchEvent =
  | { readonly type: 'listed'; readonly objects: readonly KubeObject[] }
  | { readonly type: 'changed' | 'deleted'; readonly object: KubeObject };

export interface WatchOptions {
  readonly clock?: Clock;
  /** How long the server keeps one watch open. */
  readonly seconds?: number;
  /** Told of every failure that is waited out. */
  onTrouble?(error: PosternError): void;
}

const SECONDS = 240;
/** A server that does not end a watch in time is no longer there. */
const GRACE_MS = 15_000;
const MAX_LINE_CHARACTERS = 8 * 1024 * 1024;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;

/** Thrown inside: the server has forgotten what came after our version. */
class Expired extends Error {}

/**
 * Objects and every change of them until `stop`. Gaps are closed by listing again; only a refusal
 * (credentials, rights, a kind that is not served) ends it.
 */
export async function* watchObjects(
  client: KubeClient,
  selection: Selection,
  stop: AbortSignal,
  options: WatchOptions = {},
): AsyncGenerator<WatchEvent, void> {
  const clock = options.clock ?? systemClock;
  let version: string | undefined;
  let failures = 0;
  while (!stop.aborted) {
    try {
      if (version === undefined) {
        const list = await client.list(selection);
        version = list.resourceVersion;
        yield { type: 'listed', objects: list.items };
      }
      const seconds = options.seconds ?? SECONDS;
      let heard = false;
      for await (const line of lines(client, selection, version, seconds, stop)) {
        heard = true;
        failures = 0;
        version = line.version;
        if (line.event) yield line.event;
      }
      // Something between us and the server may end every watch at once.
      if (!heard) await pause(clock, 1, stop);
    } catch (thrown) {
      if (stop.aborted) return;
      if (thrown instanceof Expired) {
        version = undefined;
        failures += 1;
        await pause(clock, failures, stop);
        continue;
      }
      const error = toPosternError(thrown);
      if (error.code !== 'cluster-unreachable' && !passing(error)) throw error;
      options.onTrouble?.(error);
      failures += 1;
      await pause(clock, failures, stop);
    }
  }
}

interface Line {
  readonly version: string;
  /** Absent for a bookmark. */
  readonly event?: WatchEvent;
}

async function* lines(
  client: KubeClient,
  selection: Selection,
  version: string,
  seconds: number,
  stop: AbortSignal,
): AsyncGenerator<Line, void> {
  const limit = AbortSignal.timeout(seconds * 1000 + GRACE_MS);
  const either = AbortSignal.any([stop, limit]);
  const response = await client.openWatch(selection, version, seconds, either);
  const status = response.statusCode ?? 0;
  if (status !== 200) {
    response.destroy();
    if (status === 410) throw new Expired();
    throw refused(client, selection, status);
  }
  let rest = '';
  response.setEncoding('utf8');
  try {
    for await (const text of response as AsyncIterable<string>) {
      rest += text;
      if (rest.length > MAX_LINE_CHARACTERS) throw broken(client, 'an event is too large');
      for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n')) {
        const line = rest.slice(0, end);
        rest = rest.slice(end + 1);
        yield decodeLine(client, selection, line);
      }
    }
  } catch (thrown) {
    if (thrown instanceof PosternError || thrown instanceof Expired) throw thrown;
    throw broken(client, 'the watch broke off', thrown);
  }
}

function decodeLine(client: KubeClient, selection: Selection, line: string): Line {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw broken(client, 'an event is not JSON', cause);
  }
  const object = isJsonObject(value) ? value['object'] : undefined;
  if (!isJsonObject(value) || !isJsonObject(object)) {
    throw broken(client, 'an event has no object');
  }
  if (value['type'] === 'ERROR') {
    if (object['code'] === 410) throw new Expired();
    throw refused(client, selection, Number(object['code']) || 500);
  }
  const read = object as unknown as KubeObject;
  const version = read.metadata?.resourceVersion;
  if (version === undefined) throw broken(client, 'an event has no resourceVersion');
  if (value['type'] === 'BOOKMARK') return { version };
  const type = value['type'] === 'DELETED' ? 'deleted' : 'changed';
  return { version, event: { type, object: read } };
}

function broken(client: KubeClient, problem: string, cause?: unknown): PosternError {
  return new PosternError('cluster-unreachable', { server: client.server, problem }, cause);
}

function refused(client: KubeClient, selection: Selection, status: number): PosternError {
  return new PosternError('cluster-refused', {
    server: client.server,
    action: `watch ${selection.kind} objects`,
    problem: `status ${status}`,
    status,
  });
}

function passing({ code, facts }: PosternError): boolean {
  const status = Number(facts['status'] ?? 0);
  return code === 'cluster-refused' && (status === 429 || status >= 500);
}

function pause(clock: Clock, failures: number, stop: AbortSignal): Promise<void> {
  if (stop.aborted) return Promise.resolve();
  const delay = Math.min(FIRST_PAUSE_MS * 2 ** (failures - 1), LONGEST_PAUSE_MS);
  return new Promise((resolve) => {
    const timer = clock.after(delay, done);
    function done(): void {
      timer.stop();
      stop.removeEventListener('abort', done);
      resolve();
    }
    stop.addEventListener('abort', done);
  });
}
