// SPDX-License-Identifier: Apache-2.0
import { CHAIN_START, type ChainPosition } from './chain.ts';
import type { RetiredStream } from './heads.ts';
import type { KeptPolicy } from './policy-store.ts';
import { firstTime, segmentsOf } from './read.ts';
import { firstSeqOf } from './segment.ts';
import { type LoadedPolicy, type SegmentScan, scanSegment } from './segment-scan.ts';
import type { AuditSource } from './source.ts';
import { lastOfFile } from './tail.ts';

/** How long records are kept, in milliseconds. */
export interface RetentionRules {
  /** By Target id. */
  readonly targets: Readonly<Record<string, number>>;
  /** Records that speak of no Target, or of one that is not declared. */
  readonly otherMs: number;
}

export interface RetirementFacts {
  readonly now: number;
  /** RFC 3339: records from then on are not witnessed; absent without a witness. */
  readonly witnessedUntil?: string;
  /** Streams that are still written: their last segment stays. */
  readonly live: ReadonlySet<string>;
  /** What earlier heads retired, by stream. */
  readonly retired: ReadonlyMap<string, RetiredStream>;
  /** Gives others a turn; a segment takes seconds. */
  readonly pause: () => Promise<void>;
}

/** What is due of one stream, oldest first. */
export interface StreamRetirement {
  readonly retired: RetiredStream;
  readonly segments: readonly string[];
  readonly bytes: number;
}

export interface RetirementPlan {
  readonly streams: readonly StreamRetirement[];
  /** Why something old stays, one sentence each. */
  readonly problems: readonly string[];
}

/** Bounds one run and the head it is signed in; the rest is left for the next. */
const MAX_STREAMS = 50;
const MAX_SEGMENTS = 50;
/** So long after a reload a record may still be about the revision before it. */
const REVISION_GRACE_MS = 7 * 86_400_000;

/**
 * The segments whose retention is over: the longest one of any Target that their records speak of.
 * Of a stream the oldest go first, so that what is kept is still one chain. What does not verify is
 * never removed.
 */
export async function planRetirement(
  source: AuditSource,
  rules: RetentionRules,
  facts: RetirementFacts,
): Promise<RetirementPlan> {
  const streams: StreamRetirement[] = [];
  const problems: string[] = [];
  let room = MAX_SEGMENTS;
  for (const stream of source.streams()) {
    if (streams.length >= MAX_STREAMS || room <= 0) break;
    const found = await planStream(source, stream, rules, facts, room);
    if (typeof found === 'string') problems.push(found);
    else if (found) {
      streams.push(found);
      room -= found.segments.length;
    }
  }
  return { streams, problems };
}

async function planStream(
  source: AuditSource,
  stream: string,
  rules: RetentionRules,
  facts: RetirementFacts,
  room: number,
): Promise<StreamRetirement | string | undefined> {
  const before = facts.retired.get(stream);
  const all = segmentsOf(source, stream);
  const left = all.filter((file) => firstSeqOf(file) > (before?.seq ?? 0));
  const mayGo = facts.live.has(stream) ? left.slice(0, -1) : left;
  const policies = new PoliciesInForce(before);
  let end: ChainPosition = before ?? CHAIN_START;
  let time = before?.time ?? '';
  let retention = 0;
  let bytes = 0;
  const segments: string[] = [];
  for (const file of mayGo.slice(0, room)) {
    if (!mayBeOver(source, file, rules, facts)) break;
    const scan = await scanSegment(source, file, end, facts.pause);
    if (!scan) {
      if (segments.length > 0) break;
      return `${file} does not verify and stays; postern audit verify tells more`;
    }
    const keptMs = longestRetention(scan, rules);
    // Without a record it has just been made, or its process crashed right then.
    if (scan.time === '') break;
    if (!isOver(scan.time, keptMs, facts)) break;
    segments.push(file);
    bytes += source.size(file);
    retention = Math.max(retention, keptMs);
    end = scan.end;
    if (scan.time > time) time = scan.time;
    for (const policy of scan.loaded) policies.load(policy);
  }
  if (segments.length === 0) return undefined;
  const whole = segments.length === left.length;
  const kept = whole ? [] : policies.since(time);
  const retired = { stream, ...end, time, retention, policies: kept };
  return { retired, segments, bytes };
}

/** A look at the end of the file only; most segments are far from due. */
function mayBeOver(
  source: AuditSource,
  file: string,
  rules: RetentionRules,
  facts: RetirementFacts,
): boolean {
  const last = lastOfFile(source, file, 1).found[0]?.record.time;
  const shortest = Math.min(rules.otherMs, ...Object.values(rules.targets));
  return last === undefined || isOver(last, shortest, facts);
}

function isOver(time: string, keptMs: number, facts: RetirementFacts): boolean {
  const witnessed = facts.witnessedUntil === undefined || time < facts.witnessedUntil;
  return witnessed && !(Date.parse(time) + keptMs > facts.now);
}

function longestRetention({ targets }: SegmentScan, { targets: rules, otherMs }: RetentionRules) {
  if (targets.size === 0) return otherMs;
  return Math.max(...[...targets].map((target) => rules[target] ?? otherMs));
}

/** Which revisions the records after a place in the stream may still be about. */
class PoliciesInForce {
  /** In the order of loading; each until the next one. */
  readonly #loaded: LoadedPolicy[];

  constructor(before: RetiredStream | undefined) {
    this.#loaded = (before?.policies ?? []).map((kept) => ({ ...kept, time: before?.time ?? '' }));
  }

  load(policy: LoadedPolicy): void {
    this.#loaded.push(policy);
  }

  since(time: string): RetiredStream['policies'] {
    const from = new Date(Date.parse(time) - REVISION_GRACE_MS).toISOString();
    const kept = this.#loaded.filter((_, index) => {
      const next = this.#loaded[index + 1];
      return next === undefined || next.time > from;
    });
    return [
      ...new Map(kept.map(({ revision, sources }) => [revision, { revision, sources }])).values(),
    ];
  }
}

/**
 * Kept revisions that no kept record can be about: another one was loaded after it, and all that
 * is kept is younger than that by far.
 */
export function duePolicies(
  source: AuditSource,
  policies: readonly KeptPolicy[],
  retired: Iterable<RetiredStream>,
): readonly string[] {
  const streams = source.streams();
  const oldest = streams
    .map((stream) => segmentsOf(source, stream)[0])
    .map((file) => file && Date.parse(firstTime(source, file) ?? ''))
    .reduce<number>((least, time) => Math.min(least, time || Number.NEGATIVE_INFINITY), Infinity);
  const named = new Set(
    [...retired]
      .filter(({ stream }) => streams.includes(stream))
      .flatMap((entry) => entry.policies.map(({ revision }) => revision)),
  );
  const before = oldest - REVISION_GRACE_MS;
  if (!Number.isFinite(before)) return [];
  return policies
    .filter(({ revision, loadedAt }) => {
      const replaced = policies.some(
        (other) => other.loadedAt > loadedAt && other.loadedAt <= before,
      );
      return replaced && !named.has(revision);
    })
    .map(({ revision }) => revision);
}
