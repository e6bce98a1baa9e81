// SPDX-License-Identifier: Apache-2.0
import type { AccessOutlook } from '../app/access-outlook.ts';
import type { DeclarationPlan } from '../app/plan-declaration.ts';
import type { FieldDifference } from '../compile/kube/difference.ts';
import { referenceText } from '../compile/kube/object.ts';
import type { ObjectPlan, ObjectStep, Obstacle } from '../compile/kube/plan.ts';
import { type Difference, isRemoval } from '../compile/sql/difference.ts';
import type { DatabasePlan } from '../compile/sql/plan.ts';
import type { RuleReference } from '../model/decision.ts';
import type { PosternError } from '../model/errors.ts';
import { placeText } from '../policy/explanation.ts';
import { hintLines } from './administrator-options.ts';
import { printable } from './audit-text.ts';
import { diffText } from './diff-text.ts';

const LONGEST_VALUE = 160;
const CONTEXT = 10;
const SIGNS = { create: '+', update: '~', delete: '-' } as const;

/** A plan for a terminal: what happens on each layer, then who gains and who loses what. */
export function planText(plan: DeclarationPlan): string {
  const lines: string[] = [];
  for (const one of plan.clusters) {
    lines.push(`Cluster ${one.of.cluster.name}`);
    if ('problem' in one) lines.push(...problemLines(one.problem));
    else lines.push(...clusterLines(one.found.plan));
  }
  for (const one of plan.databases) {
    lines.push(`Target ${one.of.id}`);
    if ('problem' in one) lines.push(...problemLines(one.problem));
    else lines.push(...databaseLines(one.found.plan));
  }
  return [...lines.map(printable), ...accessLines(plan.access)].join('\n');
}

/** Of an error that kept a layer from being looked at or brought to what is declared. */
export function problemLines(problem: PosternError): readonly string[] {
  return [`  ! ${problem.message}`, ...hintLines(problem).map((line) => `    ${line}`)];
}

function clusterLines({ steps, obstacles }: ObjectPlan): readonly string[] {
  if (steps.length + obstacles.length === 0) return ['  as declared'];
  return [
    ...obstacles.filter(({ severity }) => severity === 'blocks').flatMap(obstacleLines),
    ...steps.flatMap(objectLines),
    ...obstacles.filter(({ severity }) => severity === 'remains').flatMap(obstacleLines),
  ];
}

function obstacleLines({ problem, remedy, rules }: Obstacle): readonly string[] {
  return [`  ! ${problem}${origin(rules)}`, `    ${remedy}`];
}

function objectLines(step: ObjectStep): readonly string[] {
  const line = `  ${SIGNS[step.action]} ${referenceText(step.reference)}${origin(step.rules)}`;
  return step.action === 'update' ? [line, ...step.changes.map(fieldLine)] : [line];
}

function fieldLine({ field, desired, observed, holders }: FieldDifference): string {
  const held = holders.length === 0 ? '' : `, held by ${holders.join(' and ')}`;
  const [before, after] = [observed, desired].map(valueText) as [string, string];
  const from = firstDifference(before, after);
  return `      ${field}: ${excerpt(before, from)} -> ${excerpt(after, from)}${held}`;
}

function valueText(value: unknown): string {
  return value === undefined ? 'none' : JSON.stringify(value);
}

function firstDifference(one: string, other: string): number {
  let at = 0;
  while (at < one.length && one[at] === other[at]) at += 1;
  return at;
}

/** Of a long value the part that differs, with a little of what is before it. */
function excerpt(text: string, from: number): string {
  if (text.length <= LONGEST_VALUE) return text;
  const begin = Math.max(0, Math.min(from - CONTEXT, text.length - LONGEST_VALUE));
  const end = begin + LONGEST_VALUE;
  return `${begin > 0 ? '...' : ''}${text.slice(begin, end)}${end < text.length ? '...' : ''}`;
}

function databaseLines(plan: DatabasePlan): readonly string[] {
  const { steps, blocked, waiting, findings } = plan;
  const lines = [
    ...blocked.flatMap((one) => [differenceLine('!', one), ...remedyLines(one)]),
    ...steps.map((one) => differenceLine(signOf(one), one)),
    ...waiting.map((one) => differenceLine('.', one)),
  ];
  if (lines.length === 0) lines.push('  as declared');
  if (findings.length > 0) {
    lines.push(`  ${counted(findings.length, 'finding')} for a person to judge: postern drift`);
  }
  return lines;
}

function signOf(step: Difference): string {
  if (isRemoval(step)) return '-';
  return step.code.endsWith('-new') ? '+' : '~';
}

function differenceLine(sign: string, { place, text, rule }: Difference): string {
  return `  ${sign} ${place}. ${text}${origin(rule ? [rule] : [])}`;
}

function remedyLines({ by, statements }: Difference): readonly string[] {
  if (by === 'bootstrap') return ['    run postern bootstrap'];
  return statements.map((statement) => `    ${statement};`);
}

function origin(rules: readonly RuleReference[]): string {
  const [first, ...others] = rules;
  if (!first) return '';
  const more = others.length === 0 ? '' : ` and ${others.length} more`;
  return ` (${placeText(first)}${more})`;
}

function accessLines(access: AccessOutlook): readonly string[] {
  const { changes, settings, undecided, unrecorded, repairs } = access;
  if (changes.length + settings.length + undecided.length + repairs.length === 0) return [];
  const notes = [
    ...unrecorded.map((target) => `${target}: nothing was noted there before; all of it is new`),
    ...undecided.map(({ target, why }) => `${target}: undecided, ${why}`),
    ...repairs.flatMap(({ target, dataRole, who, gains, loses, rule }) => [
      `${target}: on the server, holders of ${dataRole}${origin(rule ? [rule] : [])}`,
      ...(gains ? [`  + gain ${gains}`] : []),
      ...(loses ? [`  - lose ${loses}`] : []),
      ...who.map((one) => `    ${one}`),
    ]),
  ];
  const text = diffText({ changes, settings, undecided: [] });
  return ['Access', ...indented([...(text === '' ? [] : text.split('\n')), ...notes])];
}

function indented(lines: readonly string[]): readonly string[] {
  return lines.map((line) => printable(`  ${line}`));
}

export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
