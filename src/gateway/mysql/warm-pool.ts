// SPDX-License-Identifier: Apache-2.0
import type { Clock, Timer } from '../../model/clock.ts';
import { problemText } from '../../model/errors.ts';
import type { Log } from '../../model/log.ts';
import type { WarmFacts } from '../parts.ts';
import { type Restorable, restore } from './restoration.ts';
import { type StateRow, schemaIn } from './session-state.ts';

/** An upstream connection between two sessions of one principal. */
export interface WarmConnection extends WarmFacts, Restorable {
  /** Everything that was settled by the login and cannot be changed: see `warmKey`. */
  readonly key: string;
}

export interface TakenConnection {
  readonly connection: WarmConnection;
  /**
   * The answer to STATE_SQL, when it was asked a moment ago and nothing else is wanted: otherwise
   * the connection has to be asked again, which shows that it is alive.
   */
  readonly state: StateRow | undefined;
}

/** A connection that answered so recently is not asked again whether it is alive. */
const FRESH_MS = 1_000;

export interface WarmPoolOptions {
  readonly limits: { readonly idle: number; readonly perLease: number; readonly total: number };
  /** For one reset. */
  readonly resetTimeoutMs: number;
  readonly clock: Clock;
  readonly log: Log;
}

interface Kept {
  readonly connection: WarmConnection;
  /** Absent while it is being reset. */
  state?: { readonly row: StateRow; readonly atMs: number };
  timer?: Timer;
  /** Data too: a target that speaks unasked says that it closes, or nothing we understand. */
  readonly gone: () => void;
}

/**
 * Upstream connections whose session has ended, for the next session of the same lease. They are
 * reset when they come in, so that a fault shows there and the next login does not wait for it.
 * Bounded per lease and in all; what lies unused is closed, the oldest first.
 */
export class WarmPool {
  readonly #o: WarmPoolOptions;
  /** In the order in which they came in. */
  readonly #kept = new Set<Kept>();
  #closed = false;

  constructor(options: WarmPoolOptions) {
    this.#o = options;
  }

  /** Whether any connection is kept at all. */
  get enabled(): boolean {
    return this.#o.limits.perLease > 0 && this.#o.limits.total > 0;
  }

  get size(): number {
    return this.#kept.size;
  }

  /**
   * One that fits, at best with the same default schema, at best the one used last; paused, without
   * listeners but one that ignores errors.
   */
  take(key: string, schema: string | undefined): TakenConnection | undefined {
    let found: Kept | undefined;
    for (const kept of this.#kept) {
      const { connection, state } = kept;
      if (!state || connection.key !== key) continue;
      // A reset does not take the default schema away.
      if (schema === undefined && schemaIn(state.row) !== undefined) continue;
      const better = connection.schema === schema || found?.connection.schema !== schema;
      if (!found || better) found = kept;
    }
    if (!found) return undefined;
    this.#kept.delete(found);
    found.timer?.stop();
    const { connection, state, gone } = found;
    const { socket } = connection.upstream;
    socket.pause();
    socket.off('data', gone).off('close', gone);
    if (socket.destroyed) return undefined;
    const isFresh = state && this.#o.clock.monotonic() - state.atMs < FRESH_MS;
    return { connection, state: isFresh && connection.schema === schema ? state.row : undefined };
  }

  /** Takes over a connection whose session has ended; closes it when it cannot be kept. */
  giveBack(connection: WarmConnection): void {
    const { socket } = connection.upstream;
    if (this.#closed || socket.destroyed || !this.#room(connection.account)) {
      socket.destroy();
      return;
    }
    const kept: Kept = { connection, gone: () => this.#drop(kept) };
    this.#kept.add(kept);
    restore(connection, this.#o.resetTimeoutMs).then(
      (row) => this.#restored(kept, row),
      (cause: unknown) => {
        const { account } = connection;
        this.#o.log.debug('a connection was not kept', { account, problem: problemText(cause) });
        this.#drop(kept);
      },
    );
  }

  /** Closes what no longer fits: a lease that is revoked, rights that changed, a target that is gone. */
  closeUnless(fits: (facts: WarmFacts) => boolean): void {
    for (const kept of this.#kept) if (!fits(kept.connection)) this.#drop(kept);
  }

  /** Nothing is kept from then on. */
  close(): void {
    this.#closed = true;
    this.closeUnless(() => false);
  }

  #restored(kept: Kept, row: StateRow): void {
    if (!this.#kept.has(kept)) return;
    const { socket } = kept.connection.upstream;
    kept.state = { row, atMs: this.#o.clock.monotonic() };
    kept.timer = this.#o.clock.after(this.#o.limits.idle, () => this.#drop(kept));
    socket.on('data', kept.gone).on('close', kept.gone);
    if (socket.destroyed) this.#drop(kept);
    else socket.resume();
  }

  /** Makes room for one more by closing the oldest that waits; false when there is none. */
  #room(account: string): boolean {
    const { perLease, total } = this.#o.limits;
    if (!this.enabled) return false;
    const all = [...this.#kept];
    const ofLease = all.filter(({ connection }) => connection.account === account);
    const crowd = ofLease.length >= perLease ? ofLease : all.length >= total ? all : undefined;
    if (!crowd) return true;
    // What was used last is asked for next; an old one may fit no driver that still comes.
    const oldest = crowd.find(({ state }) => state !== undefined);
    if (oldest) this.#drop(oldest);
    return oldest !== undefined;
  }

  #drop(kept: Kept): void {
    this.#kept.delete(kept);
    kept.timer?.stop();
    kept.connection.upstream.socket.destroy();
  }
}
