// SPDX-License-Identifier: Apache-2.0
import { PosternError } from '../model/errors.ts';
import type { Secret } from '../model/secret.ts';

/** An account on the target and who uses it, as this process knows it. */
export interface LeaseEntry {
  readonly account: string;
  readonly principalId: string;
  readonly privilegeSetId: string;
  /** Base roles, sorted. */
  readonly roles: readonly string[];
  /** Shortest that a user asked for. */
  ttlMs: number;
  /** What the target has now; absent until the first issue is done. */
  issued?: {
    readonly password: Secret;
    readonly issue: number;
    readonly role: string;
    readonly atMs: number;
  };
  /** The issue or rotation under way; everybody who needs it waits for the same one. */
  issuing?: Promise<void>;
  /** Set once and for good: the account is being removed, nobody gets it any more. */
  revoking?: Promise<void>;
  users: number;
  /** Monotonic time since when nobody uses it. */
  idleSinceMs: number;
}

/** Leases of one target by account. Times are monotonic milliseconds. */
export class LeaseTable {
  readonly #entries = new Map<string, LeaseEntry>();

  get(account: string): LeaseEntry | undefined {
    return this.#entries.get(account);
  }

  all(): readonly LeaseEntry[] {
    return [...this.#entries.values()];
  }

  /** Throws `lease-failed` when two identities would share the account (a hash collision). */
  add(entry: LeaseEntry, target: string): LeaseEntry {
    const known = this.#entries.get(entry.account);
    if (!known) {
      this.#entries.set(entry.account, entry);
      return entry;
    }
    const same =
      known.principalId === entry.principalId && known.roles.join() === entry.roles.join();
    if (same) return known;
    const problem = `the account name ${entry.account} is taken by another principal`;
    throw new PosternError('lease-failed', { target, reason: 'account-taken', problem });
  }

  /** Only the entry given: its account may already stand for a later one. */
  remove(entry: LeaseEntry): void {
    if (this.#entries.get(entry.account) === entry) this.#entries.delete(entry.account);
  }

  isFresh(entry: LeaseEntry, nowMs: number): boolean {
    return entry.issued !== undefined && nowMs - entry.issued.atMs < entry.ttlMs;
  }

  /** In use with a password older than its time to live. */
  dueForRotation(nowMs: number): readonly LeaseEntry[] {
    return this.all().filter(
      (entry) =>
        entry.users > 0 &&
        !entry.issuing &&
        !entry.revoking &&
        entry.issued &&
        !this.isFresh(entry, nowMs),
    );
  }

  idleFor(idleMs: number, nowMs: number): readonly LeaseEntry[] {
    return this.all().filter(
      (entry) =>
        entry.users === 0 &&
        !entry.issuing &&
        !entry.revoking &&
        nowMs - entry.idleSinceMs >= idleMs,
    );
  }

  /**
   * Issued, but not on the target any more: somebody removed it there. What was issued after
   * `lookedMs` may have come too late for that look.
   */
  lost(onTarget: ReadonlySet<string>, lookedMs: number): readonly LeaseEntry[] {
    return this.all().filter(
      ({ account, issued, issuing, revoking }) =>
        issued && issued.atMs < lookedMs && !issuing && !revoking && !onTarget.has(account),
    );
  }

  /** On the target, but unknown here: a call that timed out and took effect all the same. */
  orphans(onTarget: ReadonlySet<string>): readonly string[] {
    return [...onTarget].filter((account) => !this.#entries.has(account));
  }
}
