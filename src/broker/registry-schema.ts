// SPDX-License-Identifier: Apache-2.0
import { grantStatements, type Right } from '../compile/sql/right.ts';
import { ROLE_ADMIN } from '../compile/sql/role-name.ts';

/** Locked, without a password, owner of the procedures; holds only `OWNER_PRIVILEGES`. */
export const OWNER_ACCOUNT = ROLE_ADMIN;
/** Raised whenever tables or procedures change; a gateway refuses another version's registry. */
export const REGISTRY_VERSION = '3';

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
  // Which declaration a Target was brought to last, and its text: who gains and loses is told by it.
  `CREATE TABLE IF NOT EXISTS postern.applied (
  broker VARCHAR(128) PRIMARY KEY,
  revision CHAR(64) NOT NULL,
  applied_at DATETIME NOT NULL,
  declaration LONGTEXT NOT NULL
) ${TABLE_OPTIONS}`,
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
];
/** Version 1 had no marks; a lease without them is not compared. */
export const REGISTRY_UPGRADES: readonly string[] = [
  `ALTER TABLE postern.lease ${MARKS.map((mark) => `ADD COLUMN IF NOT EXISTS ${mark}`).join(', ')}`,
];

const place = { schema: '', object: '', column: '' };
export const everywhere = (...privileges: readonly string[]): readonly Right[] =>
  privileges.map((privilege) => ({ ...place, level: 'global', privilege }));
export const onTable = (schema: string, object: string, ...privileges: readonly string[]) =>
  privileges.map((privilege): Right => ({ ...place, level: 'table', schema, object, privilege }));
export const readColumns = (object: string, ...columns: readonly string[]): readonly Right[] =>
  columns.map((column) => ({
    level: 'column',
    schema: 'mysql',
    object,
    column,
    privilege: 'SELECT',
  }));
export const call = (...procedures: readonly string[]): readonly Right[] =>
  procedures.map((object) => ({
    ...place,
    level: 'procedure',
    schema: 'postern',
    object,
    privilege: 'EXECUTE',
  }));

export const REGISTRY_RIGHTS: readonly Right[] = [
  ...['meta', 'broker', 'role', 'view'].flatMap((name) => onTable('postern', name, 'SELECT')),
  ...['instance', 'composite', 'lease'].flatMap((name) =>
    onTable('postern', name, 'SELECT', 'INSERT', 'UPDATE', 'DELETE'),
  ),
];

/**
 * The least with which the procedures work; each was measured by taking it away
 * (test/integration/broker-takeover.test.ts). CREATE USER could take over any account, which is why
 * it is held by an account that cannot log in and is reached only through checked procedures.
 */
const MEASURED_RIGHTS: readonly Right[] = [
  // CREATE/ALTER/DROP USER and ROLE; KILL of other accounts; PROCESS: which accounts are in use;
  // SHOW VIEW: whose rights a view runs with.
  ...everywhere('CREATE USER', 'CONNECTION ADMIN', 'PROCESS', 'SHOW VIEW'),
  // Whether an account of that name exists, and what PUBLIC and anonymous accounts give to all.
  ...readColumns('global_priv', 'Host', 'User', 'Priv'),
  ...onTable('mysql', 'db', 'SELECT'),
  ...onTable('mysql', 'tables_priv', 'SELECT'),
  ...onTable('mysql', 'columns_priv', 'SELECT'),
  ...onTable('mysql', 'procs_priv', 'SELECT'),
  ...onTable('mysql', 'roles_mapping', 'SELECT'),
  // For `observe`: who may log in as whom, and routines, of whose text only a hash is told.
  ...readColumns('proxies_priv', 'User', 'Host', 'Proxied_user', 'Proxied_host', 'With_grant'),
  ...readColumns('proc', 'db', 'name', 'type', 'definer', 'security_type', 'body'),
  ...REGISTRY_RIGHTS,
  ...onTable('postern', 'applied', 'SELECT'),
];
export const OWNER_PRIVILEGES = grantStatements(MEASURED_RIGHTS, OWNER_ACCOUNT);
export const OWNER_RIGHTS: readonly Right[] = [...MEASURED_RIGHTS, ...call(...ALL_PROCEDURES)];
export const BROKER_RIGHTS = call(...BROKER_PROCEDURES);
export const READER_RIGHTS = call(READER_PROCEDURE);
