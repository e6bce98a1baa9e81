// SPDX-License-Identifier: Apache-2.0
import type { ObservedAccount, ObservedMember, ObservedRight, ObservedState } from './observed.ts';

/** The observed state by holder. */
export class ServerState {
  readonly all: ObservedState;
  readonly #accounts: ReadonlyMap<string, ObservedAccount>;
  readonly #rights: ReadonlyMap<string, readonly ObservedRight[]>;
  readonly #members: ReadonlyMap<string, readonly ObservedMember[]>;

  constructor(all: ObservedState) {
    this.all = all;
    this.#accounts = new Map(all.accounts.map((one) => [holderKey(one.user, one.host), one]));
    this.#rights = byHolder(all.rights);
    this.#members = byHolder(all.members);
  }

  account(user: string, host: string): ObservedAccount | undefined {
    return this.#accounts.get(holderKey(user, host));
  }

  rights(user: string, host: string): readonly ObservedRight[] {
    return this.#rights.get(holderKey(user, host)) ?? [];
  }

  /** The roles that it holds. */
  roles(user: string, host: string): readonly ObservedMember[] {
    return this.#members.get(holderKey(user, host)) ?? [];
  }
}

export function holderKey(user: string, host: string): string {
  return JSON.stringify([user, host]);
}

function byHolder<T extends { readonly user: string; readonly host: string }>(
  all: readonly T[],
): ReadonlyMap<string, readonly T[]> {
  const found = new Map<string, T[]>();
  for (const one of all) {
    const key = holderKey(one.user, one.host);
    const known = found.get(key);
    if (known) known.push(one);
    else found.set(key, [one]);
  }
  return found;
}
