// SPDX-License-Identifier: Apache-2.0
import type { Surroundings } from './condition.ts';
import { type IpAddress, ipText, parseIpRange, rangeEdges } from './ip-range.ts';
import type { Condition } from './policy.ts';
import { nextEdge, offsetChanges, type TimeCondition } from './time-window.ts';

/** A little over a week: within it every edge of every weekly window is met. */
const WEEK_MS = 8 * 86_400_000;
/** Zones move against each other at most over one year before it all repeats. */
const HORIZON_MS = 366 * 86_400_000;
/** The lowest addresses of both families, which no edge stands before. */
const LOWEST: readonly IpAddress[] = [
  [0, 0, 0, 0, 0, 0xffff, 0, 0],
  [0, 0, 0, 0, 0, 0, 0, 0],
];

/**
 * One instant and source address for each way in which these conditions and ends can hold from
 * `nowMs` on: whatever is decided for all of them is decided always.
 */
export function surroundingsAtoms(
  conditions: readonly Condition[],
  expiries: readonly number[],
  nowMs: number,
): readonly Surroundings[] {
  const windows = conditions.filter((one): one is TimeCondition => one.key === 'time');
  const sources = sourceAtoms(conditions);
  return timeAtoms(windows, expiries, nowMs).flatMap((now) =>
    sources.map((sourceIp) => (sourceIp === undefined ? { now } : { now, sourceIp })),
  );
}

/**
 * Between two ends or changes of offset the windows repeat every week, and what they answer
 * changes at their edges only: the edges of the first week of each stretch are all there is.
 */
function timeAtoms(
  windows: readonly TimeCondition[],
  expiries: readonly number[],
  nowMs: number,
): readonly number[] {
  const zones = new Set(windows.map(({ zone }) => zone));
  // One zone alone moves all windows together.
  const moves =
    zones.size < 2
      ? []
      : [...zones].flatMap((zone) => offsetChanges(zone, nowMs, nowMs + HORIZON_MS));
  const later = [...expiries, ...moves].filter((at) => at > nowMs);
  const starts = [...new Set([nowMs, ...later])].sort((a, b) => a - b);
  const atoms = new Set(starts);
  for (const [index, start] of starts.entries()) {
    const end = Math.min(start + WEEK_MS, starts[index + 1] ?? Number.POSITIVE_INFINITY);
    for (const window of windows) {
      for (let at = nextEdge(window, start); at < end; at = nextEdge(window, at)) atoms.add(at);
    }
  }
  return [...atoms].sort((a, b) => a - b);
}

/** Unknown, the lowest addresses, and every edge of a range. */
function sourceAtoms(conditions: readonly Condition[]): readonly (string | undefined)[] {
  const cidrs = conditions.flatMap((one) => (one.key === 'source.ip' ? one.cidrs : []));
  if (cidrs.length === 0) return [undefined];
  const edges = cidrs.flatMap((cidr) => {
    const range = parseIpRange(cidr);
    return range ? rangeEdges(range) : [];
  });
  return [undefined, ...new Set([...LOWEST, ...edges].map(ipText))];
}
