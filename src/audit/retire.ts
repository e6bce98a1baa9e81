// SPDX-License-Identifier: Apache-2.0
import { existsSync, rmdirSync, rmSync } from 'node:fs';
import { problemText } from '../model/errors.ts';
import { HEADS_FILE, parseHead, type RetiredStream } from './heads.ts';
import { blocks } from './lines.ts';
import { PolicyStore } from './policy-store.ts';
import { segmentsOf } from './read.ts';
import {
  duePolicies,
  planRetirement,
  type RetentionRules,
  type RetirementFacts,
} from './retirement.ts';
import { firstSeqOf } from './segment.ts';
import { type AuditSource, directorySource } from './source.ts';

/** What one run removed, or (dry) would remove. */
export interface RetirementReport {
  readonly streams: readonly RetiredStream[];
  readonly segments: readonly string[];
  readonly bytes: number;
  readonly policies: readonly string[];
  /** Why something that is due stays. */
  readonly problems: readonly string[];
}

export interface RetiredMark extends RetiredStream {
  /** The head that says so. */
  readonly head: number;
}

/** What the process that holds the key does for a run. */
export interface RetirementDesk {
  readonly now: () => number;
  readonly live: () => ReadonlySet<string>;
  /** Durable when it returns. */
  sign(retired: readonly RetiredStream[]): number;
  /** How far the witness has seen; undefined without one. Rejects when it cannot be reached. */
  witness(): Promise<{ readonly head: number; readonly time: string } | undefined>;
}

export function pause(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** What the heads of a directory have retired so far. */
export async function readRetired(source: AuditSource): Promise<Map<string, RetiredMark>> {
  const retired = new Map<string, RetiredMark>();
  if (!source.exists(HEADS_FILE)) return retired;
  for (const { bytes, whole } of blocks(source.chunks(HEADS_FILE))) {
    await pause();
    if (!whole || !bytes.includes('"retired":[')) continue;
    for (const line of bytes.toString('utf8').split('\n')) {
      const head = line.includes('"retired":[') ? parseHead(line) : undefined;
      for (const entry of head?.retired ?? []) {
        retired.set(entry.stream, { ...entry, head: head?.head ?? 0 });
      }
    }
  }
  return retired;
}

/**
 * One run: finds what is due, signs that it is retired, waits until the witness has that too, and
 * only then deletes. What a crash leaves undone the next run finishes.
 */
export async function retire(
  directory: string,
  rules: RetentionRules,
  desk: RetirementDesk,
): Promise<RetirementReport> {
  const source = directorySource(directory);
  const retired = await readRetired(source);
  const seen = await desk.witness();
  const facts: RetirementFacts = {
    now: desk.now(),
    live: desk.live(),
    retired,
    pause,
    ...(seen && { witnessedUntil: seen.time }),
  };
  const plan = await planRetirement(source, rules, facts);
  const streams = plan.streams.map((stream) => stream.retired);
  if (streams.length > 0) {
    const head = desk.sign(streams);
    for (const entry of streams) retired.set(entry.stream, { ...entry, head });
  }
  const problems = [...plan.problems];
  const told = await desk.witness();
  const removed = removeRetired(directory, source, retired.values(), told?.head, problems);
  const store = new PolicyStore(directory);
  const policies = duePolicies(source, store.all(), retired.values());
  for (const revision of policies) store.remove(revision);
  return { streams, ...removed, policies, problems };
}

/** The same without a change; `at` is what the key's holder would go by. */
export async function planRun(
  directory: string,
  rules: RetentionRules,
  at: Pick<RetirementFacts, 'now' | 'witnessedUntil' | 'live'>,
): Promise<RetirementReport> {
  const source = directorySource(directory);
  const retired = await readRetired(source);
  const { streams, problems } = await planRetirement(source, rules, { ...at, retired, pause });
  return {
    streams: streams.map((stream) => stream.retired),
    segments: streams.flatMap(({ segments }) => segments),
    bytes: streams.reduce((sum, { bytes }) => sum + bytes, 0),
    policies: duePolicies(source, new PolicyStore(directory).all(), retired.values()),
    problems,
  };
}

function removeRetired(
  directory: string,
  source: AuditSource,
  retired: Iterable<RetiredMark>,
  witnessedHead: number | undefined,
  problems: string[],
): { segments: string[]; bytes: number } {
  const segments: string[] = [];
  let bytes = 0;
  const present = new Set(source.streams());
  for (const { stream, seq, head } of retired) {
    if (!present.has(stream)) continue;
    if (witnessedHead !== undefined && witnessedHead < head) {
      problems.push(`${stream}: the witness has not seen head ${head}, which retires it`);
      continue;
    }
    try {
      for (const file of segmentsOf(source, stream).filter((one) => firstSeqOf(one) <= seq)) {
        const size = source.size(file);
        rmSync(`${directory}/${file}`);
        segments.push(file);
        bytes += size;
      }
      const path = `${directory}/${stream}`;
      if (existsSync(path) && source.files(stream).length === 0) rmdirSync(path);
    } catch (cause) {
      problems.push(`${stream}: ${problemText(cause)}`);
    }
  }
  return { segments, bytes };
}
