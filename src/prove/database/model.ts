// SPDX-License-Identifier: Apache-2.0
import type { ObservedRoutine, ObservedState } from '../../compile/sql/observed.ts';
import { ServerState } from '../../compile/sql/server-state.ts';
import { EscalationFinder, touches } from './escalation.ts';
import { decidingRows, type FoldName, type Grantee, hostMatches, objectKey } from './grantee.ts';
import { best, DENIED, Judge, unknown } from './judge.ts';
import type {
  AccountHolder,
  DatabaseQuestion,
  DatabaseVerdict,
  Holder,
  Reach,
  Source,
} from './question.ts';
import { ReachFinder } from './reach.ts';
import { RoutineIndex } from './routine-index.ts';
import { type ClientSessions, type Session, SessionMaker } from './session.ts';
import { ViewIndex } from './view-index.ts';

export interface DatabaseModelOptions {
  /** lower_case_table_names of the server is 1 or 2. */
  readonly caseInsensitiveNames: boolean;
  /** A routine that does only what it is known to do, such as Postern's own; absent: none is. */
  readonly isTrusted?: (routine: ObservedRoutine) => boolean;
}

/** What gives a column a place in information_schema. */
const COLUMN_PRIVILEGES = new Set(['SELECT', 'INSERT', 'UPDATE', 'REFERENCES']);

/** What every account of a MariaDB can do, as the server itself decides. Pure. */
export class DatabaseModel {
  readonly #state: ServerState;
  readonly #sessions: SessionMaker;
  readonly #judge: Judge;
  readonly #escalations: EscalationFinder;
  readonly #reach: ReachFinder;
  readonly #fold: FoldName;

  constructor(observed: ObservedState, options: DatabaseModelOptions) {
    const fold: FoldName = options.caseInsensitiveNames
      ? (name) => name.toLowerCase()
      : (name) => name;
    this.#fold = fold;
    this.#state = new ServerState(observed);
    const sessions = new SessionMaker(this.#state, fold);
    const views = new ViewIndex(observed.views, fold);
    const routines = new RoutineIndex(observed.routines, fold);
    const judge = new Judge(sessions, views, routines, fold);
    const parts = { judge, sessions, views, routines, fold };
    this.#sessions = sessions;
    this.#judge = judge;
    this.#escalations = new EscalationFinder(parts, options.isTrusted ?? (() => false));
    this.#reach = new ReachFinder(judge, views, this.#escalations);
  }

  /** Allowed if some session of the holder may; unknown if what decides is not observed. */
  allows(holder: Holder, question: DatabaseQuestion): DatabaseVerdict {
    const own = this.#ofSessions(this.#sessions.sessionsOf(holder), question);
    if (own.verdict === 'allowed') return own;
    const proxied = this.#proxies(holder).map(({ account, by }): DatabaseVerdict => {
      const verdict = this.#ofSessions(this.#sessions.sessionsOf(account), question);
      if (verdict.verdict === 'denied') return DENIED;
      return { verdict: 'unknown', by, reason: PROXY_REASON };
    });
    return best([own, ...proxied]);
  }

  /** Roles that some session of the holder can activate. */
  roles(holder: Holder): ReadonlySet<string> {
    const sessions = this.#sessions.sessionsOf(holder).flatMap((client) => client.sessions);
    return new Set(sessions.map(({ role }) => role).filter((role) => role !== ''));
  }

  /** Everything the holder can do, in finitely many entries; the same verdicts as `allows`. */
  reach(holder: Holder): Reach {
    const sessions = this.#sessions.sessionsOf(holder);
    const proxied = this.#proxies(holder).map(({ account, by }) => ({
      by,
      sessions: this.#sessions.sessionsOf(account).flatMap((client) => client.sessions),
    }));
    return this.#reach.of(sessions, proxied, PROXY_REASON);
  }

  /** Whether information_schema.COLUMNS shows the column to some session of the holder. */
  sees(
    holder: Holder,
    { schema, name }: { readonly schema: string; readonly name: string },
    column: string,
  ): DatabaseVerdict['verdict'] {
    const key = objectKey('table', this.#fold(schema), this.#fold(name));
    const shows = (grantee: Grantee) =>
      [
        ...grantee.global,
        ...decidingRows(grantee, this.#fold(schema)).flatMap(({ rows }) => rows),
        ...(grantee.objects.get(key) ?? []),
      ].some(
        ({ right }) =>
          COLUMN_PRIVILEGES.has(right.privilege) &&
          (right.column === '' || right.column === column.toLowerCase()),
      );
    const perClient = this.#sessions
      .sessionsOf(holder)
      .map(({ sessions }) => sessions.some(({ grantees }) => grantees.some(shows)));
    if (perClient.every((shown) => shown)) return 'allowed';
    return perClient.some((shown) => shown) ? 'unknown' : 'denied';
  }

  #ofSessions(clients: readonly ClientSessions[], question: DatabaseQuestion): DatabaseVerdict {
    const perClient = clients.map(({ sessions }) =>
      best(sessions.map((session) => this.#ofSession(session, question))),
    );
    const [first = DENIED] = perClient;
    if (perClient.every(({ verdict }) => verdict === first.verdict)) return first;
    return unknown(best(perClient), 'it depends on the host from which the account logs in');
  }

  #ofSession(session: Session, question: DatabaseQuestion): DatabaseVerdict {
    const known = this.#judge.judge(session, question);
    if (known.verdict !== 'denied') return known;
    for (const way of this.#escalations.of(session)) {
      if (!touches(way, question.action)) continue;
      const within = way.as === undefined || this.#judge.judge(way.as, question);
      if (within !== true && within.verdict === 'denied') continue;
      return { verdict: 'unknown', by: way.by, reason: way.reason };
    }
    return DENIED;
  }

  #proxies(holder: Holder): readonly { account: AccountHolder; by: Source }[] {
    if ('roles' in holder) return [];
    const { accounts, proxies } = this.#state.all;
    return proxies
      .filter(({ user, host }) => user === holder.user && hostMatches(host, holder.host))
      .flatMap(({ user, host, proxiedUser, proxiedHost }) =>
        accounts
          .filter(
            (one) => one.host !== '' && !(one.user === holder.user && one.host === holder.host),
          )
          .filter((one) => proxiedUser === '' || proxiedUser === one.user)
          .filter((one) => proxiedHost === '' || hostMatches(proxiedHost, one.host))
          .map((one) => ({
            account: { user: one.user, host: one.host },
            by: {
              right: { level: 'global', schema: '', object: '', column: '', privilege: 'PROXY' },
              account: { user, host },
              hops: [{ kind: 'proxy', user: one.user, host: one.host }],
            } satisfies Source,
          })),
      );
  }
}

const PROXY_REASON = 'whether its login may become another account, its plugin decides';
