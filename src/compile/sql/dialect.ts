// SPDX-License-Identifier: Apache-2.0
import type { MysqlSystem, TargetSystem } from '../../policy/policy.ts';
import { quoteIdentifier } from './quote.ts';

/** What a server of one family is told in other words than one of another. */
export interface SqlDialect {
  readonly family: MysqlSystem['type'];
  /** For messages. */
  readonly server: 'MariaDB' | 'MySQL';
  /** Characters in the name of an account or role. */
  readonly nameLimit: 128 | 32;
  /** A role that `admin`, quoted already, may pass on. */
  createRole(name: string, admin: string): readonly string[];
  /** An account, quoted already, that nobody can log in as: made, and made so again. */
  locked(account: string): readonly [create: string, alter: string];
  /** Whoever compares a view's text needs a right on it. */
  readonly viewTextNeedsSelect: boolean;
}

/** Well-formed, and no password gives it: a digest whose last character stands for four bits. */
const NO_PASSWORD_SHA2 = `0x${Buffer.from(`$A$005$postern-no-password-${'z'.repeat(43)}`).toString('hex')}`;

const MARIADB: SqlDialect = {
  family: 'mariadb',
  server: 'MariaDB',
  nameLimit: 128,
  createRole: (name, admin) => [
    `CREATE ROLE IF NOT EXISTS ${quoteIdentifier(name)} WITH ADMIN ${admin}`,
  ],
  locked: (account) => locked(account, "VIA mysql_native_password USING 'invalid'"),
  viewTextNeedsSelect: true,
};

const MYSQL: SqlDialect = {
  family: 'mysql',
  server: 'MySQL',
  nameLimit: 32,
  createRole: (name, admin) => [
    `CREATE ROLE IF NOT EXISTS ${quoteIdentifier(name)}`,
    `GRANT ${quoteIdentifier(name)} TO ${admin} WITH ADMIN OPTION`,
  ],
  locked: (account) => locked(account, `WITH caching_sha2_password AS ${NO_PASSWORD_SHA2}`),
  viewTextNeedsSelect: false,
};

function locked(account: string, plugin: string): readonly [string, string] {
  const login = `${account} IDENTIFIED ${plugin} ACCOUNT LOCK`;
  return [`CREATE USER IF NOT EXISTS ${login}`, `ALTER USER ${login}`];
}

export function sqlDialect({ type }: Pick<TargetSystem, 'type'>): SqlDialect {
  return type === 'mysql' ? MYSQL : MARIADB;
}
