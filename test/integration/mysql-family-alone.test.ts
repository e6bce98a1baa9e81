// SPDX-License-Identifier: Apache-2.0
import { describeDatabaseAlone } from '../support/database-alone.ts';
import { noMysql } from '../support/mysql.ts';

describeDatabaseAlone({
  server: 'MySQL',
  skip: noMysql,
  mysql: true,
  sql: '',
  reads: (table) => [
    `TABLE ${table}`,
    `SELECT EXISTS (TABLE ${table})`,
    `WITH c AS (TABLE ${table}) SELECT COUNT(*) FROM c`,
    `PREPARE p FROM 'SELECT * FROM ${table}'`,
  ],
  elsewhere: [
    'EXPLAIN ANALYZE SELECT * FROM secrets',
    'SELECT authentication_string FROM mysql.user',
    'SELECT * FROM mysql.role_edges',
    'UPDATE mysql.user SET Super_priv = 1',
    'SET PASSWORD FOR root@localhost = "x"',
    'ALTER USER root@localhost IDENTIFIED BY "x"',
    'SET ROLE postern_view_x',
    'SET DEFAULT ROLE ALL TO root@localhost',
    'SET PERSIST max_connections = 1',
    'GRANT SELECT ON shop.orders TO postern_broker',
    'GRANT PROXY ON root@localhost TO postern_broker',
    'REVOKE ALL, GRANT OPTION FROM postern_broker',
    "CLONE LOCAL DATA DIRECTORY = '/tmp/postern-database-alone'",
    "INSTALL COMPONENT 'file://component_query_attributes'",
    "INSTALL PLUGIN clone SONAME 'mysql_clone.so'",
    'CREATE RESOURCE GROUP evil TYPE = USER',
    'ALTER INSTANCE DISABLE INNODB REDO_LOG',
    'LOCK INSTANCE FOR BACKUP',
    'RESTART',
    'CALL postern.run("SELECT 1")',
    'CALL postern.kill_sessions("root")',
    'CALL sys.ps_truncate_all_tables(FALSE)',
    'SELECT * FROM performance_schema.threads',
    'SELECT * FROM performance_schema.variables_by_thread',
  ],
  privilegeErrors: new Set([1044, 1045, 1142, 1143, 1227, 1345, 1370, 1410, 1419, 1698, 3530]),
  noLocalFiles: /Loading local data is disabled/,
});
