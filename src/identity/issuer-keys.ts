// SPDX-License-Identifier: Apache-2.0
import { createLocalJWKSet, errors, type JSONWebKeySet, type JWK } from 'jose';
import type { Clock } from '../model/clock.ts';
import { problemText } from '../model/errors.ts';
import type { Log } from '../model/log.ts';
import { type IdentityRefusal, quote, refusal } from './result.ts';
import type { UnverifiedToken } from './unverified-token.ts';

/** Older keys are not used without asking again, so that a withdrawn key is noticed. */
export const KEYS_REFRESH_MS = 60 * 60_000;
/** From here on the fetch happens beside the traffic, and nobody waits for it. */
export const KEYS_REFRESH_AHEAD_MS = 50 * 60_000;
/** The last good set serves for so long while the provider cannot be reached. */
export const KEYS_KEEP_MS = 24 * 60 * 60_000;
/** Between two fetches, whatever asks for them: unknown key ids cost an attacker nothing. */
export const KEYS_COOL_DOWN_MS = 30_000;
/** The same while there is no key at all, so that a provider that comes back is noticed. */
export const KEYS_RETRY_MS = 5_000;

export type VerificationKey = Awaited<ReturnType<ReturnType<typeof createLocalJWKSet>>>;

export type FoundKeys =
  | { readonly ok: true; readonly keys: readonly VerificationKey[] }
  | IdentityRefusal;

export interface IssuerKeysOptions {
  /** For messages: `IdentityProvider entra`. */
  readonly owner: string;
  /** Gets the key set from where the declaration says. */
  readonly load: () => Promise<JSONWebKeySet>;
  readonly clock: Clock;
  readonly log: Log;
}

interface KeySet {
  readonly find: ReturnType<typeof createLocalJWKSet>;
  readonly loadedAt: number;
}

/**
 * The verification keys of one issuer. Fetched when first needed, again after an hour, and once
 * for an unknown key id; many callers share one fetch, and a cool-down bounds their number.
 */
export class IssuerKeys {
  readonly #options: IssuerKeysOptions;
  #current: KeySet | undefined;
  #problem = 'its keys were not fetched yet';
  #attemptedAt = Number.NEGATIVE_INFINITY;
  #loading: Promise<void> | undefined;

  constructor(options: IssuerKeysOptions) {
    this.#options = options;
  }

  /** Keys that may have signed this token; more than one only when the token names no key. */
  async find(token: UnverifiedToken): Promise<FoundKeys> {
    await this.#keepFresh();
    const usable = this.#usable();
    const known = usable ? await matching(usable, token) : [];
    if (known.length > 0) return { ok: true, keys: known };

    await this.#load();
    const fresh = this.#usable();
    if (!fresh) return this.#unavailable();
    const found = await matching(fresh, token);
    if (found.length > 0) return { ok: true, keys: found };
    if (this.#problem !== '') return this.#unavailable();
    const { keyId, algorithm } = token;
    const { owner } = this.#options;
    return refusal(
      'token-key-unknown',
      keyId === undefined
        ? `the token names no key (kid) and ${owner} has no key for ${algorithm}`
        : `${owner} has no key with kid ${quote(keyId)} for ${algorithm}`,
    );
  }

  async #keepFresh(): Promise<void> {
    const set = this.#usable();
    if (!set) return;
    // Waiting for a provider that is down would only delay what the old keys can do.
    const worthWaiting = this.#problem === '';
    if (this.#age(set) > KEYS_REFRESH_MS && worthWaiting) await this.#load();
    else if (this.#age(set) > KEYS_REFRESH_AHEAD_MS) void this.#load();
  }

  #usable(): KeySet | undefined {
    return this.#current && this.#age(this.#current) <= KEYS_KEEP_MS ? this.#current : undefined;
  }

  #age(set: KeySet): number {
    return this.#options.clock.monotonic() - set.loadedAt;
  }

  #unavailable(): IdentityRefusal {
    const { owner } = this.#options;
    return refusal(
      'provider-unavailable',
      `the keys of ${owner} are not to be had: ${this.#problem}`,
    );
  }

  /** Never rejects: the outcome is in `#current` and `#problem`. */
  #load(): Promise<void> {
    if (this.#loading) return this.#loading;
    const { clock, log, owner, load } = this.#options;
    const pauseMs = this.#usable() ? KEYS_COOL_DOWN_MS : KEYS_RETRY_MS;
    if (clock.monotonic() - this.#attemptedAt < pauseMs) return Promise.resolve();
    this.#attemptedAt = clock.monotonic();
    this.#loading = load()
      .then((keys) => {
        this.#current = { find: createLocalJWKSet(keys), loadedAt: clock.monotonic() };
        this.#problem = '';
        log.debug('keys of an issuer were fetched', { owner, keys: keys.keys.length });
      })
      .catch((thrown: unknown) => {
        this.#problem = problemText(thrown);
        log.warn('keys of an issuer cannot be fetched', { owner, problem: this.#problem });
      })
      .finally(() => {
        this.#loading = undefined;
      });
    return this.#loading;
  }
}

/** Keys of the right type, use, algorithm and id; one that cannot be imported does not count. */
async function matching(set: KeySet, token: UnverifiedToken): Promise<readonly VerificationKey[]> {
  const header = { alg: token.algorithm, ...(token.keyId !== undefined && { kid: token.keyId }) };
  try {
    return [await set.find(header)];
  } catch (thrown) {
    if (!(thrown instanceof errors.JWKSMultipleMatchingKeys)) return [];
    const keys: VerificationKey[] = [];
    for await (const key of thrown) keys.push(key);
    return keys;
  }
}

/** Checks the shape of a key set and keeps what `accepts` lets through. Throws a plain Error. */
export function readKeySet(document: unknown, accepts: (key: JWK) => boolean): JSONWebKeySet {
  const keys = (document as { keys?: unknown } | null)?.keys;
  if (!Array.isArray(keys)) throw new Error('the key set has no list "keys"');
  const usable = keys.filter((key: unknown): key is JWK => {
    return typeof key === 'object' && key !== null && accepts(key as JWK);
  });
  if (usable.length === 0) throw new Error('the key set has no usable key');
  return { keys: usable };
}
