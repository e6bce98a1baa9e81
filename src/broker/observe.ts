// SPDX-License-Identifier: Apache-2.0
import type { ObservedState } from '../compile/sql/observed.ts';
import { readObserved } from '../compile/sql/read-observed.ts';
import { PosternError } from '../model/errors.ts';
import type { AdminConnection } from '../target/mysql/connection.ts';

/** No such routine, or none that this account may call. */
const NOT_INSTALLED_ERRNOS = new Set([1044, 1142, 1305, 1370]);

/**
 * Who holds what on the target, through the one procedure that the reader account may call.
 * Rejects with `target-unsupported`, `target-error` or as the connection does.
 */
export async function observe(connection: AdminConnection, target: string): Promise<ObservedState> {
  try {
    const { rows } = await connection.query('CALL postern.observe()');
    return readObserved(rows, target);
  } catch (error) {
    if (!(error instanceof PosternError) || error.code !== 'target-error') throw error;
    if (!NOT_INSTALLED_ERRNOS.has(Number(error.facts['errno']))) throw error;
    const problem = 'its registry is missing, older, or not open to this account';
    const hint = 'Run postern bootstrap with this build.';
    throw new PosternError('target-unsupported', { target, problem, hint }, error);
  }
}
