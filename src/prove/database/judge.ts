// SPDX-License-Identifier: Apache-2.0
import type { Action } from '../../model/request.ts';
import { gives } from './action-privileges.ts';
import { decidingRows, type FoldName, type Grantee, type GrantRow, objectKey } from './grantee.ts';
import type { DatabaseObject, DatabaseQuestion, DatabaseVerdict, Hop } from './question.ts';
import type { RoutineIndex } from './routine-index.ts';
import type { Session, SessionMaker } from './session.ts';
import type { IndexedView, ViewIndex } from './view-index.ts';
import { viewNeeds } from './view-needs.ts';
import type { ViewText } from './view-text.ts';

export const DENIED: DatabaseVerdict = { verdict: 'denied' };
type Write = 'insert' | 'update' | 'delete';
type RoutineObject = Extract<DatabaseObject, { type: 'routine' }>;
type TableObject = Extract<DatabaseObject, { type: 'table' | 'view' }>;

/**
 * What one session may do by what the grant tables and the texts of views say. What only a routine's
 * body or a hidden text could tell is not asked here.
 */
export class Judge {
  readonly #sessions: SessionMaker;
  readonly #views: ViewIndex;
  readonly #routines: RoutineIndex;
  readonly #fold: FoldName;

  constructor(sessions: SessionMaker, views: ViewIndex, routines: RoutineIndex, fold: FoldName) {
    this.#sessions = sessions;
    this.#views = views;
    this.#routines = routines;
    this.#fold = fold;
  }

