// SPDX-License-Identifier: Apache-2.0

/**
 * Attempts to reach `vault.secrets` (or a server's files) with rights on `shop.orders` alone. Each
 * must be refused by the analysis, or ask for a right outside `shop.orders`. The same list runs end
 * to end through the gateway, where MARKER must never come back.
 */
export interface BypassAttempt {
  readonly sql: string | Buffer;
  readonly note: string;
  /** To the server itself this touches nothing forbidden: allowing it is right. */
  readonly harmless?: true;
  /** Modes the session is in, when not the defaults. */
  readonly mode?: {
    readonly ansiQuotes?: boolean;
    readonly noBackslashEscapes?: boolean;
    readonly ignoreSpace?: boolean;
    readonly oracle?: boolean;
    readonly charset?: string;
  };
}

export const MARKER = 'postern-bypass-marker';

/** Run as root before the attempts; the principal under test may only `select` shop.orders. */
export const BYPASS_SETUP: readonly string[] = [
  'CREATE SCHEMA shop',
  'CREATE SCHEMA vault',
  'CREATE TABLE shop.orders (id INT PRIMARY KEY, note VARCHAR(100))',
  "INSERT INTO shop.orders VALUES (1, 'ordinary')",
  'CREATE TABLE vault.secrets (id INT PRIMARY KEY, secret VARCHAR(100))',
  `INSERT INTO vault.secrets VALUES (1, '${MARKER}')`,
  'CREATE VIEW shop.looks_harmless AS SELECT * FROM vault.secrets',
  'CREATE FUNCTION shop.peek() RETURNS VARCHAR(100) READS SQL DATA ' +
    'RETURN (SELECT secret FROM vault.secrets LIMIT 1)',
  'CREATE FUNCTION shop.`count`(x INT) RETURNS VARCHAR(100) READS SQL DATA ' +
    'RETURN (SELECT secret FROM vault.secrets LIMIT 1)',
  'CREATE PROCEDURE shop.fetch() SELECT secret FROM vault.secrets',
];

const spaces = ' '.repeat(1 << 20);
const S = 'SELECT secret FROM vault.secrets';

