// SPDX-License-Identifier: Apache-2.0
import type { Principal } from '../model/principal.ts';
import type { AccessChange, PolicyDiff, Witness } from '../policy/compare.ts';
import { needText, placeText } from '../policy/explanation.ts';
import type { SettingChange } from '../policy/setting-changes.ts';
import { printable } from './audit-text.ts';

/** For a terminal: a paragraph per change, by target. */
export function diffText(diff: PolicyDiff): string {
  const lines: string[] = [];
  let target = '';
  for (const change of diff.changes) {
    if (change.target !== target) lines.push(change.target);
    target = change.target;
    lines.push(...changeLines(change));
  }
  if (diff.settings.length > 0) lines.push('Other changes');
  for (const setting of diff.settings) lines.push(`  ${settingText(setting)}`);
  for (const one of diff.undecided) lines.push(`${one}: undecided, too many combinations`);
  return lines.map(printable).join('\n');
}

function changeLines(change: AccessChange): readonly string[] {
  const sign = change.direction === 'gains' ? '+' : '-';
  const [first = '', ...others] = change.subjects;
  return [
    `  ${sign} ${change.direction}  ${first}`,
    ...others.map((subject) => `           ${subject}`),
    ...change.rights.map((right) => `           ${right}${partText(change)}`),
    `           ${reasonText(change)}`,
    `           e.g. ${witnessText(change.witness)}`,
  ];
}

function partText({ direction, inPart }: AccessChange): string {
  if (!inPart) return '';
  return direction === 'gains' ? ', in more situations than before' : ', in some situations';
}

/** Which rules gave or took it. */
function reasonText({ direction, grants, deny, when }: AccessChange): string {
  const by = grants.map((rule) => `${rule.name} ${placeText(rule)}`).join(', ');
  const condition = when === '' ? '' : `, only when ${when}`;
  if (!deny) return `${direction === 'gains' ? 'by' : 'until now by'} ${by}${condition}`;
  const rule = `${deny.name} ${placeText(deny)}`;
  if (direction === 'loses') return `denied by ${rule}, until now given by ${by}${condition}`;
  return `no longer denied by ${rule}, given by ${by}${condition}`;
}

function witnessText({ principal, surroundings, need, before, after }: Witness): string {
  const { now, sourceIp } = surroundings;
  const asked = need ? needText(need) : 'connect';
  const from = sourceIp === undefined ? '' : ` from ${sourceIp}`;
  const decided = [before, after].map((one) => (one.effect === 'deny' ? one.reason : 'allowed'));
  const at = new Date(now).toISOString();
  return `${principalText(principal)} at ${at}${from}, ${asked}: ${decided.join(' -> ')}`;
}

export function principalText(principal: Principal): string {
  const details: string[] = [];
  if (principal.kind === 'user') {
    for (const group of principal.groups.ids) details.push(`group ${group}`);
  }
  if (principal.kind === 'user' || principal.kind === 'agent') {
    for (const role of principal.appRoles) details.push(`app role ${role}`);
  }
  for (const [name, value] of Object.entries(principal.claims)) {
    details.push(`claim ${name}=${[value].flat().join(',')}`);
  }
  const { onBehalfOf } = principal;
  const person = onBehalfOf ? ` for ${principalText(onBehalfOf)}` : '';
  return `${principal.id}${details.length > 0 ? ` (${details.join(', ')})` : ''}${person}`;
}

function settingText({ rule, field, before, after }: SettingChange): string {
  const place = `${rule.name} ${placeText(rule)}`;
  if (field === undefined) return `${place}: ${after === undefined ? 'removed' : 'added'}`;
  return `${place}: ${field} ${before} -> ${after}`;
}

/** For a pull request: one table, gains first. */
export function diffMarkdown(diff: PolicyDiff): string {
  const { changes, settings, undecided } = diff;
  if (changes.length + settings.length + undecided.length === 0) {
    return 'No change of access.';
  }
  const count = (direction: AccessChange['direction']) =>
    changes.filter((change) => change.direction === direction).length;
  const lines = [
    `### Access changes: ${count('gains')} gained, ${count('loses')} lost`,
    '',
    '| | Who | Target | Rights | Why | Witness |',
    '|---|---|---|---|---|---|',
    ...changes.map(markdownRow),
  ];
  if (changes.length === 0) lines.splice(0, lines.length, 'No change of rights.');
  if (settings.length > 0) {
    lines.push('', '**Other changes**', '');
    for (const setting of settings) lines.push(`- ${cell(settingText(setting))}`);
  }
  if (undecided.length > 0) {
    lines.push('', '**Undecided** (too many combinations; look at these by hand)', '');
    for (const target of undecided) lines.push(`- ${cell(target)}`);
  }
  return lines.join('\n');
}

function markdownRow(change: AccessChange): string {
  const cells = [
    change.direction === 'gains' ? 'gains' : 'loses',
    change.subjects.map(cell).join('<br>'),
    cell(change.target),
    change.rights.map((right) => cell(`${right}${partText(change)}`)).join('<br>'),
    cell(reasonText(change)),
    cell(witnessText(change.witness)),
  ];
  return `| ${cells.join(' | ')} |`;
}

/** Text of a declaration may come from a stranger: nothing in it may become markup. */
function cell(text: string): string {
  return printable(text)
    .replace(/[\\`*_[\]|~]/g, (sign) => `\\${sign}`)
    .replace(/[&<>@#]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
