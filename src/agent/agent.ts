// SPDX-License-Identifier: Apache-2.0
import type { Clock, Timer } from '../model/clock.ts';
import { toPosternError } from '../model/errors.ts';
import type { Log } from '../model/log.ts';
import type { CertificateStore, Credentials } from './certificate-store.ts';
import { bundleDelay, isStale, type Life, renewalTime, retryDelay } from './schedule.ts';

/** Whatever the authority gives, it is not asked more often. */
const SHORTEST_PAUSE_MS = 1_000;

export interface AgentParts {
  readonly store: CertificateStore;
  readonly authority: {
    obtain(): Promise<Credentials>;
    bundle(): Promise<string>;
  };
  readonly clock: Clock;
  readonly log: Log;
  /** 0 to 1; spreads renewals. */
  readonly random: () => number;
  /** After the files were replaced. */
  readonly replaced: () => void;
}

export interface AgentHealth {
  /** False when there is no certificate, or renewing it has failed for a quarter of its life. */
  readonly fresh: boolean;
  /** RFC 3339. */
  readonly notAfter?: string;
  /** Attempts that failed in a row. */
  readonly failures: number;
  readonly problem?: string;
}

/** Keeps the files of one workload fresh. `renewIfDue` once, or `start` and later `stop`. */
export class Agent {
  readonly #parts: AgentParts;
  #timer: Timer | undefined;
  #stopped = false;
  #renewAt: number;
  #failures = 0;
  #problem: string | undefined;

  constructor(parts: AgentParts) {
    this.#parts = parts;
    const life = this.#life();
    this.#renewAt = life ? renewalTime(life, parts.random) : Number.NEGATIVE_INFINITY;
  }

  /** False when what is there is good for a while. Rejects as the authority and the store do. */
  async renewIfDue(): Promise<boolean> {
    const { store, authority, clock, log, random, replaced } = this.#parts;
    if (clock.now() < this.#renewAt) return false;
    store.save(await authority.obtain(), clock.now());
    const life = this.#life();
    if (!life) throw new Error('the certificate that was just saved cannot be read');
    this.#renewAt = renewalTime(life, random);
    log.info('a new certificate', {
      directory: store.directory,
      notAfter: timeText(life.notAfter),
      renewAt: timeText(this.#renewAt),
    });
    replaced();
    return true;
  }

  start(): void {
    void this.#turn();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.stop();
  }

  get health(): AgentHealth {
    const life = this.#life();
    return {
      fresh: life !== undefined && !isStale(life, this.#parts.clock.now()),
      ...(life && { notAfter: timeText(life.notAfter) }),
      failures: this.#failures,
      ...(this.#problem !== undefined && { problem: this.#problem }),
    };
  }

  async #turn(): Promise<void> {
    try {
      if (!(await this.renewIfDue())) await this.#followBundle();
      this.#failures = 0;
      this.#problem = undefined;
    } catch (cause) {
      this.#failures += 1;
      this.#problem = toPosternError(cause).message;
      this.#warn(cause);
    }
    if (!this.#stopped)
      this.#timer = this.#parts.clock.after(this.#pause(), () => void this.#turn());
  }

  /** Roots change between renewals: during a rollover new ones must be here before they count. */
  async #followBundle(): Promise<void> {
    const { store, authority, clock, log, replaced } = this.#parts;
    const pair = store.current();
    const bundlePem = await authority.bundle();
    if (!pair || bundlePem === store.bundle()) return;
    store.save({ ...pair, bundlePem }, clock.now());
    log.info('the roots have changed', { directory: store.directory });
    replaced();
  }

  #warn(cause: unknown): void {
    const { fresh, notAfter = 'never' } = this.health;
    const { log } = this.#parts;
    const fields = { problem: this.#problem, failures: this.#failures, goodUntil: notAfter };
    const tell = fresh ? log.warn : log.error;
    tell('renewing failed; the files stay as they are', {
      ...fields,
      ...(toPosternError(cause).code === 'internal' && { cause }),
    });
  }

  #pause(): number {
    const { clock, random } = this.#parts;
    const life = this.#life();
    if (this.#failures > 0) return retryDelay(this.#failures, life, random);
    if (!life) return SHORTEST_PAUSE_MS;
    return Math.max(SHORTEST_PAUSE_MS, Math.min(this.#renewAt - clock.now(), bundleDelay(life)));
  }

  #life(): Life | undefined {
    const leaf = this.#parts.store.current()?.leaf;
    return leaf && { notBefore: Date.parse(leaf.validFrom), notAfter: Date.parse(leaf.validTo) };
  }
}

function timeText(ms: number): string {
  return new Date(ms).toISOString();
}
