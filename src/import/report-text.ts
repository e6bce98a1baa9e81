// SPDX-License-Identifier: Apache-2.0
import type { LedgerEntry } from './ledger.ts';

export interface ImportCounts {
  readonly facts: number;
  readonly carried: number;
  readonly changed: number;
  readonly left: number;
}

export function importCounts(entries: readonly LedgerEntry[]): ImportCounts {
  const count = (outcome: LedgerEntry['outcome']) =>
    entries.filter((one) => one.outcome === outcome).length;
  return {
    facts: entries.length,
    carried: count('carried'),
    changed: count('changed'),
    left: count('left'),
  };
}

/** What was not carried over, and what means something else now; each with its reason. */
export function importReport(entries: readonly LedgerEntry[]): string {
  const { facts, carried, changed, left } = importCounts(entries);
  const head = `${facts} facts read: ${carried} carried over, ${changed} changed, ${left} left.`;
  const parts = [
    ...section('Left: not in the declaration', entries, 'left'),
    ...section('Changed: in the declaration, with another meaning', entries, 'changed'),
    ...section('Carried over', entries, 'carried'),
  ];
  return `${[head, ...parts].join('\n\n')}\n`;
}

function section(
  title: string,
  entries: readonly LedgerEntry[],
  outcome: LedgerEntry['outcome'],
): readonly string[] {
  const groups = new Map<string, { readonly first: LedgerEntry; readonly texts: string[] }>();
  for (const entry of entries.filter((one) => one.outcome === outcome)) {
    const key = JSON.stringify([entry.origin, entry.why ?? '', entry.into]);
    const known = groups.get(key);
    if (known) known.texts.push(entry.text);
    else groups.set(key, { first: entry, texts: [entry.text] });
  }
  if (groups.size === 0) return [];
  const lines = [...groups.values()].flatMap(({ first: { origin, why, into }, texts }) => [
    `- ${printable(origin)}: ${printable(texts.join('; '))}${into.length > 0 ? ` -> ${into.join(', ')}` : ''}`,
    ...(why === undefined ? [] : [`    ${printable(why)}`]),
  ]);
  return [[`${title}:`, ...lines].join('\n')];
}

/** Names of accounts and files are anybody's: they must not steer a terminal. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?');
}
