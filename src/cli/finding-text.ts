// SPDX-License-Identifier: Apache-2.0
import type { RuleReference } from '../model/decision.ts';
import type { DeclarationEdit, Finding, RepairBy } from '../model/finding.ts';

const REMEDY: Readonly<Record<RepairBy, string>> = {
  apply: 'heal:',
  operator: 'not ours to change; if it is not meant, an administrator runs:',
  bootstrap: 'heal: run postern bootstrap',
  wait: 'nothing to do but wait',
};
const AHEAD = 'not applied yet: postern apply does:';
const MOST_RULES = 3;

/** One finding for people: what, who, which line, what undoes it, what would make it legal. */
export function findingLines(found: Finding): readonly string[] {
  const { code, subject, text, who, rules, by, cause, remedy } = found;
  const ahead = cause === 'declaration' && by === 'apply';
  return [
    `! ${code}: ${subject}. ${text}`,
    ...(who.length > 0 ? [`  held by:  ${who.join(', ')}`] : []),
    ...(rules.length > 0 ? [`  declared: ${rulesText(rules)}`] : []),
    `  ${ahead ? AHEAD : REMEDY[by]}`,
    ...remedy.map((line) => `    ${line}`),
    ...(cause === 'drift' ? [`  ${adoptionLine(found)}`] : []),
  ];
}

function rulesText(rules: readonly RuleReference[]): string {
  const named = rules
    .slice(0, MOST_RULES)
    .map(({ name, position }) => `${name} (${position.file}:${position.line})`);
  const more = rules.length - named.length;
  return `${named.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function adoptionLine({ adoption }: Finding): string {
  if ('impossible' in adoption) return `never legal: ${adoption.impossible}`;
  return `legal with: ${adoption.edits.map(editText).join('; ')}`;
}

/** `DataRole/data/orders-writer: + delete on shop.orders`. */
export function editText(edit: DeclarationEdit): string {
  const { document } = edit;
  switch (edit.change) {
    case 'append':
      return `${document}: + ${edit.path.join('.')}: ${JSON.stringify(edit.value)}`;
    case 'remove':
      return `without ${document}`;
    default: {
      const sign = edit.change === 'allow' ? '+' : '-';
      const rights = edit.rights.map(({ action, name, column }) =>
        column === undefined ? `${action} on ${name}` : `${action} on ${name} (${column})`,
      );
      return `${document}: ${rights.map((right) => `${sign} ${right}`).join(', ')}`;
    }
  }
}
