// SPDX-License-Identifier: Apache-2.0
import type { ObservedState } from '../../compile/sql/observed.ts';
import { ServerState } from '../../compile/sql/server-state.ts';
import { gives } from './action-privileges.ts';
import { decidingRows, type FoldName, type Grantee, type GrantRow } from './grantee.ts';
import type { DatabaseQuestion, DatabaseVerdict, Holder } from './question.ts';
import { type Session, SessionMaker } from './session.ts';

const DENIED: DatabaseVerdict = { verdict: 'denied' };

/** What every account of a MariaDB can do, as the server itself decides. Pure. */
export class DatabaseModel {
  readonly #sessions: SessionMaker;
  readonly #fold: FoldName;

  /** `caseInsensitiveNames`: lower_case_table_names of the server is 1 or 2. */
  constructor(observed: ObservedState, options: { readonly caseInsensitiveNames: boolean }) {
    this.#fold = options.caseInsensitiveNames ? (name) => name.toLowerCase() : (name) => name;
    this.#sessions = new SessionMaker(new ServerState(observed), this.#fold);
  }

  /** Allowed if some session of the holder may; unknown if that depends on where it comes from. */
  allows(holder: Holder, question: DatabaseQuestion): DatabaseVerdict {
    const perClient = this.#sessions
      .sessionsOf(holder)
      .map(({ sessions }) => best(sessions.map((session) => this.#direct(session, question))));
    const [first = DENIED] = perClient;
    if (perClient.every(({ verdict }) => verdict === first.verdict)) return first;
    const by = perClient.find((one) => one.by !== undefined)?.by;
    const reason = 'it depends on the host from which the account logs in';
    return { verdict: 'unknown', reason, ...(by && { by }) };
  }

  #direct(session: Session, question: DatabaseQuestion): DatabaseVerdict {
    return best(session.grantees.map((grantee) => this.#granted(grantee, question)));
  }

  #granted(grantee: Grantee, { action, object, column }: DatabaseQuestion): DatabaseVerdict {
    const allowed = (row: GrantRow | undefined): DatabaseVerdict | undefined =>
      row && { verdict: 'allowed', by: row.source };
    const giving = (rows: readonly GrantRow[]) => rows.find(({ right }) => gives(right, action));
    const everywhere = allowed(giving(grantee.global));
    if (everywhere) return everywhere;
    const deciding = decidingRows(grantee, this.#fold(object.schema));
    const given = deciding.map(({ rows }) => giving(rows));
    const onSchema = allowed(given.find((row) => row !== undefined));
    if (onSchema && given.every((row) => row !== undefined)) return onSchema;
    if (onSchema) {
      const reason = 'two patterns for the schema are equally exact';
      return { ...onSchema, verdict: 'unknown', reason };
    }
    if (object.type === 'schema') return DENIED;
    const name = object.type === 'routine' ? object.name.toLowerCase() : this.#fold(object.name);
    const kind = object.type === 'routine' ? 'routine' : 'table';
    const rows = grantee.objects.filter(
      ({ right }) =>
        right.schema === this.#fold(object.schema) &&
        right.object === name &&
        (right.level === 'procedure' || right.level === 'function') === (kind === 'routine') &&
        (right.column === '' || right.column === column?.toLowerCase()),
    );
    return allowed(giving(rows)) ?? DENIED;
  }
}

/** The holder chooses: the most that any of them gives. */
function best(verdicts: readonly DatabaseVerdict[]): DatabaseVerdict {
  return (
    verdicts.find(({ verdict }) => verdict === 'allowed') ??
    verdicts.find(({ verdict }) => verdict === 'unknown') ??
    DENIED
  );
}
