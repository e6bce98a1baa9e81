// SPDX-License-Identifier: Apache-2.0
import type { Difference } from '../compile/sql/difference.ts';
import { differences } from '../compile/sql/differences.ts';
import type { Policy, Target } from '../policy/policy.ts';
import type { AdminConnection } from '../target/mysql/connection.ts';
import { databaseScope } from './installation.ts';
import { observe } from './observe.ts';

/**
 * In what a Target's server differs from the declaration. What is found is looked for once more:
 * the registry is written before what it stands for, so a lease that is being lent looks wrong for
 * a moment. Rejects as `observe` does.
 */
export async function examineDatabase(
  connection: AdminConnection,
  policy: Policy,
  target: Target,
): Promise<readonly Difference[]> {
  const scope = databaseScope(policy, target);
  const first = differences(scope, await observe(connection, target.id));
  if (first.length === 0) return first;
  const again = differences(scope, await observe(connection, target.id));
  const seen = new Set(first.map(({ code, place, text }) => `${code} ${place} ${text}`));
  return again.filter(({ code, place, text }) => seen.has(`${code} ${place} ${text}`));
}
