// SPDX-License-Identifier: Apache-2.0
import type { ObservedRoutine } from '../../compile/sql/observed.ts';
import type { Action } from '../../model/request.ts';
import type { FoldName } from './grantee.ts';
import { type Judge, viewPath } from './judge.ts';
import { escapingRows } from './power.ts';
import type { DatabaseVerdict, Hop, Source } from './question.ts';
import type { IndexedRoutine, RoutineIndex } from './routine-index.ts';
import type { Session, SessionMaker } from './session.ts';
import type { IndexedView, ViewIndex } from './view-index.ts';

/** A way to rights of somebody else whose extent is not known. */
export interface Escalation {
  /** Whose rights it may be at most; undefined: everything on the server. */
  readonly as: Session | undefined;
  /** Absent: whatever those rights give. */
  readonly actions?: ReadonlySet<Action>;
  readonly by: Source;
  readonly reason: string;
}

type Visit = { readonly session: Session; readonly lead?: Source; readonly functionsOnly: boolean };
const ROW_ACTIONS = ['select', 'insert', 'update', 'delete'] as const;

/**
 * Where a session can leave what the grant tables say: routines that run as their definer (their
 * bodies are not read), views whose text is hidden, and privileges that open more than their name.
 */
export class EscalationFinder {
  readonly #judge: Judge;
  readonly #sessions: SessionMaker;
  readonly #views: ViewIndex;
  readonly #routines: readonly IndexedRoutine[];
  readonly #allRoutines: RoutineIndex;
  readonly #fold: FoldName;
  readonly #known = new WeakMap<Session, readonly Escalation[]>();

  /** `isTrusted`: a routine that is known to do only what it says, such as Postern's own. */
  constructor(
    parts: {
      readonly judge: Judge;
      readonly sessions: SessionMaker;
      readonly views: ViewIndex;
      readonly routines: RoutineIndex;
      readonly fold: FoldName;
    },
    isTrusted: (routine: ObservedRoutine) => boolean,
  ) {
    this.#judge = parts.judge;
    this.#sessions = parts.sessions;
    this.#views = parts.views;
    this.#allRoutines = parts.routines;
    this.#routines = parts.routines.all.filter((routine) => !isTrusted(routine));
    this.#fold = parts.fold;
  }

  of(session: Session): readonly Escalation[] {
    const known = this.#known.get(session);
    if (known) return known;
    const found: Escalation[] = [];
    const seen = new Set<string>();
    const waiting: Visit[] = [{ session, functionsOnly: false }];
    for (const visit of waiting) {
      this.#powers(visit, found);
      for (const next of [...this.#byRoutine(visit), ...this.#byView(visit)]) {
        if (seen.has(next.key)) continue;
        seen.add(next.key);
        found.push(...next.escalations);
        waiting.push(...next.visits);
      }
    }
    this.#known.set(session, found);
    return found;
  }

  #powers({ session, lead }: Visit, found: Escalation[]): void {
    for (const grantee of session.grantees) {
      for (const { row, opens } of escapingRows(grantee, this.#fold)) {
        const hop: Hop = { kind: 'power', privilege: row.right.privilege };
        const reason = `${row.right.privilege} can be turned into more than it says`;
        const by = continued(lead, row.source, hop);
        const reading = opens === 'reading' ? { actions: new Set<Action>(['select']) } : {};
        found.push({ as: undefined, by, reason, ...reading });
      }
    }
  }

  #byRoutine({ session, lead, functionsOnly }: Visit): readonly Found[] {
    return this.#routines
      .filter(({ kind }) => kind === 'function' || !functionsOnly)
      .flatMap((routine) => {
        const { schema, name, kind } = routine;
        const object = { type: 'routine' as const, schema, name, kind };
        const executed = this.#judge.judge(session, { action: 'execute', object });
        return this.#running(routine, executed, lead);
      });
  }

  #running(
    routine: IndexedRoutine,
    executed: DatabaseVerdict,
    lead: Source | undefined,
  ): readonly Found[] {
    if (routine.security === 'INVOKER' || !executed.by) return [];
    const { schema, name, definer } = routine;
    const by = continued(lead, executed.by, { kind: 'definer-routine', schema, name, definer });
    const reason = `what ${viewPath(routine)} does is not known, and it runs as ${definer}`;
    const sessions = this.#sessions.routineDefiner(definer);
    return [
      {
        key: JSON.stringify(['routine', definer]),
        escalations: sessions.map((as) => ({ as, by, reason })),
        visits: sessions.map((as) => ({ session: as, lead: by, functionsOnly: false })),
      },
    ];
  }

  #byView({ session, lead, functionsOnly }: Visit): readonly Found[] {
    if (functionsOnly) return [];
    return this.#views.all.flatMap((view) => {
      const object = { type: 'view' as const, schema: view.schema, name: view.name };
      const held = ROW_ACTIONS.map((action) =>
        this.#judge.judge(session, { action, object, extent: 'any' }),
      );
      const by = held.find((verdict) => verdict.by)?.by;
      if (!by) return [];
      const actions = new Set(ROW_ACTIONS.filter((_, index) => held[index]?.verdict !== 'denied'));
      const source = continued(lead, by, viewHop(view));
      return view.parsed
        ? this.#functionsOf(view, session, source)
        : this.#hidden(view, source, actions);
    });
  }

  #hidden(view: IndexedView, by: Source, actions: ReadonlySet<Action>): readonly Found[] {
    if (view.security === 'INVOKER') return [];
    const as = this.#sessions.definer(view.definer);
    if (!as) return [];
    const reason = `the text of ${viewPath(view)} is not known, and it runs as ${view.definer}`;
    return [
      {
        key: JSON.stringify(['view', view.definer, [...actions]]),
        escalations: [{ as, by, reason, actions }],
        visits: [{ session: as, lead: by, functionsOnly: true }],
      },
    ];
  }

  /** Functions in the text run as their definer, or as whom the view runs as. */
  #functionsOf(view: IndexedView, session: Session, by: Source): readonly Found[] {
    const runner = view.security === 'INVOKER' ? session : this.#sessions.definer(view.definer);
    if (!runner) return [];
    return (view.parsed?.functions ?? []).flatMap((called) =>
      this.#allRoutines.of({ ...called, kind: 'function' }).flatMap((routine) => {
        const { schema, name, kind } = routine;
        if (!this.#routines.includes(routine)) return [];
        const object = { type: 'routine' as const, schema, name, kind };
        const executed = this.#judge.judge(runner, { action: 'execute', object });
        if (routine.security !== 'INVOKER') return this.#running(routine, executed, by);
        if (!executed.by || runner === session) return [];
        const reason = `what ${viewPath(routine)} does is not known; ${viewPath(view)} calls it`;
        return [
          {
            key: JSON.stringify(['invoker', view.definer]),
            escalations: [{ as: runner, by, reason }],
            visits: [{ session: runner, lead: by, functionsOnly: false }],
          },
        ];
      }),
    );
  }
}

interface Found {
  readonly key: string;
  readonly escalations: readonly Escalation[];
  readonly visits: readonly Visit[];
}

/** The first right is the holder's own; what follows is reached through it. */
function continued(lead: Source | undefined, by: Source, hop: Hop): Source {
  const start = lead ?? by;
  return { ...start, hops: [...start.hops, hop] };
}

function viewHop({ schema, name, definer, security }: IndexedView): Hop {
  const kind = security === 'INVOKER' ? 'invoker-view' : 'definer-view';
  return { kind, schema, name, definer };
}

export function touches(way: Escalation, action: Action): boolean {
  return way.actions?.has(action) ?? true;
}
