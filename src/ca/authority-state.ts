// SPDX-License-Identifier: Apache-2.0
import { MAX_LIFE_MS } from './signing-order.ts';

/** A root and the intermediate below it that signs or will sign. Times are RFC 3339. */
export interface Generation {
  readonly root: number;
  readonly intermediate: number;
  /** When the root came into the bundle. */
  readonly publishedAt: string;
  /** When its intermediate began to sign; absent: not yet. */
  readonly activatedAt?: string;
}

/**
 * What `authority.json` says. One generation, or two during a rollover: the next root is in the
 * bundle already (published), later it signs (activated), at last the old one is dropped.
 */
export interface AuthorityState {
  readonly version: 1;
  readonly trustDomain: string;
  /** DNS names and addresses in the server certificate of the authority itself. */
  readonly serverNames: readonly string[];
  /** Oldest first. */
  readonly generations: readonly Generation[];
  /** The last number given to an intermediate. */
  readonly intermediates: number;
}

/** Peers read a new bundle within a minute; this leaves time for copies made by hand. */
export const SETTLE_MS = 10 * 60_000;

/** The generation that signs: the newest that was activated. */
export function signing(state: AuthorityState): Generation {
  const active = state.generations.filter(({ activatedAt }) => activatedAt !== undefined);
  const found = active.at(-1);
  if (!found) throw new Error('no root is active');
  return found;
}

/** The generation that is published and does not sign yet. */
export function waiting(state: AuthorityState): Generation | undefined {
  return state.generations.find(({ activatedAt }) => activatedAt === undefined);
}

/** The generation that signed before the present one and still is in the bundle. */
export function retiring(state: AuthorityState): Generation | undefined {
  const now = signing(state);
  return state.generations.find(({ root }) => root < now.root);
}

export type Step = 'publish' | 'activate' | 'finish';

/** A step of a rollover: nothing left to do, too early (until when), or to be done now. */
export type StepVerdict =
  | { readonly is: 'done' }
  | { readonly is: 'out-of-order'; readonly first: Step }
  | { readonly is: 'early'; readonly until: number }
  | { readonly is: 'due' };

export function verdictOn(step: Step, state: AuthorityState, nowMs: number): StepVerdict {
  const next = waiting(state);
  const old = retiring(state);
  if (step === 'publish') {
    if (next) return { is: 'done' };
    return old ? { is: 'out-of-order', first: 'finish' } : { is: 'due' };
  }
  if (step === 'activate') {
    if (!next) return old ? { is: 'done' } : { is: 'out-of-order', first: 'publish' };
    return dueFrom(Date.parse(next.publishedAt) + SETTLE_MS, nowMs);
  }
  if (next) return { is: 'out-of-order', first: 'activate' };
  if (!old) return { is: 'done' };
  // Until then certificates may live that the old root vouches for.
  return dueFrom(Date.parse(signing(state).activatedAt ?? '') + MAX_LIFE_MS, nowMs);
}

function dueFrom(until: number, nowMs: number): StepVerdict {
  return nowMs >= until ? { is: 'due' } : { is: 'early', until };
}