  /** `within`: views that are being asked about already; none of them can help itself. */
  judge(
    session: Session,
    question: DatabaseQuestion,
    within: ReadonlySet<IndexedView> = new Set(),
  ): DatabaseVerdict {
    const direct = this.#direct(session, question, within);
    if (direct.verdict === 'allowed') return direct;
    return best([direct, ...this.#throughViews(session, question, within)]);
  }

  #direct(
    session: Session,
    question: DatabaseQuestion,
    within: ReadonlySet<IndexedView>,
  ): DatabaseVerdict {
    const granted = this.granted(session, question);
    const { object, action } = question;
    if (object.type === 'schema') return granted;
    if (object.type === 'routine') {
      return action === 'execute' ? this.#ofRoutine(session, object, granted) : granted;
    }
    const view = this.#views.get(object);
    if (view) {
      const usable = granted.verdict !== 'denied' && isOnRows(action);
      return usable ? this.#ofView(session, view, question, granted, within) : granted;
    }
    if (granted.verdict === 'allowed' || action !== 'select') return granted;
    const anyColumn = this.granted(session, { action, object, extent: 'any' });
    return anyColumn.verdict === 'denied' ? granted : through(anyColumn, { kind: 'handler' });
  }

  /** By the session's own rights on the object's name, whatever the object is. */
  granted(session: Session, question: DatabaseQuestion): DatabaseVerdict {
    return best(session.grantees.map((grantee) => this.#byGrantee(grantee, question)));
  }

  #byGrantee(grantee: Grantee, question: DatabaseQuestion): DatabaseVerdict {
    const { action, object, column, extent } = question;
    const allowed = (row: GrantRow | undefined): DatabaseVerdict | undefined =>
      row && { verdict: 'allowed', by: row.source };
    const kind = object.type === 'schema' || object.type === 'routine' ? object.type : undefined;
    const giving = (rows: readonly GrantRow[]) =>
      rows.find(({ right }) => gives(right, action, kind));
    const everywhere = allowed(giving(grantee.global));
    if (everywhere) return everywhere;
    const given = decidingRows(grantee, this.#fold(object.schema)).map(({ rows }) => giving(rows));
    const onSchema = allowed(given.find((row) => row !== undefined));
    if (onSchema && given.every((row) => row !== undefined)) return onSchema;
    const reason = 'two patterns for the schema are equally exact';
    const tied = onSchema && { ...onSchema, verdict: 'unknown' as const, reason };
    if (object.type === 'schema') return tied ?? DENIED;
    const rows = this.#objectRows(grantee, object).filter(
      ({ right }) =>
        right.column === '' || extent === 'any' || right.column === column?.toLowerCase(),
    );
    return allowed(giving(rows)) ?? tied ?? DENIED;
  }

  #objectRows(
    grantee: Grantee,
    object: Exclude<DatabaseObject, { type: 'schema' }>,
  ): readonly GrantRow[] {
    const schema = this.#fold(object.schema);
    const rows = (type: 'table' | 'procedure' | 'function', name: string) =>
      grantee.objects.get(objectKey(type, schema, name)) ?? [];
    if (object.type !== 'routine') return rows('table', this.#fold(object.name));
    const name = object.name.toLowerCase();
    if (object.kind) return rows(object.kind, name);
    return [...rows('procedure', name), ...rows('function', name)];
  }

  /** Of a routine with its definer's rights the definer must be there and may call it as well. */
  #ofRoutine(session: Session, object: RoutineObject, granted: DatabaseVerdict): DatabaseVerdict {
    const there = this.#routines.of(object);
    if (there.length === 0 || granted.verdict === 'denied') return granted;
    return best(
      there.map(({ kind, security, definer }) => {
        const asked = { action: 'execute' as const, object: { ...object, kind } };
        const own = this.granted(session, asked);
        if (security === 'INVOKER' || own.verdict === 'denied') return own;
        const runner = this.#sessions.definer(definer);
        return runner && this.granted(runner, asked).verdict !== 'denied' ? own : DENIED;
      }),
    );
  }

  /** The right on a view is of use only while whoever it runs as has rights on what it reads. */
  #ofView(
    session: Session,
    view: IndexedView,
    question: DatabaseQuestion,
    granted: DatabaseVerdict,
    within: ReadonlySet<IndexedView>,
  ): DatabaseVerdict {
    const runner = this.#runner(session, view);
    if (!runner || within.has(view)) return DENIED;
    const action = question.action as 'select' | Write;
    const { parsed } = view;
    if (!parsed) {
      const everywhere: DatabaseObject = { type: 'schema', schema: '' };
      const isAllPowerful = runner.grantees.some(
        ({ global }) =>
          this.#byGrantee(
            { global, schemas: [], objects: new Map() },
            { action, object: everywhere },
          ).verdict === 'allowed',
      );
      if (isAllPowerful) return granted;
      return unknown(granted, `the text of the view ${viewPath(view)} is not known`);
    }
    const inside = new Set([...within, view]);
    const needs = viewNeeds(parsed, action, question.column);
    if (!needs) return unknown(granted, `whether ${viewPath(view)} can be written is not known`);
    const groups = needs.map((group) => group.map((need) => this.judge(runner, need, inside)));
    const all = groups.flat();
    if (all.every(({ verdict }) => verdict === 'allowed')) return granted;
    const isDenied = ({ verdict }: DatabaseVerdict) => verdict === 'denied';
    if (groups.some((group) => group.length > 0 && group.every(isDenied))) return DENIED;
    const reason = `whoever ${viewPath(view)} runs as holds not all that its text needs`;
    return unknown(granted, reason);
  }

  /** Undefined: the definer is gone, and nobody can use the view. */
  #runner(session: Session, view: IndexedView): Session | undefined {
    return view.security === 'INVOKER' ? session : this.#sessions.definer(view.definer);
  }

  /** Data of a table through views over it that run with somebody else's rights. */
  #throughViews(
    session: Session,
    question: DatabaseQuestion,
    within: ReadonlySet<IndexedView>,
  ): readonly DatabaseVerdict[] {
    const { object, action } = question;
    if ((object.type !== 'table' && object.type !== 'view') || !isOnRows(action)) return [];
    const found: DatabaseVerdict[] = [];
    for (const view of this.#views.over(object)) {
      const { parsed } = view;
      if (view.security === 'INVOKER' || !parsed || within.has(view)) continue;
      const offered = this.#offered(parsed, object, question);
      const asked = { action, object: { type: 'view' as const, ...nameOf(view) } };
      const verdicts = offered.map((name) =>
        this.judge(session, name === undefined ? asked : { ...asked, column: name }, within),
      );
      const usable = verdicts.find(({ verdict }) => verdict !== 'denied');
      const { schema, name, definer } = view;
      const hop: Hop = { kind: 'definer-view', schema, name, definer };
      if (usable) found.push(through(usable, hop));
      else if (action === 'select' && this.#mentions(parsed, object, question)) {
        // Conditions and computed columns tell something of what they read.
        const any = this.judge(session, { ...asked, extent: 'any' }, within);
        const reason = `${viewPath(view)} computes with it`;
        if (any.verdict !== 'denied') found.push(unknown(through(any, hop), reason));
      }
    }
    return found;
  }

  /** Columns of the view that are the column asked for, or any of the table's; undefined: rows. */
  #offered(
    parsed: ViewText,
    object: TableObject,
    { action, column, extent }: DatabaseQuestion,
  ): readonly (string | undefined)[] {
    if (action === 'delete') return parsed.writable ? [undefined] : [];
    if (action !== 'select' && !parsed.writable) return [];
    if (column === undefined && extent !== 'any') return [];
    return [...parsed.columns]
      .filter(([, of]) => of && this.#views.same(of, object))
      .filter(([, of]) => column === undefined || of?.column.toLowerCase() === column.toLowerCase())
      .map(([name]) => name);
  }

  #mentions(parsed: ViewText, object: TableObject, { column, extent }: DatabaseQuestion): boolean {
    if (column === undefined && extent !== 'any') return false;
    return parsed.uses.some(
      (used) =>
        this.#views.same(used, object) &&
        (column === undefined || used.column.toLowerCase() === column.toLowerCase()),
    );
  }
}

export function isOnRows(action: Action): action is 'select' | Write {
  return action === 'select' || action === 'insert' || action === 'update' || action === 'delete';
}

/** The holder chooses: the most that any of them gives. */
export function best(verdicts: readonly DatabaseVerdict[]): DatabaseVerdict {
  return (
    verdicts.find(({ verdict }) => verdict === 'allowed') ??
    verdicts.find(({ verdict }) => verdict === 'unknown') ??
    DENIED
  );
}

export function through(verdict: DatabaseVerdict, hop: Hop): DatabaseVerdict {
  const { by } = verdict;
  return by ? { ...verdict, by: { ...by, hops: [...by.hops, hop] } } : verdict;
}

export function unknown(verdict: DatabaseVerdict, reason: string): DatabaseVerdict {
  return { verdict: 'unknown', reason, ...(verdict.by && { by: verdict.by }) };
}

export function viewPath({ schema, name }: { readonly schema: string; readonly name: string }) {
  return `${schema}.${name}`;
}

function nameOf({ schema, name }: { readonly schema: string; readonly name: string }) {
  return { schema, name };
}
