// SPDX-License-Identifier: Apache-2.0

import { compareWidths, NamePattern } from '../../compile/sql/name-pattern.ts';
import type { ObservedAccount } from '../../compile/sql/observed.ts';
import type { ServerState } from '../../compile/sql/server-state.ts';
import {
  accountGrantee,
  type FoldName,
  type Grantee,
  hostMatches,
  roleGrantee,
} from './grantee.ts';
import type { AccountHolder, Holder, Hop } from './question.ts';

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

/** No account of MariaDB can have a name of this length: no row of the grant tables is for it. */
const NEW_ACCOUNT = 'x'.repeat(200);

/** Makes each grantee once: the same few roles come back in every question. */
export class SessionMaker {
  readonly #state: ServerState;
  readonly #fold: FoldName;
  readonly #roles = new Map<string, Grantee>();
  readonly #holders = new Map<string, readonly ClientSessions[]>();

  constructor(state: ServerState, fold: FoldName) {
    this.#state = state;
    this.#fold = fold;
  }

  /** One entry for each kind of client host that the grant tables tell apart. */
  sessionsOf(holder: Holder): readonly ClientSessions[] {
    const key = JSON.stringify(holder);
    const known = this.#holders.get(key);
    if (known) return known;
    const made = 'roles' in holder ? [this.#lease(holder.roles)] : this.#account(holder);
    this.#holders.set(key, made);
    return made;
  }

  /**
   * Whoever a definer's name stands for: as at a login, the account with the most exact host that
   * matches, or the role. No role of an account is active. Undefined: there is none.
   */
  definer(definer: string): Session | undefined {
    const { user, host } = readDefiner(definer);
    if (host === '') {
      if (!this.#state.account(user, '')) return undefined;
      // The account of such a session has no name, and neither has the one it comes from.
      return this.#session({ user: '', host: '' }, '', user);
    }
    const account = this.#definerAccount(user, host);
    return account && this.#session(account, host, '');
  }

  /** Unlike a view, a routine can set a role of its definer. */
  routineDefiner(definer: string): readonly Session[] {
    const { user, host } = readDefiner(definer);
    const account = host === '' ? undefined : this.#definerAccount(user, host);
    if (!account) return [this.definer(definer)].filter((session) => session !== undefined);
    return this.#rolesOf(account, host).map((role) => this.#session(account, host, role));
  }

  #definerAccount(user: string, host: string): ObservedAccount | undefined {
    return this.#state.all.accounts
      .filter((one) => one.user === user && one.host !== '' && hostMatches(one.host, host))
      .toSorted((one, other) => compareWidths(hostWidth(one.host), hostWidth(other.host)))[0];
  }

  #account(holder: AccountHolder): readonly ClientSessions[] {
    return this.#clients(holder).map((client) => ({
      client,
      sessions: this.#rolesOf(holder, client).map((role) => this.#session(holder, client, role)),
    }));
  }

  /** An account of its own without rights, and one role that holds these. */
  #lease(roles: readonly string[]): ClientSessions {
    const account = { user: NEW_ACCOUNT, host: '%' };
    const without = this.#session(account, sampleHost('%'), '');
    const composite = this.#composite(roles);
    const active = { ...without, role: roles.join(), grantees: [...without.grantees, composite] };
    return { client: without.client, sessions: [without, active] };
  }

  #session(
    account: { readonly user: string; readonly host: string },
    client: string,
    role: string,
  ): Session {
    const own = accountGrantee(this.#state, account, client, this.#fold);
    return { client, role, grantees: [own, ...this.#role(role), ...this.#public()] };
  }

  #public(): readonly Grantee[] {
    return this.#state.account('PUBLIC', '') ? this.#role('PUBLIC') : [];
  }

  #role(name: string): readonly Grantee[] {
    if (name === '') return [];
    const known = this.#roles.get(name);
    if (known) return [known];
    const active: Hop =
      name === 'PUBLIC' ? { kind: 'public' } : { kind: 'role', role: name, inherited: false };
    const made = roleGrantee(
      this.#state,
      [name],
      (held) => [active, ...(held === name ? [] : [inherited(held)])],
      this.#fold,
    );
    this.#roles.set(name, made);
    return [made];
  }

  #composite(roles: readonly string[]): Grantee {
    return roleGrantee(this.#state, roles, (held) => [inherited(held)], this.#fold);
  }

  /** Only roles that it was given itself; what those inherit comes with them. */
  #rolesOf(holder: AccountHolder, client: string): readonly string[] {
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
  #clients(holder: AccountHolder): readonly string[] {
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

/** `user@host`; a role's name comes with or without @. A user may contain @, a host may not. */
function readDefiner(definer: string): { readonly user: string; readonly host: string } {
  const at = definer.lastIndexOf('@');
  if (at === -1) return { user: definer, host: '' };
  return { user: definer.slice(0, at), host: definer.slice(at + 1) };
}

function inherited(role: string): Hop {
  return { kind: 'role', role, inherited: true };
}

function hostWidth(host: string): readonly number[] {
  return new NamePattern(host, 'host').width;
}

/** Somebody whom the pattern matches, and no pattern that is more exact and not written alike. */
function sampleHost(pattern: string): string {
  const network = /^([\d.]+)\/[\d.]+$/.exec(pattern)?.[1];
  return network ?? pattern.replaceAll('%', 'some-host').replaceAll('_', 'x');
}
