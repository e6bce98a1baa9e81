// SPDX-License-Identifier: Apache-2.0
import { PosternError } from '../model/errors.ts';
import type { Target } from '../policy/policy.ts';
import type { LeaseDialect } from './lease-dialect.ts';
import { MARIADB_LEASES } from './mariadb-dialect.ts';
import { MYSQL_LEASES } from './mysql/dialect.ts';

/** How accounts are lent on a Target. Throws `target-unsupported` where none can be. */
export function leaseDialect({ id, system }: Target): LeaseDialect {
  if (system.type === 'mariadb') return MARIADB_LEASES;
  if (system.type === 'mysql') return MYSQL_LEASES;
  const problem = 'leases are lent on MariaDB and MySQL only in this build';
  throw new PosternError('target-unsupported', { target: id, problem });
}
