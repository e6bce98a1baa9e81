// SPDX-License-Identifier: Apache-2.0
import type { Finding } from '../../model/finding.ts';
import { adoptionOf } from './adoption.ts';
import type { Difference } from './difference.ts';
import type { Scope } from './managed.ts';
import type { ObservedState } from './observed.ts';
import { ServerState } from './server-state.ts';

/** Differences of one Target's server as findings: with who, which line, and what to declare. */
export function databaseFindings(
  found: readonly Difference[],
  scope: Scope,
  observed: ObservedState,
): readonly Finding[] {
  const state = new ServerState(observed);
  return found.map((difference) => {
    const { code, cause, place, text, rule, by, statements, holder } = difference;
    return {
      layer: 'database',
      where: scope.target.id,
      code,
      subject: place,
      text,
      who: holder === undefined ? [] : [holder],
      rules: [rule ?? scope.target.rule],
      cause,
      by,
      remedy: statements.map((statement) => `${statement};`),
      adoption: adoptionOf(difference, scope, state),
    };
  });
}
