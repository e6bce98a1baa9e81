// SPDX-License-Identifier: Apache-2.0
import { ACTIONS, type Action } from '../../model/request.ts';
import { gives } from './action-privileges.ts';
import { type EscalationFinder, touches } from './escalation.ts';
import { compareRows, type Grantee, type GrantRow, type SchemaRow } from './grantee.ts';
import { isOnRows, type Judge } from './judge.ts';
import { powerOf } from './power.ts';
import type { ObjectReach, PowerEntry, Reach, ReachEntry, Source } from './question.ts';
import type { ClientSessions, Session } from './session.ts';
import type { ViewIndex } from './view-index.ts';
import type { ColumnName, TableName } from './view-text.ts';

const EVERYTHING: ObjectReach = { type: 'everything' };
const HOST_REASON = 'it depends on the host from which the account logs in';

/** Lists what sessions can do, row by row of what gives it. */
export class ReachFinder {
  readonly #judge: Judge;
  readonly #views: ViewIndex;
  readonly #escalations: EscalationFinder;

  constructor(judge: Judge, views: ViewIndex, escalations: EscalationFinder) {
    this.#judge = judge;
    this.#views = views;
    this.#escalations = escalations;
  }

  of(
    clients: readonly ClientSessions[],
    proxied: readonly { readonly by: Source; readonly sessions: readonly Session[] }[],
    proxyReason: string,
  ): Reach {
    const entries = new EntryList();
    const powers = new Map<string, PowerEntry>();
    for (const { client, sessions } of clients) {
      for (const session of sessions) {
        for (const entry of this.#entries(session)) entries.add(entry, client);
        for (const power of session.grantees.flatMap(powersOf)) {
          powers.set(JSON.stringify([power.privilege, power.on]), power);
        }
      }
    }
    for (const { by, sessions } of proxied) {
      for (const session of sessions) {
        for (const entry of this.#entries(session)) {
          entries.add({ ...entry, verdict: 'unknown', reason: proxyReason, by });
        }
      }
    }
    const found = entries.of(clients.length);
    return { entries: found, powers: [...powers.values()] };
  }

  #entries(session: Session): readonly ReachEntry[] {
    const known = this.#known(session);
    const escaped = this.#escalations.of(session).flatMap((way): readonly ReachEntry[] => {
      const { as, by, reason } = way;
      const more: readonly Pick<ReachEntry, 'action' | 'on' | 'columns'>[] = as
        ? this.#known(as)
        : ACTIONS.map((action) => ({ action, on: EVERYTHING }));
      return more
        .filter(({ action }) => touches(way, action))
        .map((entry) => ({ ...entry, verdict: 'unknown', by, reason }));
    });
    return [...known, ...escaped];
  }

  #known(session: Session): readonly ReachEntry[] {
    return [
      ...session.grantees.flatMap((grantee) => [
        ...entriesOf(grantee.global, EVERYTHING),
        ...grantee.schemas.flatMap((row) => schemaEntries(row, grantee)),
        ...[...grantee.objects.values()].flatMap((rows) => this.#objectEntries(session, rows)),
      ]),
      ...this.#views.all.flatMap((view) => this.#viewEntries(session, view)),
    ];
  }

  #objectEntries(session: Session, rows: readonly GrantRow[]): readonly ReachEntry[] {
    const [first] = rows;
    if (!first) return [];
    const { level, schema, object: name } = first.source.right;
    if (level === 'procedure' || level === 'function') {
      return entriesOf(rows, { type: 'routine', schema, name, kind: level });
    }
    const on: ObjectReach = { type: 'table', schema, name };
    const view = this.#views.get({ schema, name });
    const columns = new Map<Action, GrantRow[]>();
    for (const row of rows.filter(({ right }) => right.level === 'column')) {
      for (const action of ACTIONS.filter((one) => gives(row.right, one))) {
        columns.set(action, [...(columns.get(action) ?? []), row]);
      }
    }
    const found = entriesOf(
      rows.filter(({ right }) => right.level === 'table'),
      on,
    ).concat(
      [...columns].flatMap(([action, [row, ...more]]): readonly ReachEntry[] => {
        if (!row) return [];
        const by = row.source;
        if (action === 'select' && !view) {
          return [{ action, on, verdict: 'allowed', by: handler(by) }];
        }
        const names = [row, ...more].map(({ source }) => source.right.column);
        return [{ action, on, columns: names, verdict: 'allowed', by }];
      }),
    );
    if (!view) return found;
    return found.flatMap((entry) => {
      if (!isOnRows(entry.action)) return entry;
      const object = { type: 'view' as const, schema, name };
      const asked = { action: entry.action, object, extent: 'any' as const };
      const { verdict, reason } = this.#judge.judge(session, asked);
      if (verdict === 'denied') return [];
      return { ...entry, verdict, ...(reason !== undefined && { reason }) };
    });
  }

  /** What a definer view hands on of the tables in its text. */
  #viewEntries(session: Session, view: ViewIndex['all'][number]): readonly ReachEntry[] {
    const { parsed, security, schema, name, definer } = view;
    if (!parsed || security === 'INVOKER') return [];
    const hop = { kind: 'definer-view' as const, schema, name, definer };
    const found: ReachEntry[] = [];
    for (const action of ['select', 'insert', 'update', 'delete'] as const) {
      if (action !== 'select' && !parsed.writable) continue;
      const object = { type: 'view' as const, schema, name };
      const { verdict, by, reason } = this.#judge.judge(session, { action, object, extent: 'any' });
      if (verdict === 'denied' || !by) continue;
      const through = { ...by, hops: [...by.hops, hop] };
      const entry = { action, verdict, by: through, ...(reason !== undefined && { reason }) };
      for (const table of parsed.tables) {
        const on: ObjectReach = { type: 'table', ...table };
        const own = this.#columnsOf(table, [...parsed.columns.values()]);
        const more = this.#columnsOf(table, parsed.uses).filter((name) => !own.includes(name));
        if (action === 'delete') found.push({ ...entry, on });
        else if (own.length > 0) found.push({ ...entry, on, columns: own });
        if (action !== 'select' || more.length === 0) continue;
        const why = `${schema}.${name} computes with it`;
        found.push({ ...entry, on, columns: more, verdict: 'unknown', reason: why });
      }
    }
    return found;
  }

  #columnsOf(table: TableName, columns: readonly (ColumnName | undefined)[]): readonly string[] {
    const own = columns.flatMap((one) => (one && this.#views.same(one, table) ? one.column : []));
    return [...new Set(own)];
  }
}

