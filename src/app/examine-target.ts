// SPDX-License-Identifier: Apache-2.0
import { examineDatabase } from '../broker/examine-database.ts';
import { PosternError } from '../model/errors.ts';
import { Secret } from '../model/secret.ts';
import type { Policy, Target } from '../policy/policy.ts';
import { openAdminConnection } from '../target/mysql/session.ts';
import { readMaterial } from './material.ts';
import { upstreamTls } from './upstream-tls.ts';

const READER_DEADLINE_MS = 15_000;

export type DatabaseDifference = Awaited<ReturnType<typeof examineDatabase>>[number];

/** Through the declared reader account. Rejects as the connection and `observe` do. */
export async function examineTarget(
  policy: Policy,
  target: Target,
): Promise<readonly DatabaseDifference[]> {
  const { system } = target;
  const unsupported = (problem: string, hint?: string) =>
    new PosternError('target-unsupported', { target: target.id, problem, ...(hint && { hint }) });
  if (system.type !== 'mariadb') throw unsupported('only MariaDB is examined in this build');
  if (!system.reader) {
    const hint = 'Declare mariadb.reader on the Target, then run postern bootstrap.';
    throw unsupported('it declares no reader account', hint);
  }
  const endpoint = system.endpoints.find(({ role }) => role === 'Primary') ?? system.endpoints[0];
  if (!endpoint) throw unsupported('it has no endpoint');
  const connection = await openAdminConnection({
    targetName: target.id,
    endpoint,
    tls: upstreamTls(system),
    user: system.reader.user,
    password: new Secret(readMaterial(system.reader.password).trim()),
    deadlineMs: READER_DEADLINE_MS,
  });
  try {
    return await examineDatabase(connection, policy, target);
  } finally {
    await connection.close();
  }
}
