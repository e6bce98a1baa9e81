// SPDX-License-Identifier: Apache-2.0
import { sqlDialect } from '../../compile/sql/dialect.ts';
import { grantStatements, type Right } from '../../compile/sql/right.ts';
import type { AdminConnection } from '../../target/mysql/connection.ts';
import { type LeaseDialect, tooOld } from '../lease-dialect.ts';
import {
  everywhere,
  OWNER_ACCOUNT,
  onTable,
  REGISTRY_RIGHTS,
  REGISTRY_TABLES,
  readColumns,
} from '../registry-schema.ts';
import { FOREIGN_ACCESS, GLOBAL_PRIVILEGES } from './foreign-access-query.ts';
import { cachingSha2Hash } from './password-hash.ts';
import { MYSQL_PROCEDURES } from './procedures.ts';

/** Hashes are given in hex from 8.0.17 on. */
const OLDEST_MYSQL = [8, 0, 17] as const;

/**
 * The least with which the procedures work (test/integration/mysql-family-takeover.test.ts takes
 * each away). It does not hold SYSTEM_USER: accounts that do, such as root, it cannot touch.
 */
const OWNER_RIGHTS: readonly Right[] = [
  ...everywhere('CREATE USER', 'CONNECTION_ADMIN'),
  // Whether an account of that name exists, and what leases hold beyond their roles.
  ...readColumns('user', 'Host', 'User', ...GLOBAL_PRIVILEGES.map(([column]) => column)),
  ...['global_grants', 'db', 'tables_priv', 'columns_priv', 'procs_priv', 'role_edges'].flatMap(
    (name) => onTable('mysql', name, 'SELECT'),
  ),
  ...onTable('performance_schema', 'threads', 'SELECT'),
  // Definer views are bootstrap's affair alone.
  ...REGISTRY_RIGHTS.filter(({ object }) => object !== 'view'),
];

export const MYSQL_LEASES: LeaseDialect = {
  sql: sqlDialect({ type: 'mysql' }),
  session:
    "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_BACKSLASH_ESCAPES', NAMES utf8mb4 COLLATE utf8mb4_bin",
  tables: REGISTRY_TABLES,
  ownerPrivileges: grantStatements(OWNER_RIGHTS, OWNER_ACCOUNT),
  procedures: MYSQL_PROCEDURES,
  readerProcedure: undefined,
  foreignAccess: FOREIGN_ACCESS,
  roleNames: "SELECT User FROM mysql.user WHERE User LIKE 'pr\\_%'",
  passwordHash: cachingSha2Hash,
  sampleHash: `24412430303524${'0'.repeat(126)}`,
  login: (hash, require) =>
    `IDENTIFIED WITH caching_sha2_password AS 0x${hash} ${require} PASSWORD EXPIRE NEVER`,
  unfit,
};

/** What would make leases weaker, or useless, on a server that is otherwise good. */
async function unfit(admin: AdminConnection): Promise<string | undefined> {
  const { serverVersion } = admin;
  if (/mariadb/i.test(serverVersion)) return `it is not MySQL but ${serverVersion}`;
  const age = tooOld(serverVersion, OLDEST_MYSQL);
  if (age !== undefined) return age;
  const { rows } = await admin.query('SELECT @@partial_revokes, @@performance_schema');
  const [partialRevokes, performanceSchema] = rows[0] ?? [];
  if (partialRevokes !== '0') {
    return 'partial_revokes is ON: then a schema in GRANT is no pattern, and what was granted means something else';
  }
  if (performanceSchema !== '1') {
    return 'performance_schema is OFF: the connections of a lease could not be found to end them';
  }
  return undefined;
}
