// SPDX-License-Identifier: Apache-2.0
import type { Value } from '../../compile/istio/artifact.ts';
import { type Diagnostic, DiagnosticList } from '../../policy/diagnostic.ts';
import { suggestion } from '../../policy/nearest.ts';
import { parseSource, type Source } from '../../policy/parse.ts';
import { plainValue, type TreeNode } from '../../policy/source-tree.ts';
import type { Holder } from './holders.ts';

/** Whose an account is, as a person wrote it down. */
export type AccountUse =
  | { readonly use: 'subjects'; readonly subjects: readonly Value[] }
  /** It stays, beside Postern. */
  | { readonly use: 'operator' }
  /** It will go. */
  | { readonly use: 'retire' };

/** By `user@host`, or `user` for all hosts. */
export type AccountMap = ReadonlyMap<string, AccountUse>;

export const EMPTY_MAP: AccountMap = new Map();

export function useOf({ user, host }: Holder, map: AccountMap): AccountUse | undefined {
  return map.get(`${user}@${host}`) ?? map.get(user);
}

/** The text of a map -> its entries, or what is wrong with it. `known` is every `user@host`. */
export function readAccountMap(
  source: Source,
  known: readonly string[],
): { readonly map: AccountMap; readonly faults: readonly Diagnostic[] } {
  const found = new DiagnosticList();
  const map = new Map<string, AccountUse>();
  for (const { root } of parseSource(source, found)) {
    const accounts = root.type === 'map' ? root.entries.get('accounts')?.node : undefined;
    if (accounts?.type !== 'map') {
      const facts = { where: 'the map', key: 'accounts' };
      found.add('key-missing', root.place, facts);
      continue;
    }
    const names = new Set([...known, ...known.map((name) => name.slice(0, name.lastIndexOf('@')))]);
    for (const [name, { keyPlace, node }] of accounts.entries) {
      if (!names.has(name)) {
        const remedy = suggestion(name, known, 'There is none.');
        found.add('reference-unknown', keyPlace, { kind: 'account', name, suggestion: remedy });
        continue;
      }
      const use = readUse(node);
      if (use) map.set(name, use);
      else if (node.type !== 'scalar' || node.value !== null) {
        found.add('value-type', node.place, {
          where: name,
          expected: 'a list of subjects, "operator" or "retire"',
          found: node.type,
          suggestion: 'Write [{serviceAccount: cluster/namespace/name}], for example.',
        });
      }
    }
  }
  return { map, faults: found.sorted() };
}

/** Subjects are checked with the declaration they end up in. */
function readUse(node: TreeNode): AccountUse | undefined {
  if (node.type === 'list') {
    return node.items.length > 0
      ? { use: 'subjects', subjects: node.items.map((item) => plainValue(item) as Value) }
      : undefined;
  }
  if (node.type !== 'scalar') return undefined;
  return node.value === 'operator' || node.value === 'retire' ? { use: node.value } : undefined;
}

/** A map to fill in: every account with what it holds beside it. */
export function accountMapSkeleton(
  accounts: readonly { readonly name: string; readonly holds: string; readonly use?: string }[],
): string {
  const head = `# Whose each account is: postern import mariadb --map THIS FILE.
#   a list of subjects, as in a Grant:  [{serviceAccount: prod/payments/checkout}]
#                                       [{group: {provider: entra, id: ...}}, {team: payments}]
#   operator   it stays beside Postern (backup, replication, administration)
#   retire     it will go
# An account that is left empty gets no Grant and stays in the report.
accounts:
`;
  const lines = accounts.map(({ name, holds, use }) => {
    const note = holds.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?');
    return `  # ${note}\n  ${JSON.stringify(name)}:${use === undefined ? '' : ` ${use}`}\n`;
  });
  return head + lines.join('');
}
