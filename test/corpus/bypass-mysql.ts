// SPDX-License-Identifier: Apache-2.0
import { type BypassAttempt, MARKER } from './bypass.ts';

/**
 * Besides BYPASS: what MySQL reads and MariaDB does not, or reads differently. Set up as there.
 */
const S = 'SELECT secret FROM vault.secrets';
const T = 'TABLE vault.secrets';

/** Functions that MariaDB has and MySQL has not: there the name is free for a stored one. */
const FREE_NAMES = [
  ...['nvl', 'chr', 'encode', 'password', 'x', 'md5', 'sha1', 'nextval', 'id', 'period'],
  // Grammar in MySQL: free when quoted, or behind a space.
  ...['coalesce', 'format', 'week', 'sysdate', 'st_collect'],
];
export const MYSQL_SETUP: readonly string[] = FREE_NAMES.map(
  (name) =>
    `CREATE FUNCTION shop.\`${name}\`(a TEXT) RETURNS VARCHAR(100) READS SQL DATA RETURN (SELECT secret FROM vault.secrets LIMIT 1)`,
);

export const MYSQL_BYPASS: readonly BypassAttempt[] = [
  // TABLE and VALUES ROW stand wherever SELECT does.
  { sql: `(${T})`, note: 'TABLE in parentheses' },
  { sql: `${T} ORDER BY id LIMIT 1`, note: 'TABLE with a tail' },
  { sql: `${T} INTO OUTFILE '/tmp/postern-bypass'`, note: 'TABLE into a file' },
  { sql: `TABLE shop.orders UNION ${T}`, note: 'TABLE in a union' },
  { sql: `SELECT 1, '' EXCEPT ${T}`, note: 'EXCEPT TABLE' },
  { sql: `SELECT 1, '${MARKER.slice(1)}' INTERSECT ${T}`, note: 'INTERSECT TABLE', harmless: true },
  { sql: `SELECT * FROM (${T}) d`, note: 'derived TABLE' },
  { sql: `SELECT * FROM shop.orders, LATERAL (${T}) d`, note: 'lateral TABLE' },
  { sql: `SELECT (1, 'x') IN (${T})`, note: 'IN (TABLE)' },
  { sql: `SELECT EXISTS (${T})`, note: 'EXISTS (TABLE)' },
  { sql: `SELECT ((${T} LIMIT 1) = (1, 'x'))`, note: 'TABLE as a row' },
  { sql: `WITH c AS (${T}) TABLE c`, note: 'TABLE in a WITH' },
  { sql: `WITH c AS (${T}) SELECT * FROM c`, note: 'TABLE in a WITH, selected' },
  { sql: `INSERT INTO shop.orders ${T}`, note: 'INSERT TABLE' },
  { sql: `REPLACE INTO shop.orders ${T}`, note: 'REPLACE TABLE' },
  { sql: `CREATE TABLE shop.copy ${T}`, note: 'CREATE TABLE TABLE' },
  { sql: `CREATE TABLE shop.copy (a INT) ${T}`, note: 'CREATE TABLE (...) TABLE' },
  { sql: `CREATE TABLE shop.copy AS ${T}`, note: 'CREATE TABLE AS TABLE' },
  { sql: `CREATE TEMPORARY TABLE shop.copy ENGINE = InnoDB ${T}`, note: 'CREATE TEMPORARY TABLE' },
  { sql: `CREATE VIEW shop.w AS ${T}`, note: 'view of TABLE' },
  { sql: `VALUES ROW((${S} LIMIT 1))`, note: 'VALUES ROW' },
  { sql: `SELECT * FROM (VALUES ROW((${S} LIMIT 1))) v`, note: 'derived VALUES ROW' },
  { sql: `INSERT INTO shop.orders VALUES ROW(9, (${S} LIMIT 1))`, note: 'INSERT VALUES ROW' },
  {
    sql: `INSERT INTO shop.orders VALUES (1, 2) AS n ON DUPLICATE KEY UPDATE note = (${S})`,
    note: 'row alias',
  },
  // Names in scope
  {
    sql: 'WITH secrets AS (SELECT 1 AS id) UPDATE vault.secrets SET secret = 1',
    note: 'WITH, UPDATE',
  },
  {
    sql: 'USE vault; WITH secrets AS (SELECT 1 AS id) UPDATE secrets SET secret = 1',
    note: 'UPDATE of a name in a WITH',
  },
  {
    sql: 'USE vault; WITH secrets AS (SELECT 1 AS id) DELETE FROM secrets',
    note: 'DELETE of a name in a WITH',
  },
  {
    sql: 'USE vault; WITH secrets AS (SELECT 1 AS id) DELETE secrets FROM secrets',
    note: 'DELETE of a listed name in a WITH',
  },
  {
    sql: 'USE vault; WITH secrets AS (SELECT 1) SELECT * FROM (SELECT * FROM secrets) d',
    note: 'WITH, nested',
    harmless: true,
  },
  {
    sql: 'USE vault; WITH Secrets AS (SELECT 1) SELECT * FROM secrets',
    note: 'WITH, in another case',
  },
  {
    sql: 'USE vault; WITH secrets AS (SELECT * FROM secrets) SELECT * FROM secrets',
    note: 'WITH of its own name',
  },
  // EXPLAIN
  { sql: `EXPLAIN ANALYZE ${S}`, note: 'EXPLAIN ANALYZE' },
  { sql: `EXPLAIN ANALYZE FORMAT = TREE ${T}`, note: 'EXPLAIN ANALYZE of TABLE' },
  {
    sql: 'EXPLAIN FORMAT = TREE FOR SCHEMA vault SELECT * FROM secrets',
    note: 'EXPLAIN FOR SCHEMA',
  },
  { sql: 'EXPLAIN FORMAT = JSON FOR DATABASE vault TABLE secrets', note: 'EXPLAIN FOR DATABASE' },
  { sql: `EXPLAIN FORMAT = JSON INTO @plan ${S}`, note: 'EXPLAIN INTO' },
  { sql: 'EXPLAIN FOR CONNECTION 1', note: 'EXPLAIN FOR CONNECTION' },
  { sql: 'DESC FOR CONNECTION 1', note: 'DESC FOR CONNECTION' },
  // Comments and strings
  { sql: `SELECT note FROM shop.orders /*!80000 UNION ${S} */`, note: 'version 8' },
  { sql: `SELECT note FROM shop.orders /*!080000 UNION ${S} */`, note: 'version 8, six digits' },
  { sql: `SELECT note FROM shop.orders /*!90700 UNION ${S} */`, note: 'version 9' },
  { sql: `SELECT note FROM shop.orders /*!090700UNION ${S} */`, note: 'version 9, glued' },
  { sql: `SELECT note FROM shop.orders /*!50000UNION ${S} */`, note: 'version 5, glued' },
  { sql: `SELECT note FROM shop.orders /*!5000 UNION ${S} */`, note: 'four digits' },
  { sql: `SELECT note FROM shop.orders /*! UNION /* x */ ${S} */`, note: 'a comment in it' },
  {
    sql: `SELECT note FROM shop.orders /*M! UNION ${S} */`,
    note: 'to MySQL a comment',
    harmless: true,
  },
  { sql: `SELECT $$a'$$ UNION ${S} -- '`, note: 'dollar quotes' },
  { sql: `SELECT $a$'$a$ UNION ${S} -- '`, note: 'dollar quotes with a tag' },
  { sql: `SELECT 1 AS a$$ UNION ${S} -- $$`, note: 'a dollar in a name' },
  {
    sql: `SELECT /*+ SET_VAR(sql_mode = ANSI_QUOTES) */ "a" UNION SELECT "secret" FROM "vault"."secrets"`,
    note: 'mode in a hint',
  },
  {
    sql: `SELECT /*+ SET_VAR(sql_mode = NO_BACKSLASH_ESCAPES) */ 'a\\' UNION ${S} -- '`,
    note: 'escapes in a hint',
    harmless: true,
  },
  { sql: `SELECT /*+ QB_NAME(a /* b) */ 1 UNION ${S}`, note: 'a comment mark in a hint' },
  { sql: `SELECT /*+ NO_SUCH_HINT(a) */ 1 UNION ${S}`, note: 'an unknown hint' },
  // Expressions
  { sql: `SELECT doc->'$.a' FROM (SELECT JSON_OBJECT('a', (${S} LIMIT 1)) AS doc) d`, note: '->' },
  {
    sql: `SELECT JSON_VALUE(JSON_OBJECT('a', (${S} LIMIT 1)), '$.a' RETURNING CHAR)`,
    note: 'RETURNING',
  },
  { sql: `SELECT 'a' MEMBER OF ((${S} LIMIT 1))`, note: 'MEMBER OF' },
  {
    sql: `SELECT FIRST_VALUE((${S} LIMIT 1)) OVER w FROM shop.orders WINDOW w AS (ORDER BY id)`,
    note: 'window',
  },
  {
    sql: `SELECT 1 FROM shop.orders GROUP BY id WITH ROLLUP HAVING GROUPING(id) = (${S} LIMIT 1)`,
    note: 'GROUPING',
  },
  {
    sql: `SELECT 1 FROM shop.orders QUALIFY ROW_NUMBER() OVER () > (${S} LIMIT 1)`,
    note: 'QUALIFY',
  },
  { sql: `SELECT * FROM shop.orders TABLESAMPLE SYSTEM (100), vault.secrets`, note: 'TABLESAMPLE' },
  { sql: `SELECT * FROM shop.orders offset, vault.secrets`, note: 'a name that MariaDB reserves' },
  { sql: `SELECT * FROM shop.orders returning JOIN vault.secrets`, note: 'another one' },
  { sql: `SELECT * FROM shop.orders rows, vault.secrets`, note: 'a name that MySQL reserves' },
  { sql: `${S} FOR SHARE OF secrets SKIP LOCKED`, note: 'locking' },
  { sql: 'USE shop; SELECT NVL(1)', note: 'nvl is no function of MySQL' },
  { sql: 'USE shop; SELECT CHR(1)', note: 'chr is none' },
  { sql: 'USE shop; SELECT ENCODE(1)', note: 'encode is none' },
  { sql: 'USE shop; SELECT PASSWORD(1)', note: 'password is none' },
  { sql: 'USE shop; SELECT X(1)', note: 'x is none' },
  { sql: 'USE shop; SELECT MD5(1)', note: 'md5 is none any more' },
  { sql: 'USE shop; SELECT SHA1(1)', note: 'sha1 is none any more' },
  { sql: 'USE shop; SELECT NEXTVAL(1)', note: 'nextval is none' },
  { sql: 'USE shop; SELECT ID(1)', note: 'id is none' },
  { sql: 'USE shop; SELECT PERIOD(1)', note: 'period is none' },
  { sql: 'USE shop; SELECT `coalesce`(1)', note: 'quoted coalesce' },
  { sql: 'USE shop; SELECT `format`(1)', note: 'quoted format' },
  { sql: 'USE shop; SELECT `week`(1)', note: 'quoted week' },
  { sql: 'USE shop; SELECT SYSDATE (1)', note: 'sysdate with a space' },
  { sql: 'USE shop; SELECT ST_COLLECT (1)', note: 'st_collect with a space' },
  // Code on the server
  { sql: `CALL sys.execute_prepared_stmt('${S}')`, note: 'sys' },
  { sql: "CALL sys.create_synonym_db('vault', 'mine')", note: 'sys, synonyms' },
  { sql: 'SELECT sys.extract_table_from_file_name(1)', note: 'a function of sys' },
  { sql: `SELECT STATEMENT_DIGEST_TEXT('${S}')`, note: 'a digest', harmless: true },
  // Administration
  { sql: 'HANDLER vault.secrets READ FIRST', note: 'HANDLER' },
  { sql: "IMPORT TABLE FROM 'secrets.sdi'", note: 'IMPORT TABLE' },
  { sql: "LOAD DATA INFILE '/etc/passwd' INTO TABLE shop.orders ALGORITHM = BULK", note: 'bulk' },
  { sql: "LOAD DATA FROM URL 'http://127.0.0.1:1/' INTO TABLE shop.orders", note: 'URL' },
  { sql: "LOAD XML INFILE '/etc/passwd' INTO TABLE shop.orders", note: 'LOAD XML' },
  { sql: "CLONE LOCAL DATA DIRECTORY = '/tmp/postern-bypass'", note: 'CLONE' },
  { sql: "CLONE INSTANCE FROM a@b:1 IDENTIFIED BY 'x'", note: 'CLONE of another server' },
  { sql: 'SET RESOURCE GROUP SYS_default', note: 'resource groups' },
  { sql: 'CREATE RESOURCE GROUP evil TYPE = USER', note: 'CREATE RESOURCE GROUP' },
  { sql: 'SET ROLE ALL', note: 'SET ROLE ALL' },
  { sql: 'SET ROLE DEFAULT', note: 'SET ROLE DEFAULT' },
  { sql: 'SET DEFAULT ROLE ALL TO CURRENT_USER', note: 'SET DEFAULT ROLE' },
  { sql: 'SET PERSIST general_log = ON', note: 'SET PERSIST' },
  { sql: 'SET PERSIST_ONLY general_log = ON', note: 'SET PERSIST_ONLY' },
  { sql: 'SET @@PERSIST.general_log = ON', note: '@@PERSIST' },
  { sql: 'RESET PERSIST', note: 'RESET PERSIST' },
  { sql: "SET SESSION sql_mode = '', PERSIST general_log = ON", note: 'PERSIST in a list' },
  { sql: 'ALTER USER CURRENT_USER IDENTIFIED BY "x"', note: 'ALTER USER' },
  { sql: 'ALTER USER USER() IDENTIFIED BY "x"', note: 'ALTER USER USER()' },
  { sql: 'ALTER INSTANCE DISABLE INNODB REDO_LOG', note: 'ALTER INSTANCE' },
  { sql: 'LOCK INSTANCE FOR BACKUP', note: 'LOCK INSTANCE' },
  { sql: "INSTALL COMPONENT 'file://component_query_attributes'", note: 'INSTALL COMPONENT' },
  { sql: 'CREATE UNDO TABLESPACE evil ADD DATAFILE "evil.ibu"', note: 'UNDO TABLESPACE' },
  { sql: 'CREATE SPATIAL REFERENCE SYSTEM 1000000 NAME "x" DEFINITION "x"', note: 'SRS' },
  { sql: "CREATE LIBRARY shop.l LANGUAGE JAVASCRIPT AS 'x'", note: 'LIBRARY' },
  { sql: 'RESTART', note: 'RESTART' },
  { sql: 'GET DIAGNOSTICS CONDITION 1 @x = MESSAGE_TEXT', note: 'GET DIAGNOSTICS' },
  { sql: 'SHOW BINARY LOG STATUS', note: 'SHOW BINARY LOG STATUS' },
  { sql: 'SHOW EXTENDED COLUMNS FROM vault.secrets', note: 'SHOW EXTENDED' },
  { sql: 'SHOW CREATE USER CURRENT_USER', note: 'SHOW CREATE USER' },
  { sql: 'GRANT PROXY ON root@localhost TO CURRENT_USER', note: 'GRANT PROXY' },
  { sql: 'CHANGE REPLICATION SOURCE TO SOURCE_HOST = "127.0.0.1"', note: 'replication' },
  { sql: 'ALTER TABLE vault.secrets SECONDARY_LOAD', note: 'SECONDARY_LOAD' },
  { sql: 'ANALYZE TABLE vault.secrets UPDATE HISTOGRAM ON secret', note: 'histogram' },
];
