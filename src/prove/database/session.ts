// SPDX-License-Identifier: Apache-2.0
import type { ServerState } from '../../compile/sql/server-state.ts';
import {
  accountGrantee,
  type FoldName,
  type Grantee,
  hostMatches,
  roleGrantee,
} from './grantee.ts';
import type { Holder } from './question.ts';

/** One way in which a holder can be logged in: where it comes from and which role is active. */
export interface Session {
  readonly client: string;
  readonly role: string;
  readonly grantees: readonly Grantee[];
}

/** Sessions of one client host; which hosts there can be, the holder's account says. */
export interface ClientSessions {
  readonly client: string;
  readonly sessions: readonly Session[];
}

/** Who reads every table once; the same few roles come back in every question. */
export class SessionMaker {
  readonly #state: ServerState;
  readonly #fold: FoldName;
  readonly #roles = new Map<string, Grantee>();

  constructor(state: ServerState, fold: FoldName) {
    this.#state = state;
    this.#fold = fold;
  }

  /** One entry for each kind of client host that the grant tables tell apart. */
  sessionsOf(holder: Holder): readonly ClientSessions[] {
    return this.#clients(holder).map((client) => ({
      client,
      sessions: this.#rolesOf(holder, client).map((role) => this.session(holder, client, role)),
    }));
  }

  /** `role` is '' for none. A session that is a role (a definer) has no account. */
  session(
    account: { readonly user: string; readonly host: string } | undefined,
    client: string,
    role: string,
  ): Session {
    const state = this.#state;
    return {
      client,
      role,
      grantees: [
        ...(account ? [accountGrantee(state, account, client, this.#fold)] : []),
        ...(role === '' ? [] : [this.#role(role)]),
        ...(state.account('PUBLIC', '') ? [this.#role('PUBLIC')] : []),
      ],
    };
  }

  #role(name: string): Grantee {
    const known = this.#roles.get(name);
    if (known) return known;
    const made = roleGrantee(
      this.#state,
      name,
      (inherited) => [
        name === 'PUBLIC'
          ? { kind: 'public' as const }
          : { kind: 'role' as const, role: name, inherited: false },
        ...(inherited === undefined
          ? []
          : [{ kind: 'role' as const, role: inherited, inherited: true }]),
      ],
      this.#fold,
    );
    this.#roles.set(name, made);
    return made;
  }

  /** Only roles that it was given itself; what those inherit comes with them. */
  #rolesOf(holder: Holder, client: string): readonly string[] {
    if (holder.role !== undefined) return [holder.role];
    const given = this.#state.all.members
      .filter(({ user, host }) => user === holder.user && host !== '' && hostMatches(host, client))
      .map(({ role }) => role)
      .filter((role) => this.#state.account(role, '') !== undefined);
    return ['', ...new Set(given)];
  }

  /**
   * A name for each host pattern that rows of this user (or of nobody) have and this account lets
   * in, and one that only the account's own pattern matches.
   */
  #clients(holder: Holder): readonly string[] {
    const { rights, members } = this.#state.all;
    const patterns = [...rights, ...members]
      .filter(({ user }) => user === holder.user || user === '')
      .map(({ host }) => host);
    const samples = [holder.host, ...new Set(patterns)]
      .map((pattern) => sampleHost(pattern))
      .filter((client) => hostMatches(holder.host, client));
    return [...new Set(samples)];
  }
}

/** Somebody whom the pattern matches, and no pattern that is more exact and not written alike. */
function sampleHost(pattern: string): string {
  const network = /^([\d.]+)\/[\d.]+$/.exec(pattern)?.[1];
  return network ?? pattern.replaceAll('%', 'some-host').replaceAll('_', 'x');
}
