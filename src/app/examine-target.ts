// SPDX-License-Identifier: Apache-2.0
import { examineDatabase } from '../broker/examine-database.ts';
import type { Policy, Target } from '../policy/policy.ts';
import { connectAsReader } from './target-connection.ts';

export type DatabaseDifference = Awaited<ReturnType<typeof examineDatabase>>[number];

/** Through the declared reader account. Rejects as the connection and `observe` do. */
export async function examineTarget(
  policy: Policy,
  target: Target,
): Promise<readonly DatabaseDifference[]> {
  const connection = await connectAsReader(target);
  try {
    return await examineDatabase(connection, policy, target);
  } finally {
    await connection.close();
  }
}
