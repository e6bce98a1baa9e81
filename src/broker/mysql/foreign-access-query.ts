// SPDX-License-Identifier: Apache-2.0
import { SCHEMA_PRIVILEGES } from '../../compile/sql/observed-privilege.ts';

/** MySQL keeps no history of rows, so it has no privilege to delete it. */
const COMMON_PRIVILEGES = SCHEMA_PRIVILEGES.filter(([column]) => column !== 'Delete_history_priv');

const listOf = (row: string, privileges: typeof SCHEMA_PRIVILEGES) =>
  `CONCAT_WS(', ', ${privileges.map(([column, name]) => `IF(${row}.${column} = 'Y', '${name}', NULL)`).join(', ')})`;

/** The columns of mysql.user that say what an account may do everywhere. */
export const GLOBAL_PRIVILEGES: typeof SCHEMA_PRIVILEGES = [
  ...COMMON_PRIVILEGES,
  ['Reload_priv', 'RELOAD'],
  ['Shutdown_priv', 'SHUTDOWN'],
  ['Process_priv', 'PROCESS'],
  ['File_priv', 'FILE'],
  ['Show_db_priv', 'SHOW DATABASES'],
  ['Super_priv', 'SUPER'],
  ['Repl_slave_priv', 'REPLICATION SLAVE'],
  ['Repl_client_priv', 'REPLICATION CLIENT'],
  ['Create_user_priv', 'CREATE USER'],
  ['Create_tablespace_priv', 'CREATE TABLESPACE'],
  ['Create_role_priv', 'CREATE ROLE'],
  ['Drop_role_priv', 'DROP ROLE'],
];

/** A lease has its roles and nothing else; the grant tables compare as utf8. */
const HOLDERS =
  '(SELECT CONVERT(l.account USING utf8mb3) COLLATE utf8mb3_bin AS name, c.roles FROM postern.lease l LEFT JOIN postern.composite c ON c.name = l.composite)';

/**
 * What every lease holds besides its base roles, as rows of (kind, holder, level, schema, object,
 * privileges, host). Measured on MySQL 9.7: rows of mysql.db with an empty user count for every
 * account, rows of tables_priv and procs_priv do not; there is no PUBLIC. A mandatory role is
 * everybody's, to be activated with SET ROLE.
 */
export const FOREIGN_ACCESS = `SELECT 'foreign' AS kind, h.name AS holder, 'global' AS level,
      '' AS schema_name, '' AS object_name, ${listOf('u', GLOBAL_PRIVILEGES)} AS privileges, '' AS host
    FROM mysql.user u JOIN ${HOLDERS} h ON h.name = u.User WHERE ${listOf('u', GLOBAL_PRIVILEGES)} <> ''
  UNION ALL SELECT 'foreign', h.name, 'global', '', '', g.PRIV, ''
    FROM mysql.global_grants g JOIN ${HOLDERS} h ON h.name = g.USER
  UNION ALL SELECT 'foreign', d.User, 'schema', d.Db, '', ${listOf('d', COMMON_PRIVILEGES)}, d.Host
    FROM mysql.db d WHERE d.User = '' OR d.User IN (SELECT name FROM ${HOLDERS} a)
  UNION ALL SELECT 'foreign', h.name, 'table', t.Db, t.Table_name, REPLACE(t.Table_priv, ',', ', '), ''
    FROM mysql.tables_priv t JOIN ${HOLDERS} h ON h.name = t.User WHERE t.Table_priv <> ''
  UNION ALL SELECT 'foreign', h.name, 'column', c.Db, CONCAT(c.Table_name, '.', c.Column_name),
      REPLACE(c.Column_priv, ',', ', '), ''
    FROM mysql.columns_priv c JOIN ${HOLDERS} h ON h.name = c.User
  UNION ALL SELECT 'foreign', h.name, LOWER(r.Routine_type), r.Db, r.Routine_name,
      REPLACE(r.Proc_priv, ',', ', '), ''
    FROM mysql.procs_priv r JOIN ${HOLDERS} h ON h.name = r.User
  UNION ALL SELECT 'foreign', h.name, 'role', '', e.FROM_USER, '', ''
    FROM mysql.role_edges e JOIN ${HOLDERS} h ON h.name = e.TO_USER
    WHERE IFNULL(FIND_IN_SET(e.FROM_USER, CONVERT(h.roles USING utf8mb3) COLLATE utf8mb3_bin), 0) = 0
  UNION ALL SELECT 'foreign', 'mandatory_roles', 'role', '', @@GLOBAL.mandatory_roles, '', ''
    FROM postern.meta m WHERE m.name = 'version' AND @@GLOBAL.mandatory_roles <> ''`;
