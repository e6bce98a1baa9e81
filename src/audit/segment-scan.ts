// SPDX-License-Identifier: Apache-2.0
import { hash as digest } from 'node:crypto';
import { type ChainPosition, HASH_SUFFIX_LENGTH, linePrefix } from './chain.ts';
import { lines } from './lines.ts';
import { parseLine } from './read.ts';
import type { AuditSource } from './source.ts';

/** What one segment holds, read because it may be due to go. */
export interface SegmentScan {
  readonly end: ChainPosition;
  /** The newest time of its records, which is not always that of the last. */
  readonly time: string;
  /** Every Target that a record speaks of. */
  readonly targets: ReadonlySet<string>;
  readonly loaded: readonly LoadedPolicy[];
}

export interface LoadedPolicy {
  readonly revision: string;
  readonly sources: string;
  readonly time: string;
}

/** Administration is access to the built-in Target, whatever its record names. */
const ADMINISTRATION_TARGET = 'postern-system/postern';
/** After so many lines others get their turn. */
const LINES_PER_TURN = 2_000;

/**
 * Reads a segment that follows `start` and checks its chain; undefined when that does not hold:
 * what does not verify is evidence and not to be removed.
 */
export async function scanSegment(
  source: AuditSource,
  file: string,
  start: ChainPosition,
  pause: () => Promise<void>,
): Promise<SegmentScan | undefined> {
  const prefix = linePrefix(file.slice(0, file.indexOf('/')));
  const targets = new Set<string>();
  const loaded: LoadedPolicy[] = [];
  let end = start;
  let time = '';
  for (const { text, number, whole } of lines(source.chunks(file))) {
    // A crash may cut the last line of a stream short.
    if (!whole) break;
    const body = text.slice(0, -HASH_SUFFIX_LENGTH);
    const record = text.startsWith(prefix) ? parseLine(text) : undefined;
    const follows = record?.seq === end.seq + 1 && record.prev === end.hash;
    if (!record || !follows || digest('sha256', body, 'hex') !== record.hash) return undefined;
    end = { seq: record.seq, hash: record.hash };
    if (record.time > time) time = record.time;
    if (record.event === 'administration') targets.add(ADMINISTRATION_TARGET);
    else if ('target' in record && record.target !== undefined) targets.add(record.target);
    if (record.event === 'gateway' && record.what === 'policy-loaded') {
      const { revision, sources } = record;
      if (revision && sources) loaded.push({ revision, sources, time: record.time });
    }
    if (number % LINES_PER_TURN === 0) await pause();
  }
  return { end, time, targets, loaded };
}
