// SPDX-License-Identifier: Apache-2.0
import type { AuditRecord } from '../audit/chain.ts';
import { systemClock } from '../model/clock.ts';
import { PosternError } from '../model/errors.ts';
import { type Access, DecisionEngine, type RequestQuestion } from '../policy/decide.ts';
import { type Explanation, explain } from '../policy/explanation.ts';
import {
  type AskingOptions,
  askedPolicy,
  type PrincipalOptions,
  principalNamed,
} from './asking.ts';
import type { CommandContext } from './command.ts';
import { explanationLines } from './explanation-text.ts';
import { parseNeed, readAsked } from './question-text.ts';

export type TodayOptions = AskingOptions & Partial<PrincipalOptions>;

/** What a declaration of now says about a decision of then. */
export interface TodaysAnswer {
  readonly revision: string;
  readonly explanation?: Explanation;
  readonly lines: readonly string[];
  /** What the record does not say, so that the answer may be another one. */
  readonly notes: readonly string[];
}

/** Asks the declaration that the options name; throws `policy-invalid`. */
export async function todaysAnswer(
  record: AuditRecord,
  options: TodayOptions,
  context: CommandContext,
): Promise<TodaysAnswer> {
  const policy = await askedPolicy(options, context);
  const { revision } = policy;
  const unknown = (line: string) => ({ revision, lines: [line], notes: [] });
  const { principal: id, target: targetId, source } = whoAndWhat(record);
  if (id === undefined || targetId === undefined) {
    return unknown('The record names no verified principal or no target, so nothing can be asked.');
  }
  const target = policy.targets.get(targetId);
  if (!target) return unknown(`DENY  ${id}: there is no Target ${targetId} any more.`);
  const notes: string[] = [];
  if (!options.group && !options.claim && /^(user|agent)\//.test(id)) {
    notes.push(
      'groups and claims of then are not recorded; give those of now with --group, --claim',
    );
  }
  try {
    const principal = principalNamed({ ...options, as: id }, policy);
    const now = systemClock.now();
    const access = new DecisionEngine(policy).access(principal, target.id, now) as Access;
    const { question, note } = questionOf(record, access);
    if (note) notes.push(note);
    const sourceIp = source?.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
    const explanation = explain(access, question, { now, ...(sourceIp && { sourceIp }) });
    const text = record.event === 'intent' ? record.needs.join(', ') || record.kind : undefined;
    return {
      revision,
      explanation,
      lines: [...explanationLines(explanation, access, text)],
      notes,
    };
  } catch (thrown) {
    if (!(thrown instanceof PosternError) || thrown.code !== 'usage') throw thrown;
    return unknown(thrown.message);
  }
}

function whoAndWhat(record: AuditRecord): {
  readonly principal?: string | undefined;
  readonly target?: string | undefined;
  readonly source?: string | undefined;
} {
  return {
    principal: 'principal' in record ? record.principal : undefined,
    target: 'target' in record ? record.target : undefined,
    source: 'source' in record ? record.source : undefined,
  };
}

/** The statement itself where it was recorded, else the rights it needed. */
function questionOf(
  record: AuditRecord,
  { target }: Access,
): { readonly question: RequestQuestion | undefined; readonly note?: string } {
  if (record.event !== 'intent') return { question: undefined };
  const whole = record.statementCutFrom === undefined && record.statementEncoding === undefined;
  if (target.audit.statements === 'Text' && record.statement !== undefined && whole) {
    const asked = readAsked(record.statement, target, record.schema);
    if (asked.type === 'statement' || asked.type === 'right') return { question: asked.question };
  }
  const needs = record.needs.flatMap((need) => parseNeed(need) ?? []);
  const features = {
    hasWhere: true,
    localInfile: false,
    multiStatement: false,
    mayHoldCredentials: false,
  };
  const note = 'only the rights it needed are asked; guardrails would need the statement';
  return { question: { kind: record.kind as RequestQuestion['kind'], needs, features }, note };
}
