// SPDX-License-Identifier: Apache-2.0
import { SCHEMA_PRIVILEGE_LIST } from '../compile/sql/observed-privilege.ts';

/** PUBLIC is held by everybody; a composite role must hold nothing but its base roles. */
const HOLDERS = `(SELECT 'PUBLIC' AS name UNION ALL SELECT name FROM postern.composite)`;

/**
 * What every lease holds besides its base roles, as rows of (kind, holder, level, schema, object,
 * privileges, host). Measured on MariaDB 10.11: rows of mysql.db with an empty user count for every
 * account, rows of tables_priv, columns_priv and procs_priv with an empty user do not.
 */
export const FOREIGN_ACCESS = `SELECT 'foreign', h.name, 'global', '', '', JSON_VALUE(g.Priv, '$.access'), ''
    FROM mysql.global_priv g JOIN ${HOLDERS} h ON h.name = g.User
    WHERE IFNULL(JSON_VALUE(g.Priv, '$.access'), '0') <> '0'
  UNION ALL SELECT 'foreign', h.name, 'schema', d.Db, '', ${SCHEMA_PRIVILEGE_LIST}, d.Host
    FROM mysql.db d JOIN (SELECT '' AS name UNION ALL SELECT * FROM ${HOLDERS} a) h ON h.name = d.User
  UNION ALL SELECT 'foreign', h.name, 'table', t.Db, t.Table_name, REPLACE(t.Table_priv, ',', ', '), ''
    FROM mysql.tables_priv t JOIN ${HOLDERS} h ON h.name = t.User WHERE t.Table_priv <> ''
  UNION ALL SELECT 'foreign', h.name, 'column', c.Db, CONCAT(c.Table_name, '.', c.Column_name),
      REPLACE(c.Column_priv, ',', ', '), ''
    FROM mysql.columns_priv c JOIN ${HOLDERS} h ON h.name = c.User
  UNION ALL SELECT 'foreign', h.name, LOWER(r.Routine_type), r.Db, r.Routine_name,
      REPLACE(r.Proc_priv, ',', ', '), ''
    FROM mysql.procs_priv r JOIN ${HOLDERS} h ON h.name = r.User
  UNION ALL SELECT 'foreign', 'PUBLIC', 'role', '', m.Role, '', ''
    FROM mysql.roles_mapping m WHERE m.User = 'PUBLIC'`;
