// SPDX-License-Identifier: Apache-2.0
import { ACTIONS } from '../model/request.ts';
import type { PowerEntry, Reach, ReachEntry, Source } from './database/question.ts';
import { whyText } from './database-text.ts';
import { type DeclaredRights, reachText } from './declared-rights.ts';

/** Something that a holder can do and the declaration does not give it. */
export interface Excess {
  readonly object: string;
  /** Or a privilege of the server that is none of the declaration's actions. */
  readonly action: string;
  readonly why: string;
  readonly by: Source;
}

/** What of a reach is beyond the rights, what is certain first and reading before the rest. */
export function excessOf(
  reach: Reach,
  rights: DeclaredRights,
  concerns: (one: ReachEntry | PowerEntry) => boolean = () => true,
): readonly Excess[] {
  const beyond = reach.entries
    .filter((entry) => concerns(entry) && rights.standing(entry) === 'beyond')
    .toSorted((a, b) => ACTIONS.indexOf(a.action) - ACTIONS.indexOf(b.action));
  const of = (verdict: ReachEntry['verdict']) =>
    beyond
      .filter((entry) => entry.verdict === verdict)
      .map(({ action, on, columns, reason, by }) => {
        return { object: reachText(on, columns), action, why: whyText(verdict, reason), by };
      });
  const powers = reach.powers.filter(concerns).map(({ privilege, on, by }) => {
    return { object: reachText(on, undefined), action: privilege, why: 'granted', by };
  });
  return [...of('allowed'), ...powers, ...of('unknown')];
}

/** Rights of one holder on one place, come to in one way, are one cause. */
export function causeOf({ right, account, hops }: Source): string {
  const { privilege: _, ...place } = right;
  return JSON.stringify([place, account, hops]);
}
