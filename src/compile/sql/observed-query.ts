// SPDX-License-Identifier: Apache-2.0
import { SCHEMA_PRIVILEGE_LIST, SCHEMA_PRIVILEGES } from './observed-privilege.ts';

const priv = (key: string) => `JSON_VALUE(g.Priv, '$.${key}')`;

const KNOWN_SCHEMA_COLUMNS = ['Host', 'Db', 'User', ...SCHEMA_PRIVILEGES.map(([name]) => name)]
  .map((name) => `'${name}'`)
  .join(', ');

/** How a lease's login is bound, as one text; `lend` keeps the SHA2 of what it set. */
export const LEASE_BINDING = (type: string, issuer: string, subject: string) =>
  `SHA2(CONCAT_WS(CHAR(10), IFNULL(${type}, 0), IFNULL(${issuer}, ''), IFNULL(${subject}, '')), 256)`;

/**
 * Everything about access that a server holds, registry or not, as rows of (part, JSON array). One
 * statement: the grant tables are locked together, so no half of a GRANT is seen. The tables are
 * read and not SHOW GRANTS, whose text depends on sql_mode and on names that contain its own words.
 */
export const SERVER_STATE = `SELECT 'account' AS part, JSON_ARRAY(g.User, g.Host, JSON_KEYS(g.Priv),
      ${priv('access')}, ${priv('is_role')}, ${priv('account_locked')}, ${priv('plugin')},
      JSON_EXISTS(g.Priv, '$.auth_or'), ${priv('default_role')}, ${priv('ssl_type')},
      ${priv('x509_issuer')}, ${priv('x509_subject')}) AS fact
    FROM mysql.global_priv g
  UNION ALL SELECT 'schema', JSON_ARRAY(d.User, d.Host, d.Db, ${SCHEMA_PRIVILEGE_LIST}) FROM mysql.db d
  UNION ALL SELECT 'schema-column', JSON_ARRAY(c.COLUMN_NAME) FROM information_schema.COLUMNS c
    WHERE c.TABLE_SCHEMA = 'mysql' AND c.TABLE_NAME = 'db'
    AND c.COLUMN_NAME NOT IN (${KNOWN_SCHEMA_COLUMNS})
  UNION ALL SELECT 'table', JSON_ARRAY(t.User, t.Host, t.Db, t.Table_name, CONCAT(t.Table_priv, ''))
    FROM mysql.tables_priv t
  UNION ALL SELECT 'column', JSON_ARRAY(c.User, c.Host, c.Db, c.Table_name, c.Column_name,
      CONCAT(c.Column_priv, '')) FROM mysql.columns_priv c
  UNION ALL SELECT 'routine-right', JSON_ARRAY(r.User, r.Host, r.Db, r.Routine_name,
      CONCAT(r.Routine_type, ''), CONCAT(r.Proc_priv, '')) FROM mysql.procs_priv r
  UNION ALL SELECT 'proxy', JSON_ARRAY(p.User, p.Host, p.Proxied_user, p.Proxied_host, p.With_grant)
    FROM mysql.proxies_priv p
  UNION ALL SELECT 'member', JSON_ARRAY(m.User, m.Host, m.Role, CONCAT(m.Admin_option, ''))
    FROM mysql.roles_mapping m
  UNION ALL SELECT 'view', JSON_ARRAY(v.TABLE_SCHEMA, v.TABLE_NAME, v.DEFINER, v.SECURITY_TYPE,
      v.VIEW_DEFINITION) FROM information_schema.VIEWS v
    WHERE v.TABLE_SCHEMA NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema')
  UNION ALL SELECT 'routine', JSON_ARRAY(CONCAT(p.type, ''), p.db, p.name,
      CONVERT(p.definer USING utf8mb4), CONCAT(p.security_type, ''), SHA2(p.body, 256))
    FROM mysql.proc p WHERE p.db NOT IN ('mysql', 'sys')`;

/**
 * The same, and what Postern wrote down about its own. Hashes of passwords stay inside: of a
 * lease's only whether it is the one that was lent.
 */
export const OBSERVED_STATE = `${SERVER_STATE}
  UNION ALL SELECT 'meta', JSON_ARRAY(m.name, m.value) FROM postern.meta m
  UNION ALL SELECT 'broker', JSON_ARRAY(b.name, b.target, CONCAT(b.transport, ''))
    FROM postern.broker b
  UNION ALL SELECT 'applied', JSON_ARRAY(a.broker, a.revision, CONCAT(a.applied_at, ''), a.declaration)
    FROM postern.applied a
  UNION ALL SELECT 'managed-role', JSON_ARRAY(r.name, r.broker, r.data_role, r.ready) FROM postern.role r
  UNION ALL SELECT 'managed-view', JSON_ARRAY(v.schema_name, v.name, v.definer, v.broker)
    FROM postern.view v
  UNION ALL SELECT 'composite', JSON_ARRAY(c.name, c.roles) FROM postern.composite c
  UNION ALL SELECT 'lease', JSON_ARRAY(l.account, i.broker, l.composite, CONCAT(l.state, ''),
      l.password_mark = SHA2(${priv('authentication_string')}, 256),
      l.binding_mark = ${LEASE_BINDING(priv('ssl_type'), priv('x509_issuer'), priv('x509_subject'))})
    FROM postern.lease l LEFT JOIN postern.instance i ON i.id = l.instance
    LEFT JOIN mysql.global_priv g ON g.User = l.account AND g.Host = '%'`;

/** Limits of accounts, null where there is none: (user, host, and in the order of their names). */
export const ACCOUNT_LIMITS = `SELECT g.User, g.Host, ${priv('max_user_connections')},
    ${priv('max_statement_time')}, ${priv('max_questions')}, ${priv('max_updates')},
    ${priv('max_connections')}
  FROM mysql.global_priv g ORDER BY g.User, g.Host`;

export const SCHEMA_NAMES =
  'SELECT SCHEMA_NAME FROM information_schema.SCHEMATA ORDER BY SCHEMA_NAME';
