// SPDX-License-Identifier: Apache-2.0
import { differences } from '../compile/sql/differences.ts';
import { databaseFindings } from '../compile/sql/finding.ts';
import { type Finding, findingKey } from '../model/finding.ts';
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
): Promise<readonly Finding[]> {
  const scope = databaseScope(policy, target);
  const look = async () => {
    const observed = await observe(connection, target.id);
    return databaseFindings(differences(scope, observed), scope, observed);
  };
  const first = await look();
  if (first.length === 0) return first;
  const seen = new Set(first.map(findingKey));
  return (await look()).filter((one) => seen.has(findingKey(one)));
}
