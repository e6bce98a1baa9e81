// SPDX-License-Identifier: Apache-2.0
import type { AuditRecord } from './chain.ts';
import { type ReadOptions, type ReadRecord, readRecords } from './read.ts';
import type { AuditSource } from './source.ts';

/** All given fields must match. */
export interface SearchFilter {
  /** Part of the principal's id (or of what a failed login claimed). */
  readonly principal?: string;
  /** Part of the target's id. */
  readonly target?: string;
  readonly decision?: 'allow' | 'deny' | 'would-deny';
  readonly reason?: string;
  /** Kind of statement, e.g. `select`. */
  readonly kind?: string;
  /** `shop.orders`, `shop.*` for all of a schema, or with the action: `select shop.orders`. */
  readonly object?: string;
  readonly id?: string;
  readonly session?: string;
  /** Address of the peer: `10.4.7.19:51322`, or without the port. */
  readonly source?: string;
  /** The target's own connection id. */
  readonly connection?: string;
  /** Trace id that the caller stated. */
  readonly trace?: string;
  /** Any of these is the hash of the exact statement. */
  readonly statementHashes?: readonly string[];
  /** Anywhere in statement or detail, without regard to case. */
  readonly text?: string;
}

/** A record that matched, with its outcome where it has one. */
export interface SearchHit extends ReadRecord {
  readonly outcome?: ReadRecord;
}

/** Hits that wait for an outcome; beyond this they are handed out without it. */
const MAX_WAITING = 10_000;

/** Hits in the order of their times; outcomes are joined to their intents. */
export function* search(
  source: AuditSource,
  filter: SearchFilter,
  options: Omit<ReadOptions, 'mayMatch'>,
): Generator<SearchHit> {
  const queue = new Map<string, SearchHit & { outcome?: ReadRecord }>();
  const waiting = new Set<string>();
  for (const read of readRecords(source, options)) {
    const { record } = read;
    const key = `${record.stream} ${record.seq}`;
    if (record.event === 'outcome') {
      const intent = `${record.stream} ${record.id}`;
      const hit = queue.get(intent);
      if (!hit) continue;
      hit.outcome = read;
      waiting.delete(intent);
    } else if (matches(record, filter)) {
      const expectsOutcome = record.event === 'intent' && record.decision !== 'deny';
      queue.set(expectsOutcome ? `${record.stream} ${record.id}` : key, read);
      if (expectsOutcome) waiting.add(`${record.stream} ${record.id}`);
    }
    yield* ready(queue, waiting);
  }
  yield* queue.values();
}

/** Takes what is at the front and complete. */
function* ready(queue: Map<string, SearchHit>, waiting: Set<string>): Generator<SearchHit> {
  for (const [key, hit] of queue) {
    if (waiting.has(key) && queue.size <= MAX_WAITING) return;
    queue.delete(key);
    waiting.delete(key);
    yield hit;
  }
}

export function matches(record: AuditRecord, filter: SearchFilter): boolean {
  const { principal, target, decision, reason, kind, object, id, session, text } = filter;
  const { source, connection, trace, statementHashes } = filter;
  const claimed = field(record, 'principal') ?? field(record, 'claimed');
  return (
    contains(claimed, principal) &&
    contains(field(record, 'target'), target) &&
    equals(decisionOf(record), decision) &&
    equals(field(record, 'reason'), reason) &&
    equals(field(record, 'kind'), kind) &&
    equals(field(record, 'id'), id) &&
    equals(field(record, 'session'), session) &&
    (source === undefined || comesFrom(field(record, 'source'), source)) &&
    (connection === undefined || upstreamConnection(record) === Number(connection)) &&
    (trace === undefined || field(record, 'traceparent')?.split('-')[1] === trace) &&
    (object === undefined || touches(record, object)) &&
    (statementHashes?.includes(field(record, 'statementHash') ?? '') ?? true) &&
    (text === undefined || mentions(record, text))
  );
}

function field(record: AuditRecord, name: string): string | undefined {
  const value = (record as unknown as Record<string, unknown>)[name];
  return typeof value === 'string' ? value : undefined;
}

function equals(value: string | undefined, wanted: string | undefined): boolean {
  return wanted === undefined || value === wanted;
}

function contains(value: string | undefined, wanted: string | undefined): boolean {
  return wanted === undefined || (value?.includes(wanted) ?? false);
}

function comesFrom(address: string | undefined, wanted: string): boolean {
  return address === wanted || address?.startsWith(`${wanted}:`) === true;
}

function upstreamConnection(record: AuditRecord): number | undefined {
  return 'upstreamConnection' in record ? record.upstreamConnection : undefined;
}

export function decisionOf(record: AuditRecord): string | undefined {
  if (record.event === 'login-denied') return 'deny';
  return field(record, 'decision');
}

function touches(record: AuditRecord, object: string): boolean {
  if (record.event !== 'intent') return false;
  const schema = object.endsWith('.*') ? object.slice(0, -1) : undefined;
  return record.needs.some((need) => {
    const named = need.slice(need.indexOf(' ') + 1);
    return need === object || named === object || (schema && named.startsWith(schema));
  });
}

function mentions(record: AuditRecord, text: string): boolean {
  const wanted = text.toLowerCase();
  return ['statement', 'detail', 'application'].some((name) =>
    field(record, name)?.toLowerCase().includes(wanted),
  );
}

/** Everything the audit says about one decision or session. */
export interface Story {
  /** The records with this id, in order: a decision, and its outcome. */
  readonly records: readonly ReadRecord[];
  /** How its session began and ended. */
  readonly session: readonly ReadRecord[];
}

/** Reads every stream once for the id, and its stream once more for the session. */
export function findStory(source: AuditSource, id: string, options: ReadOptions): Story {
  const quoted = JSON.stringify(id);
  const records: ReadRecord[] = [];
  const sessions = new Map<string, string>();
  const named = { ...options, mayMatch: (line: string) => line.includes(quoted) };
  for (const read of readRecords(source, named)) {
    const { record } = read;
    if (field(record, 'id') === id) records.push(read);
    const session = field(record, 'session');
    if (session !== undefined) sessions.set(session, record.stream);
    if (session === id) break;
  }
  const session = [...sessions].flatMap(([name, stream]) => [
    ...sessionEvents(source, name, { ...options, stream }),
  ]);
  return { records, session };
}

function* sessionEvents(
  source: AuditSource,
  session: string,
  options: ReadOptions,
): Generator<ReadRecord> {
  const quoted = JSON.stringify(session);
  const mayMatch = (line: string) => line.includes('"session-') && line.includes(quoted);
  for (const read of readRecords(source, { ...options, mayMatch })) {
    if (field(read.record, 'session') === session) yield read;
  }
}
