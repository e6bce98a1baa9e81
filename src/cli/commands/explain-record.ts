// SPDX-License-Identifier: Apache-2.0
import type { AuditRecord } from '../../audit/chain.ts';
import { type KeptSource, PolicyStore } from '../../audit/policy-store.ts';
import { decisionOf, findStory } from '../../audit/search.ts';
import { directorySource } from '../../audit/source.ts';
import type { RuleReference } from '../../model/decision.ts';
import { PosternError } from '../../model/errors.ts';
import { storyText } from '../audit-story.ts';
import { painter, printable } from '../audit-text.ts';
import type { CommandContext, ExitCode } from '../command.ts';

/** A rule longer than this is cut: the file and line say where the rest is. */
const MAX_RULE_LINES = 60;

/**
 * Explains a recorded decision with the text of its rules from the policy that was in force then,
 * even when they have changed or are gone. Returns 1 for a denial. Throws `usage` when the audit
 * has no such decision.
 */
export async function explainRecord(
  id: string,
  directory: string,
  context: CommandContext,
): Promise<ExitCode> {
  const unreadable = (file: string, line: number) =>
    context.err(`${file}:${line} is not a record; postern audit verify tells more.`);
  const story = findStory(directorySource(directory), id, { unreadable });
  const decision = story.records.find(({ record }) => record.event !== 'outcome')?.record;
  if (!decision) {
    throw new PosternError('usage', {
      problem: `The audit in ${directory} has no decision ${id}.`,
    });
  }
  context.out(storyText(story, painter(context.interactive)));
  const revision = 'revision' in decision ? decision.revision : undefined;
  const kept = revision === undefined ? undefined : new PolicyStore(directory).load(revision);
  const rules = 'rules' in decision ? (decision.rules ?? []) : [];
  for (const rule of rules) context.out(ruleText(rule, kept));
  return isRefusal(decision) ? 1 : 0;
}

/** A denial, or the end of a session that its principal did not choose. */
function isRefusal(record: AuditRecord): boolean {
  if (record.event === 'session-closed') return record.reason !== 'closed-by-peer';
  return decisionOf(record) === 'deny';
}

function ruleText(rule: RuleReference, kept: readonly KeptSource[] | undefined): string {
  const title = `\n${printable(rule.name)}`;
  if (!kept) return `${title}: the policy of that time is not kept here`;
  const found = findRule(rule, kept);
  if (!found) return `${title}: not in the policy of that time`;
  const { path, firstLine, lines } = found;
  const width = String(firstLine + lines.length).length;
  const shown = lines
    .slice(0, MAX_RULE_LINES)
    .map((line, index) => `  ${String(firstLine + index).padStart(width)} | ${printable(line)}`);
  if (lines.length > MAX_RULE_LINES)
    shown.push(`  and ${lines.length - MAX_RULE_LINES} lines more`);
  return [`${title}, ${printable(path)}:${rule.position.line}`, ...shown].join('\n');
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
