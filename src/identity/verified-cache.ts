// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import type { Principal } from '../model/principal.ts';

/**
 * Longest time a verification is trusted again: a key the provider withdrew must stop working
 * soon, not only when its last token ends.
 */
const KEEP_MS = 10 * 60_000;
const CAPACITY = 10_000;

interface Entry {
  readonly principal: Principal;
  /** What verified it; a changed declaration or bundle is another object. */
  readonly source: object;
  readonly until: number;
}

/**
 * Proofs that were verified, by SHA-256, so that no token stays in memory. Never beyond the end of
 * the proof. Bounded: the least recently used goes first.
 */
export class VerifiedCache {
  readonly #entries = new Map<string, Entry>();
  readonly #capacity: number;

  constructor(capacity = CAPACITY) {
    this.#capacity = capacity;
  }

  get(proof: string, source: object, nowMs: number): Principal | undefined {
    const key = digest(proof);
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    this.#entries.delete(key);
    if (entry.source !== source || nowMs >= entry.until) return undefined;
    this.#entries.set(key, entry);
    return entry.principal;
  }

  put(proof: string, source: object, principal: Principal, nowMs: number, keepMs = KEEP_MS): void {
    const until = Math.min(principal.expiresAt, nowMs + keepMs);
    if (until <= nowMs) return;
    this.#entries.set(digest(proof), { principal, source, until });
    if (this.#entries.size <= this.#capacity) return;
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined) this.#entries.delete(oldest);
  }
}

function digest(proof: string): string {
  return createHash('sha256').update(proof).digest('base64');
}
