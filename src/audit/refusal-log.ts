// SPDX-License-Identifier: Apache-2.0
import { isIPv6 } from 'node:net';
import type { Clock, Timer } from '../model/clock.ts';
import type { DenialReason } from '../model/decision.ts';
import type { AuditLog, LoginEvent } from './record.ts';

/** Refusals are counted over windows of this length. */
const WINDOW_MS = 60_000;
/** So many of one source and reason have a record each; the next ones of the window share one. */
const SINGLE_PER_SOURCE = 30;
/** So many of all strangers together have a record each. */
const SINGLE_IN_ALL = 300;
/** Sources told apart in one window; what comes from others is counted together. */
const MAX_SOURCES = 256;
const ELSEWHERE = 'elsewhere';

interface Tally {
  single: number;
  /** The record that the refusals beyond the limit share; it is written when the window ends. */
  shared?: { readonly event: LoginEvent; count: number; since: number; until: number };
}

/**
 * Records of peers that were refused before anybody knew who they are. Whoever reaches the port can
 * cause them, so a flood shares a record per source network and reason, and a window's records are
 * bounded: `SINGLE_IN_ALL`, one per source and reason, and one per reason for the rest. What was
 * counted when the process is killed is lost with it.
 */
export class RefusalLog {
  readonly #audit: AuditLog;
  readonly #clock: Clock;
  readonly #newId: () => string;
  #tallies = new Map<string, Tally>();
  #single = 0;
  #timer: Timer | undefined;

  constructor(audit: AuditLog, clock: Clock, newId: () => string) {
    this.#audit = audit;
    this.#clock = clock;
    this.#newId = newId;
  }

  /** Returns the id under which the audit has (or will have) it; the peer is told that one. */
  refused(facts: Omit<LoginEvent, 'event' | 'id' | 'repeated' | 'principal'>): string {
    this.#timer ??= this.#clock.after(WINDOW_MS, () => this.flush());
    const tally = this.#tally(facts.source, facts.reason);
    if (tally.single < SINGLE_PER_SOURCE && this.#single < SINGLE_IN_ALL) {
      tally.single += 1;
      this.#single += 1;
      const id = this.#newId();
      this.#audit.append({ event: 'login-denied', id, ...facts });
      return id;
    }
    const now = this.#clock.now();
    tally.shared ??= {
      event: { event: 'login-denied', id: this.#newId(), ...facts },
      count: 0,
      since: now,
      until: now,
    };
    tally.shared.count += 1;
    tally.shared.until = now;
    return tally.shared.event.id;
  }

  /** Writes what is counted; also at the end of the process. */
  flush(): void {
    this.#timer?.stop();
    this.#timer = undefined;
    for (const [key, { shared }] of this.#tallies) {
      if (!shared) continue;
      const { event, count, since, until } = shared;
      this.#audit.append({
        ...event,
        source: key.slice(0, key.indexOf(' ')),
        repeated: { count, since: timeText(since), until: timeText(until) },
      });
    }
    this.#tallies = new Map();
    this.#single = 0;
  }

  #tally(source: string, reason: DenialReason): Tally {
    const own = `${sourceNetwork(source)} ${reason}`;
    const room = this.#tallies.has(own) || this.#tallies.size < MAX_SOURCES;
    const key = room ? own : `${ELSEWHERE} ${reason}`;
    const known = this.#tallies.get(key);
    if (known) return known;
    const tally: Tally = { single: 0 };
    this.#tallies.set(key, tally);
    return tally;
  }
}

/** The /24 or /64 of `ip:port` or `[ip]:port`: what one outsider can be expected to own. */
export function sourceNetwork(source: string): string {
  const address = source.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
  const v4 = /^(\d+\.\d+\.\d+)\.\d+$/.exec(mapped)?.[1];
  if (v4 !== undefined) return `${v4}.0/24`;
  if (!isIPv6(address)) return address.replace(/\s/g, '').slice(0, 64) || 'unknown';
  const [head = '', tail] = (address.split('%')[0] ?? '').split('::');
  const front = head === '' ? [] : head.split(':');
  const back = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = Array.from({ length: Math.max(0, 8 - front.length - back.length) }, () => '0');
  const groups = [...front, ...(tail === undefined ? [] : zeros), ...back].slice(0, 4);
  return `${groups.map((group) => Number.parseInt(group, 16).toString(16)).join(':')}::/64`;
}

function timeText(ms: number): string {
  return new Date(ms).toISOString();
}
