// SPDX-License-Identifier: Apache-2.0
import { ROLE_ADMIN } from '../compile/sql/role-name.ts';

/** Locked, without a password, owner of the procedures; holds only `OWNER_PRIVILEGES`. */
export const OWNER_ACCOUNT = ROLE_ADMIN;
/** Raised whenever tables or procedures change; a gateway refuses another version's registry. */
export const REGISTRY_VERSION = '2';

/** What the broker may call, and all it may do on the target. */
export const BROKER_PROCEDURES = ['lend', 'revoke', 'sweep'] as const;
/** Called by those three only. */
const INNER_PROCEDURES = ['check_instance', 'end_lease', 'make_composite'] as const;
/** What the reader account may call, and all it may do on the target. */
export const READER_PROCEDURE = 'observe';
export const ALL_PROCEDURES = [
  ...BROKER_PROCEDURES,
  ...INNER_PROCEDURES,
  READER_PROCEDURE,
] as const;

/**
 * ascii_bin throughout: names compare byte by byte, and nothing beyond ASCII can be stored. InnoDB
 * by name: another default engine must not cost the registry its transactions.
 */
const TABLE_OPTIONS = 'ENGINE=InnoDB DEFAULT CHARSET=ascii COLLATE=ascii_bin';

/** SHA2 of what `lend` gave the account; in the charset in which `observe` compares. */
const MARKS = ['password_mark', 'binding_mark'].map(
  (name) => `${name} CHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`,
);

export const REGISTRY_TABLES: readonly string[] = [
  `CREATE DATABASE IF NOT EXISTS postern CHARACTER SET ascii COLLATE ascii_bin`,
  `CREATE TABLE IF NOT EXISTS postern.meta (
  name VARCHAR(64) PRIMARY KEY,
  value VARCHAR(512) NOT NULL
) ${TABLE_OPTIONS}`,
  // One per Target: several may live on one server, and none may lend another's roles.
  `CREATE TABLE IF NOT EXISTS postern.broker (
  name VARCHAR(128) PRIMARY KEY,
  target VARCHAR(512) NOT NULL,
  transport ENUM('certificate', 'tls', 'none') NOT NULL
) ${TABLE_OPTIONS}`,
  `CREATE TABLE IF NOT EXISTS postern.role (
  name VARCHAR(128) NOT NULL,
  broker VARCHAR(128) NOT NULL,
  data_role VARCHAR(512) NOT NULL,
  ready BOOLEAN NOT NULL,
  PRIMARY KEY (name, broker)
) ${TABLE_OPTIONS}`,
  `CREATE TABLE IF NOT EXISTS postern.view (
  schema_name VARCHAR(64) NOT NULL,
  name VARCHAR(64) NOT NULL,
  definer VARCHAR(128) NOT NULL,
  broker VARCHAR(128) NOT NULL,
  PRIMARY KEY (schema_name, name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`,
  `CREATE TABLE IF NOT EXISTS postern.instance (
  id VARCHAR(64) PRIMARY KEY,
  installation VARCHAR(32) NOT NULL,
  broker VARCHAR(128) NOT NULL,
  heartbeat DATETIME NOT NULL
) ${TABLE_OPTIONS}`,
  `CREATE TABLE IF NOT EXISTS postern.composite (
  name VARCHAR(128) PRIMARY KEY,
  roles TEXT NOT NULL,
  last_used DATETIME NOT NULL
) ${TABLE_OPTIONS}`,
  `CREATE TABLE IF NOT EXISTS postern.lease (
  account VARCHAR(128) PRIMARY KEY,
  instance VARCHAR(64) NOT NULL,
  composite VARCHAR(128) NOT NULL,
  state ENUM('lent', 'revoked') NOT NULL,
  lent_at DATETIME NOT NULL,
  expires_at DATETIME NOT NULL,
  ${MARKS[0]},
  ${MARKS[1]},
  KEY (instance), KEY (composite)
) ${TABLE_OPTIONS}`,
  // Version 1 had no marks; a lease without them is not compared.
  `ALTER TABLE postern.lease ${MARKS.map((mark) => `ADD COLUMN IF NOT EXISTS ${mark}`).join(', ')}`,
];

/**
 * The least with which the procedures work; each line was measured by taking it away
 * (test/integration/bootstrap.test.ts). CREATE USER could take over any account, which is why it
 * is held by an account that cannot log in and is reached only through checked procedures.
 */
export const OWNER_PRIVILEGES: readonly string[] = [
  // CREATE/ALTER/DROP USER and ROLE; KILL of other accounts; PROCESS: which accounts are in use.
  `GRANT CREATE USER, CONNECTION ADMIN, PROCESS ON *.* TO ${OWNER_ACCOUNT}`,
  // Whether an account of that name exists, and what PUBLIC and anonymous accounts give to all.
  `GRANT SELECT (Host, User, Priv) ON mysql.global_priv TO ${OWNER_ACCOUNT}`,
  `GRANT SELECT ON mysql.db TO ${OWNER_ACCOUNT}`,
  `GRANT SELECT ON mysql.tables_priv TO ${OWNER_ACCOUNT}`,
  `GRANT SELECT ON mysql.columns_priv TO ${OWNER_ACCOUNT}`,
  `GRANT SELECT ON mysql.procs_priv TO ${OWNER_ACCOUNT}`,
  `GRANT SELECT ON mysql.roles_mapping TO ${OWNER_ACCOUNT}`,
  // For `observe`: who may log in as whom, routines without their text, and every view's text.
  `GRANT SELECT (User, Host, Proxied_user, Proxied_host, With_grant) ON mysql.proxies_priv TO ${OWNER_ACCOUNT}`,
  `GRANT SELECT (db, name, type, definer, security_type, body) ON mysql.proc TO ${OWNER_ACCOUNT}`,
  `GRANT SHOW VIEW ON *.* TO ${OWNER_ACCOUNT}`,
  `GRANT SELECT ON postern.view TO ${OWNER_ACCOUNT}`,
  `GRANT SELECT ON postern.meta TO ${OWNER_ACCOUNT}`,
  `GRANT SELECT ON postern.broker TO ${OWNER_ACCOUNT}`,
  `GRANT SELECT ON postern.role TO ${OWNER_ACCOUNT}`,
  `GRANT SELECT, INSERT, UPDATE, DELETE ON postern.instance TO ${OWNER_ACCOUNT}`,
  `GRANT SELECT, INSERT, UPDATE, DELETE ON postern.composite TO ${OWNER_ACCOUNT}`,
  `GRANT SELECT, INSERT, UPDATE, DELETE ON postern.lease TO ${OWNER_ACCOUNT}`,
];
