// SPDX-License-Identifier: Apache-2.0
import type { Session } from './live-session.ts';

/** The live sessions of this process. */
export class SessionRegistry {
  readonly #byId = new Map<string, Session>();
  readonly #byConnection = new Map<number, Session>();

  add(session: Session): void {
    this.#byId.set(session.id, session);
    this.#byConnection.set(session.downstreamConnection, session);
  }

  remove(session: Session): void {
    this.#byId.delete(session.id);
    this.#byConnection.delete(session.downstreamConnection);
  }

  get(id: string): Session | undefined {
    return this.#byId.get(id);
  }

  /**
   * A session by the connection id its driver was told, or by the target's own id on `targetId`
   * (an application may have asked `CONNECTION_ID()`).
   */
  byConnection(id: number, targetId: string): Session | undefined {
    const known = this.#byConnection.get(id);
    if (known) return known.target.id === targetId ? known : undefined;
    for (const session of this.#byId.values()) {
      if (session.upstreamConnection === id && session.target.id === targetId) return session;
    }
    return undefined;
  }

  all(): readonly Session[] {
    return [...this.#byId.values()];
  }

  get size(): number {
    return this.#byId.size;
  }
}
