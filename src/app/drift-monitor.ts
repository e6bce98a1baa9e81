// SPDX-License-Identifier: Apache-2.0
import type { DriftView } from '../api/contract.ts';
import type { AuditLog } from '../audit/record.ts';
import type { Clock, Timer } from '../model/clock.ts';
import { problemText, toPosternError } from '../model/errors.ts';
import type { Finding } from '../model/finding.ts';
import type { Log } from '../model/log.ts';
import type { Policy } from '../policy/policy.ts';
import { type DriftPlace, FindingLedger } from './finding-ledger.ts';

/** How one place is looked at under one revision of the declaration. */
export interface Lookout extends DriftPlace {
  /** Ends by itself within its own limits, whatever the other side does. */
  examine(): Promise<readonly Finding[]>;
  /** Calls `changed` when something there may be another thing now; until `stop`. */
  watch?(changed: () => void, stop: AbortSignal): Promise<void>;
}

export interface DriftMonitorOptions {
  /** Between two looks at one place, a fifth more or less; 0: nothing is ever looked at. */
  readonly intervalMs: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly audit: Pick<AuditLog, 'append'>;
  /** 0 up to 1. */
  readonly random: () => number;
  lookouts(policy: Policy): readonly Lookout[];
}

/** After a reload the places of many gateways are not all asked in the same instant. */
const SPREAD_MS = 2_000;
/** Changes come in bunches: an apply, a controller, a person with a list. */
const SETTLE_MS = 500;
/** A place that never settles is looked at all the same. */
const LONGEST_SETTLE_MS = 5_000;
/** What could not be looked at is tried again sooner. */
const RETRY_MS = 30_000;

/**
 * Looks at every place of the declaration in turn, each in its own time: one that hangs delays
 * neither the others nor any session.
 */
export class DriftMonitor {
  readonly #options: DriftMonitorOptions;
  readonly #ledger: FindingLedger;
  readonly #posts = new Map<string, Post>();
  #stopped = false;

  constructor(options: DriftMonitorOptions) {
    this.#options = options;
    this.#ledger = new FindingLedger(options);
  }

  /**
   * Every place of it is looked at soon; what is no longer declared is forgotten. Nothing after
   * `stop`: a reload may end behind it.
   */
  follow(policy: Policy): void {
    if (this.#stopped || this.#options.intervalMs === 0) return;
    const lookouts = this.#options.lookouts(policy);
    const wanted = new Set(lookouts.map(keyOf));
    for (const [key, post] of this.#posts) {
      if (wanted.has(key)) continue;
      post.stop();
      this.#posts.delete(key);
      this.#ledger.forget(post.lookout);
    }
    for (const lookout of lookouts) {
      const post = this.#posts.get(keyOf(lookout));
      if (post) post.use(lookout);
      else this.#posts.set(keyOf(lookout), new Post(lookout, this.#ledger, this.#options));
    }
  }

  views(): readonly DriftView[] {
    return this.#ledger.views();
  }

  stop(): void {
    this.#stopped = true;
    for (const post of this.#posts.values()) post.stop();
    this.#posts.clear();
  }
}

function keyOf({ layer, where }: DriftPlace): string {
  return `${layer} ${where}`;
}

/** One place: never looked at twice at a time. */
class Post {
  lookout: Lookout;
  readonly #ledger: FindingLedger;
  readonly #o: DriftMonitorOptions;
  #timer: Timer;
  #watching = new AbortController();
  #looking = false;
  #again = false;
  /** When the first change came that no look has begun after; monotonic ms. */
  #changedAt: number | undefined;
  #stopped = false;

  constructor(lookout: Lookout, ledger: FindingLedger, options: DriftMonitorOptions) {
    this.lookout = lookout;
    this.#ledger = ledger;
    this.#o = options;
    this.#timer = this.#soon();
    this.#watch();
  }

  /** What is declared is another thing now. */
  use(lookout: Lookout): void {
    this.#watching.abort();
    this.#watching = new AbortController();
    this.lookout = lookout;
    this.#timer.stop();
    this.#timer = this.#soon();
    this.#watch();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer.stop();
    this.#watching.abort();
  }

  #soon(): Timer {
    const { clock, random, intervalMs } = this.#o;
    return clock.after(random() * Math.min(SPREAD_MS, intervalMs / 10), () => void this.#look());
  }

  #watch(): void {
    const { lookout } = this;
    const { signal } = this.#watching;
    const changed = () => {
      if (signal.aborted || this.#stopped) return;
      const { clock } = this.#o;
      this.#changedAt ??= clock.monotonic();
      const leftMs = this.#changedAt + LONGEST_SETTLE_MS - clock.monotonic();
      this.#timer.stop();
      this.#timer = clock.after(Math.max(0, Math.min(SETTLE_MS, leftMs)), () => void this.#look());
    };
    lookout.watch?.(changed, signal).catch((cause: unknown) => {
      const { where } = lookout;
      // The looks at intervals go on.
      this.#o.log.warn('watching for drift ended', { where, problem: problemText(cause) });
    });
  }

  async #look(): Promise<void> {
    if (this.#looking) {
      this.#again = true;
      return;
    }
    this.#looking = true;
    this.#changedAt = undefined;
    const { lookout } = this;
    let failed = false;
    try {
      const findings = await lookout.examine();
      // Under a declaration that is over it says nothing.
      if (this.#isOf(lookout)) this.#ledger.seen(lookout, findings);
    } catch (thrown) {
      failed = true;
      if (this.#isOf(lookout)) this.#ledger.failed(lookout, toPosternError(thrown));
    }
    this.#looking = false;
    if (this.#stopped) return;
    if (this.#again || !this.#isOf(lookout)) {
      this.#again = false;
      this.#timer.stop();
      this.#timer = this.#soon();
      return;
    }
    const { intervalMs, random, clock } = this.#o;
    const meanMs = failed ? Math.min(RETRY_MS, intervalMs) : intervalMs;
    this.#timer.stop();
    this.#timer = clock.after(meanMs * (0.8 + 0.4 * random()), () => void this.#look());
  }

  #isOf(lookout: Lookout): boolean {
    return !this.#stopped && this.lookout === lookout;
  }
}