/** Entries of several clients: what not all of them have depends on where one comes from. */
class EntryList {
  readonly #entries = new Map<string, { entry: ReachEntry; clients: Set<string> }>();

  /** Without a client it counts for all. */
  add(entry: ReachEntry, client?: string): void {
    const { action, on, columns, verdict } = entry;
    const key = JSON.stringify([action, on, columns ?? null, verdict]);
    const known = this.#entries.get(key);
    if (!known) this.#entries.set(key, { entry, clients: new Set([client ?? '*']) });
    else {
      known.clients.add(client ?? '*');
      if (entry.by.hops.length < known.entry.by.hops.length) known.entry = entry;
    }
  }

  of(clientCount: number): readonly ReachEntry[] {
    return [...this.#entries.values()].map(({ entry, clients }) => {
      if (clients.has('*') || clients.size === clientCount) return entry;
      return { ...entry, verdict: 'unknown', reason: entry.reason ?? HOST_REASON };
    });
  }
}

function entriesOf(rows: readonly GrantRow[], on: ObjectReach): readonly ReachEntry[] {
  return rows.flatMap((row) =>
    ACTIONS.filter((action) => gives(row.right, action)).map((action) => ({
      action,
      on,
      verdict: 'allowed' as const,
      by: row.source,
    })),
  );
}

function schemaEntries(row: SchemaRow, grantee: Grantee): readonly ReachEntry[] {
  const others = grantee.schemas.filter((other) => other !== row);
  const on: ObjectReach = {
    type: 'schemas',
    pattern: row.pattern.text,
    except: others
      .filter((other) => compareRows(other, row) < 0 && mayOverlap(other, row))
      .map(({ pattern }) => pattern.text),
  };
  const tied = others.some((other) => compareRows(other, row) === 0 && mayOverlap(other, row));
  const reason = 'two patterns for the schema are equally exact';
  return entriesOf(row.rows, on).map((entry) =>
    tied ? { ...entry, verdict: 'unknown' as const, reason } : entry,
  );
}

/** Two exact names overlap only if they are the same; of patterns it is not worked out. */
function mayOverlap(one: SchemaRow, other: SchemaRow): boolean {
  if (one.pattern.name !== undefined) return other.pattern.matches(one.pattern.name);
  if (other.pattern.name !== undefined) return one.pattern.matches(other.pattern.name);
  return true;
}

function powersOf(grantee: Grantee): readonly PowerEntry[] {
  const rows = [
    ...grantee.global,
    ...grantee.schemas.flatMap((row) => row.rows),
    ...[...grantee.objects.values()].flat(),
  ];
  return rows.flatMap((row) => {
    const opens = powerOf(row);
    if (!opens) return [];
    const { level, schema, object: name, privilege } = row.source.right;
    const on: ObjectReach =
      level === 'global'
        ? EVERYTHING
        : level === 'schema'
          ? { type: 'schemas', pattern: schema, except: [] }
          : level === 'procedure' || level === 'function'
            ? { type: 'routine', schema, name, kind: level }
            : { type: 'table', schema, name };
    return [{ privilege, on, opens, by: row.source }];
  });
}

function handler(by: Source): Source {
  return { ...by, hops: [...by.hops, { kind: 'handler' }] };
}
