// SPDX-License-Identifier: Apache-2.0
import type { Condition } from './policy.ts';

export type TimeCondition = Extract<Condition, { key: 'time' }>;

const MINUTE_MS = 60_000;
const DAY_MINUTES = 1_440;

/** Minutes a zone remembers its offset for; decisions ask for one, analyses for thousands. */
const MINUTES_KEPT = 4_096;

/**
 * Offset of a zone's local time from UTC. Asking `Intl` costs microseconds, so answers are kept by
 * the minute: zones change their offset on whole minutes.
 */
class ZoneOffset {
  readonly #format: Intl.DateTimeFormat;
  readonly #kept = new Map<number, number>();

  constructor(zone: string) {
    this.#format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      calendar: 'gregory',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
    });
  }

  /** `minute` counts from the epoch, in UTC. */
  at(minute: number): number {
    let offset = this.#kept.get(minute);
    if (offset === undefined) {
      if (this.#kept.size >= MINUTES_KEPT) this.#kept.clear();
      offset = this.#ask(minute);
      this.#kept.set(minute, offset);
    }
    return offset;
  }

  #ask(minute: number): number {
    const parts = new Map(
      this.#format.formatToParts(minute * MINUTE_MS).map(({ type, value }) => [type, value]),
    );
    const part = (type: Intl.DateTimeFormatPartTypes) => Number(parts.get(type));
    const local = Date.UTC(
      part('year'),
      part('month') - 1,
      part('day'),
      part('hour'),
      part('minute'),
    );
    return local / MINUTE_MS - minute;
  }
}

const zones = new Map<string, ZoneOffset>();

/** Throws RangeError for a zone that `Intl` does not know; `check` refuses those. */
function zoneOffset(zone: string): ZoneOffset {
  let offset = zones.get(zone);
  if (!offset) {
    offset = new ZoneOffset(zone);
    zones.set(zone, offset);
  }
  return offset;
}

/**
 * Whether the local time of `now` (ms since the epoch) lies in the window. The clock on the wall
 * decides: an hour that daylight saving skips is in no window, one that it repeats is in twice.
 */
export function inWindow(window: TimeCondition, now: number): boolean {
  const { fromMinute, toMinute, days } = window;
  const utc = Math.floor(now / MINUTE_MS);
  const local = utc + zoneOffset(window.zone).at(utc);
  const day = Math.floor(local / DAY_MINUTES);
  const minute = local - day * DAY_MINUTES;
  if (fromMinute <= toMinute) {
    return minute >= fromMinute && minute < toMinute && onDay(days, day);
  }
  if (minute >= fromMinute) return onDay(days, day);
  return minute < toMinute && onDay(days, day - 1);
}

/** `day` counts from 1970-01-01, a Thursday. */
function onDay(days: ReadonlySet<number> | undefined, day: number): boolean {
  return days === undefined || days.has((((day + 4) % 7) + 7) % 7);
}

/**
 * The next instant after `now` (ms) at which the window may open or close: its next edge on the
 * wall clock, or a change of the zone's offset when that comes first. Never later than the change.
 */
export function nextEdge(window: TimeCondition, now: number): number {
  const zone = zoneOffset(window.zone);
  const utc = Math.floor(now / MINUTE_MS);
  const offset = zone.at(utc);
  const minuteOfDay = (((utc + offset) % DAY_MINUTES) + DAY_MINUTES) % DAY_MINUTES;
  const wait = Math.min(
    minutesUntil(window.fromMinute, minuteOfDay),
    minutesUntil(window.toMinute, minuteOfDay),
  );
  const edge = utc + wait;
  return (zone.at(edge) === offset ? edge : offsetChange(zone, utc, edge)) * MINUTE_MS;
}

function minutesUntil(edge: number, minuteOfDay: number): number {
  const wait = (edge - minuteOfDay) % DAY_MINUTES;
  return wait > 0 ? wait : wait + DAY_MINUTES;
}

/** The first minute whose offset differs; one lies in (`from`, `to`]. */
function offsetChange(zone: ZoneOffset, from: number, to: number): number {
  const before = zone.at(from);
  let same = from;
  let changed = to;
  while (changed - same > 1) {
    const middle = Math.floor((same + changed) / 2);
    if (zone.at(middle) === before) same = middle;
    else changed = middle;
  }
  return changed;
}

const DAY_MS = DAY_MINUTES * MINUTE_MS;

/** When the zone's offset changes between two instants (ms), looked for day by day. */
export function offsetChanges(zoneName: string, fromMs: number, toMs: number): readonly number[] {
  const zone = zoneOffset(zoneName);
  const changes: number[] = [];
  for (let at = fromMs; at < toMs; at += DAY_MS) {
    const [from, to] = [at, Math.min(at + DAY_MS, toMs)].map((ms) => Math.floor(ms / MINUTE_MS));
    if (from === undefined || to === undefined || zone.at(from) === zone.at(to)) continue;
    changes.push(offsetChange(zone, from, to) * MINUTE_MS);
  }
  return changes;
}
