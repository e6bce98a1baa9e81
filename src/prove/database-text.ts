// SPDX-License-Identifier: Apache-2.0
import { holderText } from '../compile/sql/difference.ts';
import { rightsText } from '../compile/sql/right.ts';
import type { DatabaseVerdict, Source } from './database/question.ts';

/** How the holder comes to it and by which row: what a finding is about. */
export function sourceText({ right, account, hops }: Source): string {
  const ways = hops.flatMap((hop) => {
    switch (hop.kind) {
      case 'definer-view':
      case 'invoker-view':
        return [`view ${hop.schema}.${hop.name}`];
      case 'definer-routine':
        return [`routine ${hop.schema}.${hop.name}`];
      case 'proxy':
        return [`proxy of ${holderText(hop.user, hop.host)}`];
      case 'power':
        return [hop.privilege];
      case 'handler':
        return ['HANDLER'];
      default:
        return [];
    }
  });
  const name = account.user === '' ? `''@${account.host}` : holderText(account.user, account.host);
  const through = ways.length === 0 ? '' : ` through ${ways.join(', ')}`;
  return `${rightsText([right])} of ${name}${through}`;
}

export function whyText(verdict: DatabaseVerdict['verdict'], reason: string | undefined): string {
  return verdict === 'allowed' ? 'granted' : `${verdict}${reason ? ` (${reason})` : ''}`;
}
