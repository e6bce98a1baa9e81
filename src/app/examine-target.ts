// SPDX-License-Identifier: Apache-2.0
import { examineDatabase } from '../broker/examine-database.ts';
import type { Finding } from '../model/finding.ts';
import type { Policy, Target } from '../policy/policy.ts';
import { connectAsReader } from './target-connection.ts';

/**
 * Through the declared reader account; rejects as the connection and `observe` do.
 */
export async function examineTarget(
  policy: Policy,
  target: Target,
  loginDeadlineMs: number,
): Promise<readonly Finding[]> {
  const connection = await connectAsReader(target, loginDeadlineMs);
  try {
    return await examineDatabase(connection, policy, target);
  } finally {
    await connection.close();
  }
}
