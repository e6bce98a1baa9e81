// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import type { AuditRecord } from '../../audit/chain.ts';
import { type KeptSource, PolicyStore } from '../../audit/policy-store.ts';
import { readRecords } from '../../audit/read.ts';
import { type RetiredMark, readRetired } from '../../audit/retire.ts';
import { decisionOf, findStory } from '../../audit/search.ts';
import { type AuditSource, directorySource } from '../../audit/source.ts';
import type { RuleReference } from '../../model/decision.ts';
import { PosternError, problemText } from '../../model/errors.ts';
import { storyText } from '../audit-story.ts';
import { painter, printable, timeText } from '../audit-text.ts';
import type { CommandContext, ExitCode } from '../command.ts';
import { type TodayOptions, type TodaysAnswer, todaysAnswer } from '../todays-answer.ts';

/** A rule longer than this is cut: the file and line say where the rest is. */
const MAX_RULE_LINES = 60;

export interface ExplainRecordOptions extends TodayOptions {
  readonly policy?: readonly string[];
}

/** A rule of then with the text that it had. */
interface RuleOfThen {
  readonly name: string;
  readonly found?: FoundRule;
  /** The line that the record names. */
  readonly line: number;
  /** Why there is no text. */
  readonly missing?: string;
}

/**
 * Explains a recorded decision with the text of its rules from the policy that was in force then,
 * even when they have changed or are gone, and with `--policy` what would be said today. Needs the
 * audit directory (or a copy) and nothing else. Returns 1 for a denial. Throws `usage` when the
 * audit has no such decision.
 */
export async function explainRecord(
  id: string,
  directory: string,
  options: ExplainRecordOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const unreadable = (file: string, line: number) =>
    context.err(`${file}:${line} is not a record; postern audit verify tells more.`);
  const source = directorySource(directory);
  const story = findStory(source, id, { unreadable });
  const decision = story.records.find(({ record }) => record.event !== 'outcome')?.record;
  if (!decision) {
    const removed = removedText(await readRetired(source));
    throw new PosternError('usage', {
      problem: `The audit in ${directory} has no decision ${id}.${removed}`,
    });
  }
  const revision = 'revision' in decision ? decision.revision : undefined;
  const kept = revision === undefined ? undefined : keptRevision(source, directory, revision);
  const rules = rulesOfThen('rules' in decision ? (decision.rules ?? []) : [], kept);
  const today = options.policy && (await todaysAnswer(decision, options, context));
  if (options.json) {
    const records = [...story.records, ...story.session].map(({ record }) => record);
    context.out(
      JSON.stringify({ id, records, rules, policy: kept?.state ?? null, today }, null, 2),
    );
  } else {
    context.out(storyText(story, painter(context.interactive)));
    if (kept && kept.state !== 'kept') context.out(`\n! ${printable(kept.detail)}`);
    for (const rule of rules) context.out(ruleText(rule));
    if (today) context.out(todayText(today));
  }
  return isRefusal(decision) ? 1 : 0;
}

/** A denial, or the end of a session that its principal did not choose. */
function isRefusal(record: AuditRecord): boolean {
  if (record.event === 'session-closed') return record.reason !== 'closed-by-peer';
  return decisionOf(record) === 'deny';
}

function removedText(retired: ReadonlyMap<string, RetiredMark>): string {
  if (retired.size === 0) return '';
  const until =
    [...retired.values()]
      .map(({ time }) => time)
      .sort()
      .at(-1) ?? '';
  return ` Records up to ${timeText(until)} UTC were removed by retention.`;
}

interface KeptRevision {
  readonly state: 'kept' | 'changed' | 'missing';
  readonly detail: string;
  readonly sources: readonly KeptSource[];
}

/** The texts of a revision, and whether they are those that were in force. */
function keptRevision(source: AuditSource, directory: string, revision: string): KeptRevision {
  const file = `policies/${revision}.json`;
  const loaded = policyLoaded(source, revision);
  const since = loaded
    ? `loaded ${timeText(loaded.time)} UTC`
    : 'its load is not on record any more';
  let sources: readonly KeptSource[] | undefined;
  try {
    sources = new PolicyStore(directory).load(revision);
  } catch (thrown) {
    return { state: 'changed', detail: problemText(thrown), sources: [] };
  }
  if (!sources) {
    const detail = `${file} is not kept here: revision ${revision.slice(0, 12)}, ${since}`;
    return { state: 'missing', detail, sources: [] };
  }
  const bytes = Buffer.concat([...source.chunks(file)]);
  if (loaded && createHash('sha256').update(bytes).digest('hex') !== loaded.sources) {
    const detail = `${file} is not the file that was in force (${since}); its text proves nothing`;
    return { state: 'changed', detail, sources };
  }
  return { state: 'kept', detail: since, sources };
}

