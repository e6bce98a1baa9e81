// SPDX-License-Identifier: Apache-2.0
import { existsSync, rmdirSync, rmSync } from 'node:fs';
import { problemText } from '../model/errors.ts';
import { firstHeadOf, headFiles } from './head-files.ts';
import {
  type Head,
  type HeadPosition,
  headHash,
  parseHead,
  type RetiredStream,
  type Retirement,
} from './heads.ts';
import { blocks, lines } from './lines.ts';
import { PolicyStore } from './policy-store.ts';
import { firstTime, segmentsOf } from './read.ts';
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
  /** Files of heads. */
  readonly heads: readonly string[];
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
  sign(retirement: Retirement): number;
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
  for (const file of headFiles(source)) {
    for (const { bytes, whole } of blocks(source.chunks(file))) {
      await pause();
      if (!whole || !bytes.includes('"retired":[')) continue;
      for (const line of bytes.toString('utf8').split('\n')) {
        const head = line.includes('"retired":[') ? parseHead(line) : undefined;
        for (const entry of head?.retired ?? []) {
          retired.set(entry.stream, { ...entry, head: head?.head ?? 0 });
        }
      }
    }
  }
  return retired;
}

/** Full files of heads that only speak of records that are gone, and the last head in them. */
function dueHeads(
  source: AuditSource,
  witnessed: number | undefined,
): { readonly files: readonly string[]; readonly last?: HeadPosition } {
  const oldest = oldestRecord(source);
  const files: string[] = [];
  let last: HeadPosition | undefined;
  for (const file of headFiles(source)) {
    const end = firstHeadOf(file) === undefined ? undefined : lastHeadOf(source, file);
    const due = end && end.head.time < oldest && end.head.head <= (witnessed ?? end.head.head);
    if (!end || !due) break;
    files.push(file);
    last = { head: end.head.head, hash: headHash(end.text) };
  }
  return { files, ...(last && { last }) };
}

function lastHeadOf(
  source: AuditSource,
  file: string,
): { readonly head: Head; readonly text: string } | undefined {
  // Longer than any head.
  const start = Math.max(0, source.size(file) - (1 << 20));
  let last: string | undefined;
  for (const { text, whole } of lines(source.chunks(file, start))) if (whole) last = text;
  const head = last === undefined ? undefined : parseHead(last);
  return last !== undefined && head ? { head, text: last } : undefined;
}

/** When the oldest record that is kept was written; before all times when nothing is. */
function oldestRecord(source: AuditSource): string {
  const firsts = source.streams().map((stream) => segmentsOf(source, stream)[0]);
  const times = firsts.map((file) => (file && firstTime(source, file)) ?? '');
  return times.sort()[0] ?? '';
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
  const isThere = (stream: string) => source.streams().includes(stream);
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
  const heads = dueHeads(source, seen?.head);
  let signed = 0;
  if (streams.length > 0 || heads.last) {
    // What the heads that go say of streams that stay is said again.
    const kept = heads.last ? [...retired.values()].filter(({ stream }) => isThere(stream)) : [];
    const again = kept.filter(({ stream }) => !streams.some((entry) => entry.stream === stream));
    const notes = [...again.map(({ head: _, ...entry }) => entry), ...streams];
    signed = desk.sign({ retired: notes, retiredHeads: heads.last });
    for (const entry of notes) retired.set(entry.stream, { ...entry, head: signed });
  }
  const problems = [...plan.problems];
  const told = await desk.witness();
  const removed = removeRetired(directory, source, retired.values(), told?.head, problems);
  const gone = told === undefined || told.head >= signed ? heads.files : [];
  for (const file of gone) rmSync(`${directory}/${file}`);
  const store = new PolicyStore(directory);
  const policies = duePolicies(source, store.all(), retired.values());
  for (const revision of policies) store.remove(revision);
  return { streams, ...removed, heads: gone, policies, problems };
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
    heads: dueHeads(source, undefined).files,
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