export const BYPASS: readonly BypassAttempt[] = [
  // Plain
  { sql: S, note: 'no disguise' },
  { sql: 'SELECT secret FROM`vault`.`secrets`', note: 'no white space' },
  { sql: 'SELECT secret FROM vault . secrets', note: 'white space around the point' },
  { sql: 'SELECT secret FROM vault/**/./**/secrets', note: 'comments around the point' },
  { sql: 'SELECT/**/secret/**/FROM/**/vault.secrets', note: 'comments as white space' },
  { sql: 'SELECT\fsecret\vFROM\rvault.secrets', note: 'rare white space' },
  { sql: '(SELECT secret FROM vault.secrets)', note: 'in parentheses' },
  { sql: '((((SELECT secret FROM vault.secrets))))', note: 'in many parentheses' },
  // Comments
  { sql: `/* hello */ ${S}`, note: 'leading comment' },
  { sql: `# hello\n${S}`, note: 'leading # comment' },
  { sql: `-- hello\n${S}`, note: 'leading -- comment' },
  { sql: `--\t\n${S}`, note: '-- and a tab' },
  { sql: `/*/ */ ${S}`, note: 'a comment that does not end at once' },
  { sql: `SELECT note FROM shop.orders /*! UNION ${S} */`, note: 'executable comment' },
  { sql: `SELECT note FROM shop.orders /*!50000 UNION ${S} */`, note: 'versioned comment' },
  { sql: `SELECT note FROM shop.orders /*!00000UNION ${S} */`, note: 'version zero, glued' },
  { sql: `SELECT note FROM shop.orders /*M! UNION ${S} */`, note: 'MariaDB comment' },
  { sql: `SELECT note FROM shop.orders /*M!100100 UNION ${S} */`, note: 'MariaDB version' },
  { sql: `SELECT note FROM shop.orders /*M!101100 UNION ${S} */`, note: 'MariaDB 10.11 version' },
  { sql: `SELECT note FROM shop.orders /*!100100 UNION ${S} */`, note: 'six digits' },
  { sql: `SELECT note FROM shop.orders /*!99999 */ UNION ${S}`, note: 'skipped, then code' },
  { sql: `SELECT 1 /*!99999 /* */ UNION ${S} -- */`, note: 'nested comment confusion' },
  { sql: `SELECT 1 /* /*! */ UNION ${S} /* */`, note: 'executable mark inside a comment' },
  { sql: `SELECT 1 /*! /* x */ UNION ${S} */`, note: 'comment inside executable comment' },
  { sql: `SELECT 1 -- \n UNION ${S}`, note: 'line comment ends' },
  { sql: `SELECT 1--1 UNION ${S}`, note: '1--1 is arithmetic' },
  { sql: `SELECT 1 --\u00a0x UNION ${S}`, note: 'no-break space after --' },
  { sql: `SELECT 1 /*+ BKA(\`*/ UNION ${S} -- \`) */`, note: 'quote in a hint' },
  { sql: Buffer.from(`SELECT 1 #\0\n UNION ${S}`), note: 'NUL in a line comment' },
  { sql: Buffer.from(`SELECT 1 # x\0 UNION ${S}`), note: 'NUL ends the line comment' },
  // Numbers, identifiers
  { sql: 'SELECT 1.FROM vault.secrets', note: 'number touches FROM' },
  { sql: 'SELECT 1e0FROM vault.secrets', note: 'exponent touches FROM' },
  { sql: 'SELECT 0x41FROM vault.secrets UNION SELECT secret FROM vault.secrets', note: 'hex' },
  { sql: 'SELECT .5FROM vault.secrets', note: 'fraction touches FROM' },
  { sql: 'SELECT\\NFROM vault.secrets', note: '\\N touches FROM' },
  { sql: "SELECT'a'FROM vault.secrets", note: 'string touches FROM' },
  { sql: 'SELECT @aFROM, secret FROM vault.secrets', note: 'variable swallows FROM' },
  { sql: 'SELECT * FROM vault.`secrets`', note: 'half quoted' },
  { sql: 'SELECT * FROM `#mysql50#secrets`', note: 'file name prefix' },
  // Strings
  { sql: `SELECT 'a\\' UNION ${S} -- '`, note: 'backslash', mode: { noBackslashEscapes: true } },
  { sql: `SELECT "a\\" UNION ${S} -- "`, note: 'backslash, ", ansi', mode: { ansiQuotes: true } },
  { sql: `SELECT 'a''' UNION ${S} -- '`, note: 'doubled quote' },
  { sql: `SELECT 'it\\'s' UNION ${S}`, note: 'escaped quote' },
  { sql: `SELECT _utf8'a\\'' UNION ${S} -- '`, note: 'introducer' },
  { sql: `SELECT _gbk'\u00bf\\' UNION ${S} -- '`, note: 'multi-byte introducer', harmless: true },
  { sql: `SELECT N'a' UNION ${S}`, note: 'national string' },
  { sql: 'SELECT * FROM "vault"."secrets"', note: 'ANSI', mode: { ansiQuotes: true } },
  {
    sql: 'SELECT "a" FROM "shop"."orders", "vault"."secrets"',
    note: 'ANSI list',
    mode: { ansiQuotes: true },
  },
  {
    sql: Buffer.from([...Buffer.from("SELECT '"), 0xbf, 0x5c, ...Buffer.from(`' UNION ${S} -- '`)]),
    note: 'gbk hides the backslash',
    mode: { charset: 'gbk' },
  },
  {
    sql: Buffer.from([...Buffer.from("SELECT '"), 0xe0, ...Buffer.from(`' UNION ${S} -- '`)]),
    note: 'broken UTF-8 before a quote',
  },
  // Clauses
  { sql: 'SELECT (SELECT secret FROM vault.secrets LIMIT 1)', note: 'select list' },
  { sql: `SELECT 1 FROM shop.orders WHERE EXISTS (${S})`, note: 'WHERE' },
  { sql: `SELECT 1 FROM shop.orders ORDER BY (${S} LIMIT 1)`, note: 'ORDER BY' },
  { sql: `SELECT 1 FROM shop.orders GROUP BY (${S} LIMIT 1)`, note: 'GROUP BY' },
  { sql: `SELECT 1 FROM shop.orders HAVING (${S} LIMIT 1) > ''`, note: 'HAVING' },
  { sql: `SELECT * FROM (${S}) d`, note: 'derived table' },
  { sql: `SELECT * FROM ((${S}) UNION (SELECT 1)) d`, note: 'derived union' },
  { sql: `SELECT * FROM (shop.orders o JOIN vault.secrets s ON 1)`, note: 'nested join' },
  { sql: 'SELECT * FROM { OJ shop.orders o LEFT OUTER JOIN vault.secrets s ON 1 }', note: 'ODBC' },
  { sql: 'SELECT * FROM shop.orders NATURAL JOIN vault.secrets', note: 'NATURAL JOIN' },
  { sql: 'SELECT * FROM shop.orders STRAIGHT_JOIN vault.secrets', note: 'STRAIGHT_JOIN' },
  { sql: `VALUES ((${S} LIMIT 1))`, note: 'VALUES' },
  { sql: `SELECT 1 UNION ALL ${S}`, note: 'UNION' },
  { sql: `SELECT 1 EXCEPT ${S}`, note: 'EXCEPT' },
  { sql: `SELECT CASE WHEN 1 THEN (${S} LIMIT 1) END`, note: 'CASE' },
  { sql: `SELECT CAST((${S} LIMIT 1) AS CHAR)`, note: 'CAST' },
  { sql: `SELECT SUM(1) OVER (ORDER BY (${S} LIMIT 1))`, note: 'window' },
  { sql: `SELECT * FROM JSON_TABLE((${S} LIMIT 1), '$' COLUMNS (a INT PATH '$')) j`, note: 'JSON' },
  // Names in scope
  { sql: 'WITH secrets AS (SELECT 1) SELECT * FROM vault.secrets', note: 'CTE, qualified' },
  { sql: `WITH a AS (${S}) SELECT * FROM a`, note: 'CTE body' },
  {
    sql: `SELECT * FROM (WITH secrets AS (SELECT 1) SELECT 1) x, vault.secrets`,
    note: 'CTE scope',
  },
  { sql: 'USE vault; SELECT * FROM secrets', note: 'default schema' },
  { sql: 'SELECT note FROM shop.orders; SELECT secret FROM vault.secrets', note: 'two statements' },
  { sql: 'SELECT secrets.secret FROM shop.orders secrets, vault.secrets x', note: 'alias' },
  // Code on the server
  { sql: 'SELECT * FROM shop.looks_harmless', note: 'view' },
  { sql: 'SELECT shop.peek()', note: 'function' },
  { sql: 'SELECT shop . peek ()', note: 'function with spaces' },
  { sql: 'SELECT shop.`count`(1)', note: 'function named like a native one' },
  { sql: 'USE shop; SELECT count/**/(1)', note: 'count( with a comment is the stored one' },
  { sql: 'USE shop; SELECT `count`(1)', note: 'quoted is the stored one' },
  { sql: 'CALL shop.fetch()', note: 'procedure' },
  { sql: 'CALL shop.fetch', note: 'procedure without parentheses' },
  { sql: 'BEGIN NOT ATOMIC SELECT secret FROM vault.secrets; END', note: 'compound' },
  { sql: 'IF 1 THEN SELECT secret FROM vault.secrets; END IF', note: 'compound IF' },
  { sql: "EXECUTE IMMEDIATE 'SELECT secret FROM vault.secrets'", note: 'dynamic' },
  { sql: "PREPARE p FROM 'SELECT secret FROM vault.secrets'", note: 'prepare' },
  { sql: "SET @s = 'SELECT secret FROM vault.secrets'; PREPARE p FROM @s", note: 'prepare @s' },
  { sql: 'HANDLER vault.secrets OPEN', note: 'handler' },
  { sql: 'CHECKSUM TABLE vault.secrets', note: 'checksum' },
  { sql: `DO (${S} LIMIT 1)`, note: 'DO' },
  { sql: `SET @x = (${S} LIMIT 1)`, note: 'SET' },
  { sql: `SET STATEMENT max_statement_time = 1 FOR ${S}`, note: 'SET STATEMENT' },
  { sql: `SET STATEMENT sql_mode = 'ANSI_QUOTES' FOR SELECT 1`, note: 'SET STATEMENT sql_mode' },
  { sql: `EXPLAIN ${S}`, note: 'EXPLAIN' },
  { sql: `ANALYZE ${S}`, note: 'ANALYZE' },
  { sql: 'DESCRIBE vault.secrets', note: 'DESCRIBE' },
  { sql: 'SHOW CREATE TABLE vault.secrets', note: 'SHOW CREATE' },
  { sql: 'SHOW COLUMNS FROM shop.secrets FROM vault', note: 'second FROM wins' },
  { sql: `SHOW TABLES FROM shop WHERE (${S} LIMIT 1) > ''`, note: 'SHOW ... WHERE' },
  { sql: `KILL (${S} LIMIT 1)`, note: 'KILL expression' },
  { sql: 'LOCK TABLES vault.secrets READ', note: 'LOCK' },
  { sql: 'TABLE vault.secrets', note: 'MySQL TABLE' },
  // Writes
  { sql: `INSERT INTO shop.orders ${S}`, note: 'INSERT ... SELECT' },
  { sql: `INSERT INTO shop.orders (${S})`, note: 'INSERT (SELECT)' },
  { sql: `INSERT INTO shop.orders SET note = (${S} LIMIT 1)`, note: 'INSERT SET' },
  { sql: `INSERT INTO shop.orders VALUES (9, (${S} LIMIT 1))`, note: 'INSERT VALUES' },
  { sql: 'INSERT INTO vault.secrets VALUES (2, 3)', note: 'INSERT' },
  { sql: 'REPLACE vault.secrets VALUES (2, 3)', note: 'REPLACE' },
  { sql: 'UPDATE vault.secrets SET secret = 1', note: 'UPDATE' },
  { sql: 'UPDATE shop.orders o, vault.secrets s SET s.secret = 1', note: 'multi-table UPDATE' },
  { sql: 'DELETE FROM vault.secrets', note: 'DELETE' },
  { sql: 'DELETE s FROM shop.orders o JOIN vault.secrets s', note: 'multi-table DELETE' },
  { sql: 'DELETE FROM s USING shop.orders o, vault.secrets s', note: 'DELETE USING' },
  { sql: 'TRUNCATE vault.secrets', note: 'TRUNCATE' },
  { sql: 'DROP TABLE vault.secrets', note: 'DROP' },
  { sql: 'CREATE TABLE shop.copy LIKE vault.secrets', note: 'CREATE LIKE' },
  { sql: `CREATE TABLE shop.copy ${S}`, note: 'CREATE SELECT' },
  { sql: `CREATE TEMPORARY TABLE shop.copy ${S}`, note: 'CREATE TEMPORARY SELECT' },
  { sql: `CREATE VIEW shop.w AS ${S}`, note: 'CREATE VIEW' },
  { sql: 'RENAME TABLE vault.secrets TO shop.taken', note: 'RENAME' },
  { sql: 'ALTER TABLE vault.secrets RENAME shop.taken', note: 'ALTER RENAME' },
  // Files, servers, accounts
  { sql: "SELECT LOAD_FILE('/etc/passwd')", note: 'LOAD_FILE' },
  { sql: "SELECT `load_file`('/etc/passwd')", note: 'LOAD_FILE quoted' },
  { sql: "SELECT note INTO OUTFILE '/tmp/x' FROM shop.orders", note: 'OUTFILE' },
  { sql: "SELECT note FROM shop.orders INTO DUMPFILE '/tmp/x'", note: 'DUMPFILE' },
  { sql: "LOAD DATA INFILE '/etc/passwd' INTO TABLE shop.orders", note: 'LOAD DATA' },
  {
    sql: "LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE shop.orders",
    note: 'LOAD DATA LOCAL of a file of its own: a matter of guardrails',
    harmless: true,
  },
  { sql: "LOAD DATA LOCAL INFILE 'x' INTO TABLE vault.secrets", note: 'LOAD DATA LOCAL' },
  { sql: "LOAD DATA LOCAL INFILE 'x' INTO TABLE `vault`.secrets (id)", note: 'LOAD DATA, quoted' },
  {
    sql: `LOAD DATA LOCAL INFILE 'x' INTO TABLE shop.orders SET note = (${S})`,
    note: 'LOAD DATA LOCAL, subquery in SET',
  },
  {
    sql: `LOAD DATA LOCAL INFILE 'x' INTO TABLE shop.orders (id, note) SET note = shop.leak()`,
    note: 'LOAD DATA LOCAL, function in SET',
  },
  {
    sql: `LOAD DATA LOCAL INFILE 'x' INTO TABLE shop.orders LINES TERMINATED BY (${S})`,
    note: 'LOAD DATA LOCAL, subquery as separator',
  },
  {
    sql: "LOAD /* LOCAL */ DATA INFILE '/etc/passwd' INTO TABLE shop.orders",
    note: 'LOAD DATA, LOCAL in a comment',
  },
  {
    sql: "LOAD DATA /*!99999 LOCAL */ INFILE '/etc/passwd' INTO TABLE shop.orders",
    note: 'LOAD DATA, LOCAL in a comment for newer servers',
  },
  { sql: "LOAD XML LOCAL INFILE 'x' INTO TABLE shop.orders", note: 'LOAD XML' },
  {
    sql: `LOAD DATA LOCAL INFILE 'x' INTO TABLE shop.orders; ${S}`,
    note: 'LOAD DATA LOCAL in company',
  },
  {
    sql: "CREATE TABLE shop.f (a INT) ENGINE = CONNECT FILE_NAME = '/etc/passwd'",
    note: 'CONNECT',
  },
  {
    sql: "CREATE TABLE shop.f (a INT) ENGINE=FEDERATED CONNECTION='mysql://h/d/t'",
    note: 'FEDERATED',
  },
  { sql: 'CREATE TABLE shop.f (a INT) ENGINE = MERGE UNION = (vault.secrets)', note: 'MERGE' },
  { sql: 'SET ROLE admin', note: 'SET ROLE' },
  { sql: "SET PASSWORD = 'x'", note: 'SET PASSWORD' },
  { sql: 'GRANT ALL ON *.* TO CURRENT_USER', note: 'GRANT' },
  { sql: "SET SESSION session_track_system_variables = ''", note: 'tracking off' },
  { sql: "SET @@session_track_system_variables = ''", note: 'tracking off with @@' },
  { sql: 'SET @a = 1, session_track_schema = OFF', note: 'tracking off in a list' },
  // Bulk
  { sql: `${spaces}${S}`, note: '1 MB of spaces' },
  { sql: `/*${'x'.repeat(1 << 20)}*/${S}`, note: '1 MB of comment' },
  { sql: `SELECT '${'x'.repeat(1 << 20)}' UNION ${S}`, note: '1 MB of string' },
  { sql: `SELECT ${'('.repeat(5000)}1${')'.repeat(5000)}, (${S} LIMIT 1)`, note: 'deep nesting' },
  { sql: `SELECT ${'1+'.repeat(100_000)}(${S} LIMIT 1)`, note: 'long expression' },
  { sql: S, note: 'ORACLE mode', mode: { oracle: true } },
];