function policyLoaded(
  source: AuditSource,
  revision: string,
): { readonly time: string; readonly sources: string } | undefined {
  const mayMatch = (line: string) => line.includes('"policy-loaded"') && line.includes(revision);
  for (const { record } of readRecords(source, { mayMatch, unreadable: () => undefined })) {
    if (record.event !== 'gateway' || record.revision !== revision) continue;
    if (record.sources !== undefined) return { time: record.time, sources: record.sources };
  }
  return undefined;
}

/** The rules that decided, each Grant with the DataRole that it gives. */
function rulesOfThen(
  rules: readonly RuleReference[],
  kept: KeptRevision | undefined,
): readonly RuleOfThen[] {
  return rules.flatMap((rule) => {
    const { name, position } = rule;
    const found = kept && findRule(rule, kept.sources);
    if (!found) {
      const missing = kept?.state === 'missing' ? kept.detail : 'not in the policy of that time';
      return [{ name, line: position.line, missing }];
    }
    return [{ name, found, line: position.line }, ...roleOf(rule, found, kept.sources)];
  });
}

function roleOf(
  rule: RuleReference,
  { lines }: FoundRule,
  kept: readonly KeptSource[],
): readonly RuleOfThen[] {
  const [kind, namespace] = rule.name.split('/');
  const role = /(?:^|[\s{,])role:\s*["']?([\w.-]+)/.exec(lines.join('\n'))?.[1];
  if (kind !== 'Grant' || role === undefined) return [];
  const name = `DataRole/${namespace}/${role}`;
  const found = findRule({ name, position: { file: '', line: 0, column: 0 } }, kept);
  if (found) return [{ name, found, line: found.firstLine }];
  return [{ name, line: 0, missing: 'built in' }];
}

function ruleText({ name, found, line, missing }: RuleOfThen): string {
  const title = `\n${printable(name)}`;
  if (!found) return `${title}: ${printable(missing ?? '')}`;
  const { path, firstLine, lines } = found;
  const width = String(firstLine + lines.length).length;
  const shown = lines
    .slice(0, MAX_RULE_LINES)
    .map((text, index) => `  ${String(firstLine + index).padStart(width)} | ${printable(text)}`);
  if (lines.length > MAX_RULE_LINES)
    shown.push(`  and ${lines.length - MAX_RULE_LINES} lines more`);
  return [`${title}, ${printable(path)}:${line}`, ...shown].join('\n');
}

function todayText({ revision, lines, notes }: TodaysAnswer): string {
  const title = `\nToday, by revision ${revision.slice(0, 12)}:`;
  return [title, ...lines, ...notes.map((note) => `! ${note}`)].map(printableLines).join('\n');
}

function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n');
}

interface FoundRule {
  readonly path: string;
  readonly firstLine: number;
  readonly lines: readonly string[];
}

/**
 * The YAML document the position points into. The kept text may be of a revision that differs in
 * comments, so the document must name the rule; else any document that does is taken.
 */
function findRule(rule: RuleReference, kept: readonly KeptSource[]): FoundRule | undefined {
  const documents = kept.flatMap(documentsOf);
  const naming = documents.filter((document) => names(document, rule.name));
  const { file, line } = rule.position;
  const pointed = naming.find(
    ({ path, firstLine, lines }) =>
      path === file && line >= firstLine && line < firstLine + lines.length,
  );
  return pointed ?? naming[0];
}

function documentsOf({ path, text }: KeptSource): FoundRule[] {
  const all = text.split(/\r?\n/);
  const ends = all.flatMap((line, index) => (/^---(\s|$)/.test(line) ? [index] : []));
  let start = 0;
  return [...ends, all.length]
    .map((end) => {
      const document = { path, firstLine: start + 1, lines: all.slice(start, end) };
      start = end + 1;
      return trimmed(document);
    })
    .filter((document) => document.lines.length > 0);
}

function trimmed({ path, firstLine, lines }: FoundRule): FoundRule {
  const start = lines.findIndex((line) => line.trim() !== '');
  const end = lines.findLastIndex((line) => line.trim() !== '') + 1;
  if (start < 0) return { path, firstLine, lines: [] };
  return { path, firstLine: firstLine + start, lines: lines.slice(start, end) };
}

/** `Grant/data-orders/checkout-writes`: its kind and its name stand in the document. */
function names({ lines }: FoundRule, rule: string): boolean {
  const [kind = '', ...rest] = rule.split('/');
  const name = rest.at(-1) ?? '';
  const text = lines.join('\n');
  return wordAfter('kind', kind).test(text) && wordAfter('name', name).test(text);
}

function wordAfter(key: string, value: string): RegExp {
  const literal = value.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`(^|[\\s{,])["']?${key}["']?:\\s*["']?${literal}["']?(\\s|[,}]|$)`, 'm');
}
