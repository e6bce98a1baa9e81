// SPDX-License-Identifier: Apache-2.0
import type { AuditRecord } from '../audit/chain.ts';
import type { RepeatedRefusal } from '../audit/record.ts';
import type { Story } from '../audit/search.ts';
import { decisionOf } from '../audit/search.ts';
import { decisionText, outcomeText, type Paint, printable, timeText } from './audit-text.ts';

/** A decision with everything recorded about it, one fact per line. */
export function storyText(story: Story, paint: Paint): string {
  const lines: string[] = [];
  const outcome = story.records.find(({ record }) => record.event === 'outcome')?.record;
  for (const { record } of story.records) {
    if (record.event !== 'outcome') lines.push(...recordLines(record, outcome, paint));
  }
  for (const { record } of story.session) lines.push(...sessionLines(record));
  return lines.join('\n');
}

function recordLines(
  record: AuditRecord,
  outcome: AuditRecord | undefined,
  paint: Paint,
): readonly string[] {
  const decision = decisionOf(record) ?? record.event;
  const reason = 'reason' in record && record.reason !== undefined ? `  ${record.reason}` : '';
  const id = 'id' in record ? `  ${record.id}` : '';
  const title = `${decisionText(decision, paint)}${printable(`${reason}${id}`)}`;
  const facts = [fact('at', `${timeText(record.time)} UTC`), ...factsOf(record)];
  if (record.event === 'intent' && record.decision !== 'deny') {
    const known = outcome?.event === 'outcome' ? outcome : 'unknown';
    facts.push(fact('outcome', known === 'unknown' ? known : outcomeText(known)));
  }
  if ('revision' in record && record.revision) facts.push(fact('policy', record.revision));
  if ('rules' in record) {
    for (const { name, position } of record.rules ?? []) {
      facts.push(fact('rule', `${name}  ${position.file}:${position.line}`));
    }
  }
  return [title, ...facts];
}

function factsOf(record: AuditRecord): string[] {
  switch (record.event) {
    case 'intent':
      return [
        fact('principal', `${record.principal} (${record.method}, ${record.verifiedBy})`),
        fact('target', record.target),
        fact('from', record.source),
        ...optional('statement', record.statement ?? '(text not recorded)'),
        ...optional('bytes', record.statementBytes),
        ...optional('hash', record.statementHash),
        ...optional('parameters', record.parametersHash),
        fact('needs', record.needs.join(', ') || '-'),
        ...optional('schema', record.schema),
        ...optional('trace', record.traceparent),
        ...optional('target id', record.upstreamConnection),
        ...optional('detail', record.detail),
      ];
    case 'login-denied':
      return [
        ...optional('principal', record.principal),
        ...optional('claimed', record.claimed && `${record.claimed} (not verified)`),
        ...optional('target', record.target),
        fact('from', record.source),
        ...(record.repeated ? [fact('repeated', repeatedText(record.repeated))] : []),
        fact('detail', record.detail),
      ];
    case 'administration':
      return [
        fact('principal', record.principal),
        fact('action', record.action),
        fact('detail', record.detail),
      ];
    case 'certificate':
      return [
        fact('principal', `${record.principal} (${record.method}, ${record.verifiedBy})`),
        fact('from', record.source),
        ...optional('name', record.spiffeId),
        ...optional('serial', record.serial),
        ...optional('until', record.notAfter),
        ...optional('key', record.publicKeyHash),
        ...optional('detail', record.detail === '' ? undefined : record.detail),
      ];
    default:
      return 'detail' in record ? [fact('detail', record.detail)] : [];
  }
}

function repeatedText({ count, since, until }: RepeatedRefusal): string {
  return `${count} times between ${timeText(since)} and ${timeText(until)} UTC`;
}

function sessionLines(record: AuditRecord): readonly string[] {
  const at = `${timeText(record.time)} UTC`;
  if (record.event === 'session-opened') {
    const by = `${record.principal} by ${record.method} from ${record.source}`;
    const lease = record.lease === undefined ? '' : `, lease ${record.lease}`;
    return [fact('session', `${record.session} opened ${at}, ${by}${lease}`)];
  }
  if (record.event === 'session-closed') {
    return [fact('', `${record.session} closed ${at}, ${record.reason ?? 'ended'}`)];
  }
  return [];
}

function fact(name: string, value: string): string {
  return `  ${name.padEnd(10)} ${printable(value)}`;
}

function optional(name: string, value: string | number | undefined): string[] {
  return value === undefined ? [] : [fact(name, String(value))];
}
