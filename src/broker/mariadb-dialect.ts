// SPDX-License-Identifier: Apache-2.0
import { sqlDialect } from '../compile/sql/dialect.ts';
import { quoteString } from '../compile/sql/quote.ts';
import { FOREIGN_ACCESS } from './foreign-access-query.ts';
import { type LeaseDialect, tooOld } from './lease-dialect.ts';
import { nativePasswordHash } from './password-hash.ts';
import { MARIADB_PROCEDURES, PROCEDURE_SESSION } from './procedures.ts';
import {
  OWNER_PRIVILEGES,
  READER_PROCEDURE,
  REGISTRY_TABLES,
  REGISTRY_UPGRADES,
} from './registry-schema.ts';

/** CONNECTION ADMIN came with 10.5.2; FOR loops and EXECUTE IMMEDIATE are older. */
const OLDEST_MARIADB = [10, 5, 2] as const;

export const MARIADB_LEASES: LeaseDialect = {
  sql: sqlDialect({ type: 'mariadb' }),
  session: PROCEDURE_SESSION,
  tables: [...REGISTRY_TABLES, ...REGISTRY_UPGRADES],
  ownerPrivileges: OWNER_PRIVILEGES,
  procedures: MARIADB_PROCEDURES,
  readerProcedure: READER_PROCEDURE,
  foreignAccess: FOREIGN_ACCESS,
  roleNames: "SELECT User FROM mysql.global_priv WHERE JSON_VALUE(Priv, '$.is_role')",
  passwordHash: async (password) => nativePasswordHash(password),
  sampleHash: `*${'0'.repeat(40)}`,
  login: (hash, require) => `IDENTIFIED BY PASSWORD ${quoteString(hash)} ${require}`,
  unfit: async ({ serverVersion }) => {
    if (!/mariadb/i.test(serverVersion)) return `it is not MariaDB but ${serverVersion}`;
    return tooOld(serverVersion, OLDEST_MARIADB);
  },
};
