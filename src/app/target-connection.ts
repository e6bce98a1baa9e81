// SPDX-License-Identifier: Apache-2.0
import { PosternError } from '../model/errors.ts';
import { Secret } from '../model/secret.ts';
import type { MysqlSystem, Target } from '../policy/policy.ts';
import { type GreetedConnection, openAdminConnection } from '../target/mysql/session.ts';
import { readMaterial } from './material.ts';
import { upstreamTls } from './upstream-tls.ts';

/** Somebody with the rights of root on a target; never kept. */
export interface Administrator {
  readonly user: string;
  readonly password: Secret;
  readonly endpoint:
    | { readonly socketPath: string }
    | { readonly host: string; readonly port: number };
}

const DEADLINE_MS = 15_000;

/** Rejects as `openAdminConnection` does, or with `target-unsupported`. */
export async function connectAsAdministrator(
  target: Target,
  { user, password, endpoint }: Administrator,
): Promise<GreetedConnection> {
  const system = mysqlFamilyOf(target);
  return openAdminConnection({
    targetName: target.id,
    endpoint,
    tls: 'socketPath' in endpoint ? { mode: 'plaintext' } : upstreamTls(system),
    user,
    password,
    deadlineMs: DEADLINE_MS,
    // A GRANT waits for statements that use the table.
    queryDeadlineMs: 4 * DEADLINE_MS,
  });
}

/** Through the declared reader account. Rejects as the one above. */
export async function connectAsReader(
  target: Target,
  loginDeadlineMs = DEADLINE_MS,
): Promise<GreetedConnection> {
  const system = mariadbOf(target);
  if (!system.reader) {
    const hint =
      'Declare mariadb.reader on the Target, then run postern bootstrap; or name an administrator.';
    throw unsupported(target, 'it declares no reader account', hint);
  }
  const endpoint = primaryEndpoint(system);
  if (!endpoint) throw unsupported(target, 'it has no endpoint');
  return openAdminConnection({
    targetName: target.id,
    endpoint,
    tls: upstreamTls(system),
    user: system.reader.user,
    password: new Secret(readMaterial(system.reader.password).trim()),
    deadlineMs: loginDeadlineMs,
    queryDeadlineMs: DEADLINE_MS,
  });
}

/** Where leases can be lent. Throws `target-unsupported` for another system. */
export function mysqlFamilyOf(target: Target): MysqlSystem {
  const { system } = target;
  if (system.type === 'mariadb') return system;
  if (system.type !== 'mysql') {
    throw unsupported(target, 'leases are lent on MariaDB and MySQL only in this build');
  }
  // An account of MySQL sends its password as it is when it logs in for the first time.
  if (system.tls.mode === 'insecurePlaintext') {
    throw unsupported(
      target,
      'accounts of MySQL log in over TLS only: insecurePlaintext cannot be',
    );
  }
  if (system.reader) {
    throw unsupported(target, 'it declares a reader, and a MySQL is not read in this build');
  }
  return system;
}

function mariadbOf(target: Target): MysqlSystem {
  const { system } = target;
  if (system.type === 'mariadb') return system;
  throw unsupported(target, 'who holds what is read on MariaDB only in this build');
}

function primaryEndpoint({ endpoints }: MysqlSystem): MysqlSystem['endpoints'][number] | undefined {
  return endpoints.find(({ role }) => role === 'Primary') ?? endpoints[0];
}

function unsupported(target: Target, problem: string, hint?: string): PosternError {
  const facts = { target: target.id, problem, ...(hint && { hint }) };
  return new PosternError('target-unsupported', facts);
}
