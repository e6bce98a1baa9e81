// SPDX-License-Identifier: Apache-2.0
import { COM } from '../../src/wire/mysql/commands.ts';
import { command, execution } from '../support/raw-peer.ts';

/**
 * Attempts that need more than one statement, or more than statements. Each step is one write: a
 * text is a COM_QUERY, a list of packets is sent at once. After all of them, as in BYPASS, the
 * marker must not have come back, and nothing forbidden may have run or changed.
 */
export interface BypassSequence {
  readonly note: string;
  readonly steps: readonly (string | Buffer | readonly Buffer[])[];
  /** Collation id of the login. */
  readonly charset?: number;
}

/** Besides BYPASS_SETUP: things that a principal may use and that try to change its session. */
export const SEQUENCE_SETUP: readonly string[] = [
  "CREATE TABLE vault.orders (id INT PRIMARY KEY, note VARCHAR(100)) SELECT 1 AS id, 'MARKER' AS note",
  'CREATE SEQUENCE vault.numbers',
  "CREATE PROCEDURE shop.sneaky() BEGIN SET SESSION session_track_schema = OFF; SET SESSION session_track_system_variables = ''; SET NAMES gbk; SET SESSION sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'; END",
  "CREATE FUNCTION shop.sneaky_function() RETURNS INT BEGIN SET SESSION session_track_schema = OFF; SET SESSION session_track_system_variables = ''; SET SESSION character_set_client = gbk; RETURN 1; END",
  'CREATE VIEW shop.tricky AS SELECT shop.sneaky_function() AS n',
];

const S = 'SELECT secret FROM vault.secrets';
const query = (sql: string | Buffer) => command(COM.COM_QUERY, sql);
const prepare = (sql: string) => command(COM.COM_STMT_PREPARE, sql);
const LAST = 0xffff_ffff;
const OK = 'SELECT note FROM shop.orders';

/** To a reader of utf8mb4 a string that ends at the end; to one of gbk a UNION. */
const GBK = Buffer.concat([
  Buffer.from("SELECT '"),
  Buffer.from([0xbf, 0x5c]),
  Buffer.from(`' UNION ${S} -- '`),
]);
const BACKSLASH = `SELECT 'a\\' UNION ${S} -- '`;
const QUOTES = 'SELECT "secret" FROM "vault"."secrets"';
/** Hides behind a string of ANSI_QUOTES, or behind an identifier without it. */
const DOUBLE = `SELECT 1 AS "a\\" UNION ${S} -- "`;

const ids = [0, 1, 2, 3, 0xffff_fffe, LAST];
const executions = ids.map((id) => execution(id));
const fetch = (id: number) => {
  const body = Buffer.alloc(8);
  body.writeUInt32LE(id, 0);
  body.writeUInt32LE(100, 4);
  return command(COM.COM_STMT_FETCH, body);
};
const changeUser = (database: string, charset: number) =>
  command(
    COM.COM_CHANGE_USER,
    Buffer.concat([
      Buffer.from(`anybody\0\0${database}\0`),
      Buffer.from([charset, 0]),
      Buffer.from('mysql_native_password\0'),
    ]),
  );

const lexerModes: readonly BypassSequence[] = [
  'SET NAMES gbk',
  "SET NAMES 'gbk' COLLATE 'gbk_chinese_ci'",
  'SET CHARACTER SET gbk',
  'SET character_set_client = gbk',
  'SET @@session.character_set_client = 28',
  "SET @@character_set_client = CONCAT('gb', 'k')",
  "SET @a = 'gbk', character_set_client = @a",
  '/*!50000 SET NAMES gbk */',
  '/*M!100100 SET */ NAMES gbk',
  "SET STATEMENT character_set_client = gbk FOR SELECT ''",
  'SET NAMES big5',
  'SET NAMES sjis',
  'SET NAMES cp932',
  'CALL shop.sneaky()',
  'SELECT shop.sneaky_function()',
  'SELECT * FROM shop.tricky',
].flatMap((before) => [
  { note: `${before}, then a hidden quote`, steps: [before, GBK] },
  { note: `${before}, then a hidden quote, in one write`, steps: [[query(before), query(GBK)]] },
]);

const sqlModes: readonly BypassSequence[] = [
  "SET sql_mode = 'NO_BACKSLASH_ESCAPES'",
  "SET SESSION sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'",
  "SET @@sql_mode = CONCAT('NO_BACKSLASH', '_ESCAPES')",
  'SET sql_mode = 4',
  'SET sql_mode = 1048576',
  'SET sql_mode = ANSI',
  'SET sql_mode = ORACLE',
  'SET sql_mode = MSSQL',
  "SET GLOBAL sql_mode = 'NO_BACKSLASH_ESCAPES', SESSION sql_mode = DEFAULT",
  "SET STATEMENT sql_mode = 'NO_BACKSLASH_ESCAPES' FOR SELECT 1",
  'SET @m = @@sql_mode, sql_mode = 1048580',
  'CALL shop.sneaky()',
].flatMap((before) => [
  {
    note: `${before}, then quotes`,
    steps: [before, BACKSLASH, QUOTES, DOUBLE],
  },
  {
    note: `${before}, then quotes, in one write`,
    steps: [[before, BACKSLASH, QUOTES, DOUBLE].map(query)],
  },
  {
    note: `${before}, then quotes, prepared`,
    steps: [[query(before), prepare(BACKSLASH), execution(LAST), prepare(QUOTES), ...executions]],
  },
]);

/** One set of two texts for statement `id`. */
const bulkOf = (id: number) => {
  const head = Buffer.alloc(6);
  head.writeUInt32LE(id, 0);
  head.writeUInt16LE(128, 4);
  const set = Buffer.from('fd00fd00000139000178', 'hex');
  return command(COM.COM_STMT_BULK_EXECUTE, Buffer.concat([head, set]));
};
const bulks = ids.map(bulkOf);
const OWN = 'SELECT note FROM shop.orders WHERE note IN (?, ?)';
const FOREIGN = 'INSERT INTO vault.secrets (id, secret) VALUES (?, ?)';
const LOAD = "LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE shop.orders";

const manyAndFiles: readonly BypassSequence[] = [
  { note: 'bulk after a denied PREPARE', steps: [[prepare(FOREIGN)], bulks] },
  { note: 'bulk after a denied PREPARE, pipelined', steps: [[prepare(FOREIGN), ...bulks]] },
  {
    note: 'bulk -1 after an allowed and a denied PREPARE',
    steps: [[prepare(OWN), prepare(FOREIGN), bulkOf(LAST)], [bulkOf(LAST)]],
  },
  {
    note: 'bulk of a closed statement',
    steps: [[prepare(OWN), command(COM.COM_STMT_CLOSE, Buffer.of(1, 0, 0, 0)), bulkOf(1)]],
  },
  { note: 'bulk without sets', steps: [[prepare(OWN), bulkOf(LAST).subarray(0, 11)]] },
  {
    note: 'bulk with an unknown flag',
    steps: [
      [
        prepare(OWN),
        Buffer.concat([bulkOf(LAST).subarray(0, 6), Buffer.of(2), bulkOf(LAST).subarray(7)]),
      ],
    ],
  },
  { note: 'LOAD DATA LOCAL without a right or guardrail', steps: [LOAD, [query(LOAD), query(S)]] },
  { note: 'LOAD DATA LOCAL, prepared', steps: [[prepare(LOAD), execution(LAST), bulkOf(LAST)]] },
  {
    note: 'a file that nobody asked for, with a statement in it',
    steps: [[query(LOAD), query(`x\n${S}`)], [query(S)]],
  },
];

const preparedOnes: readonly BypassSequence[] = [
  { note: 'EXECUTE after a denied PREPARE', steps: [[prepare(S)], executions] },
  { note: 'EXECUTE after a denied PREPARE, pipelined', steps: [[prepare(S), ...executions]] },
  {
    note: 'EXECUTE -1 after an allowed and a denied PREPARE',
    steps: [[prepare(OK), prepare(S), execution(LAST)], [execution(LAST)]],
  },
  {
    note: 'EXECUTE -1 after a PREPARE that failed at the server',
    steps: [[prepare(OK), prepare('SELECT nothing FROM shop.orders'), execution(LAST)]],
  },
  { note: 'FETCH after a denied PREPARE', steps: [[prepare(S), fetch(1), fetch(LAST)]] },
  {
    note: 'long data, reset and close of statements never prepared',
    steps: [
      [0x18, 0x1a, 0x19].map((code) => command(code, Buffer.from('010000000000', 'hex'))),
      [prepare(S), ...executions],
    ],
  },
  {
    note: 'EXECUTE -1 after a reset',
    steps: [[prepare(OK), command(COM.COM_RESET_CONNECTION), prepare(S), execution(LAST)]],
  },
  {
    note: 'statement prepared under another default schema',
    steps: [[prepare('SELECT * FROM orders'), query('USE vault'), ...executions]],
  },
  {
    note: 'EXECUTE that is cut off',
    steps: [[prepare(OK), command(COM.COM_STMT_EXECUTE, '\u0001')]],
  },
  { note: 'several statements in a PREPARE', steps: [[prepare(`${OK}; ${S}`), ...executions]] },
  {
    note: 'EXECUTE IMMEDIATE, prepared',
    steps: [[prepare(`EXECUTE IMMEDIATE '${S}'`), ...executions]],
  },
  {
    note: 'bulk execute',
    steps: [[prepare(S), command(0xfa, Buffer.from('ffffffff80000100', 'hex'))]],
  },
];

const defaultSchema: readonly BypassSequence[] = [
  { note: 'USE', steps: ['USE vault', 'SELECT * FROM secrets', 'SELECT note FROM orders'] },
  {
    note: 'USE, in one write',
    steps: [
      [
        query('USE vault'),
        query('SELECT note FROM orders'),
        prepare('SELECT note FROM orders'),
        execution(LAST),
      ],
    ],
  },
  { note: 'USE in an executable comment', steps: ['/*! USE vault */', 'SELECT note FROM orders'] },
  {
    note: 'COM_INIT_DB',
    steps: [[command(COM.COM_INIT_DB, 'vault'), query('SELECT note FROM orders')]],
  },
  {
    note: 'COM_INIT_DB in other letters',
    steps: [[command(COM.COM_INIT_DB, 'VAULT'), query('SELECT note FROM orders')]],
  },
  {
    note: 'COM_CHANGE_USER with a database',
    steps: [[changeUser('vault', 45)], 'SELECT note FROM orders'],
  },
  {
    note: 'COM_CHANGE_USER with gbk',
    steps: [[changeUser('shop', 28)], GBK, [prepare(GBK.toString('latin1')), execution(LAST)]],
  },
  {
    note: 'COM_CHANGE_USER, then the role of before',
    steps: [[changeUser('vault', 45), query('SELECT * FROM secrets')], S],
  },
  {
    note: 'COM_FIELD_LIST',
    steps: [[command(COM.COM_INIT_DB, 'vault'), command(4, 'secrets\0%')]],
  },
  {
    note: 'USE after a view switched tracking off',
    steps: ['SELECT * FROM shop.tricky', 'USE vault', 'SELECT note FROM orders'],
  },
  {
    note: 'COM_INIT_DB after a view switched tracking off',
    steps: [
      'SELECT * FROM shop.tricky',
      [command(COM.COM_INIT_DB, 'vault')],
      [command(COM.COM_FIELD_LIST, 'secrets\0%')],
      'SELECT note FROM orders',
    ],
  },
  {
    note: 'USE after a view switched tracking off, in one write',
    steps: [
      [
        query('SELECT * FROM shop.tricky'),
        query('USE vault'),
        prepare('SELECT note FROM orders'),
        execution(LAST),
        query('SELECT note FROM orders'),
      ],
    ],
  },
  { note: 'SET ROLE NONE', steps: ['SET ROLE NONE', 'SET ROLE `all`', 'SET DEFAULT ROLE NONE', S] },
];

const OTHER_CODES = [0x00, 0x05, 0x06, 0x07, 0x08, 0x0a, 0x0b, 0x0d, 0x0f, 0x10, 0x12, 0x13, 0x14];
const commands: readonly BypassSequence[] = [
  ...[...OTHER_CODES, 0x15, 0x1d, 0x1e, 0x1f, 0x20, 0x40, 0xfa, 0xfb, 0xfe, 0xff].map((code) => ({
    note: `command ${code}`,
    steps: [[command(code, 'vault')], [command(code, `vault\0secrets\0${S}`)]],
  })),
  {
    note: 'COM_SET_OPTION, then two statements',
    steps: [[command(COM.COM_SET_OPTION, Buffer.from([0, 0])), query(`${OK}; ${S}`)]],
  },
  { note: 'COM_PROCESS_KILL', steps: [[command(COM.COM_PROCESS_KILL, Buffer.from([1, 0, 0, 0]))]] },
  { note: 'an empty command', steps: [[Buffer.alloc(0)], [query('')], [query(';')]] },
  { note: 'a NUL and a statement', steps: [[query(`${OK}\0; ${S}`)], [query(`\0${S}`)]] },
];

const FULL = 0xffffff;
const padded = (bytes: number, tail: string) =>
  `${OK}/*${'x'.repeat(bytes - OK.length - 5)}*/${tail}`;
const bulk: readonly BypassSequence[] = [FULL - 1, FULL, FULL + 1, 2 * FULL - 2].map((bytes) => ({
  note: `an attempt behind ${bytes} bytes`,
  steps: [padded(bytes, ` UNION ${S}`), [query(padded(bytes - S.length - 7, ` UNION ${S}`))]],
}));

const variables: readonly BypassSequence[] = [
  { note: 'through a variable', steps: [`SELECT secret INTO @x FROM vault.secrets`, 'SELECT @x'] },
  { note: 'PREPARE and EXECUTE', steps: [`PREPARE p FROM '${S}'`, 'EXECUTE p'] },
  { note: 'PREPARE of a variable', steps: [`SET @s = '${S}'`, 'PREPARE p FROM @s', 'EXECUTE p'] },
  { note: 'HANDLER', steps: ['HANDLER vault.secrets OPEN AS h', 'HANDLER h READ FIRST'] },
  {
    note: 'temporary table as a shadow',
    steps: ['CREATE TEMPORARY TABLE shop.orders SELECT secret AS note FROM vault.secrets', OK],
  },
  {
    note: 'tracking off',
    steps: ['SET session_track_schema = 0', 'USE vault', 'SELECT * FROM orders'],
  },
  {
    note: 'tracking off in an executable comment',
    steps: ["SET /*!50000 SESSION */ session_track_system_variables = ''", 'SET NAMES gbk', GBK],
  },
  { note: 'another terminator', steps: [`DELIMITER //`, `${OK}// ${S}//`] },
];

/** Single statements that are not in BYPASS: what a server offers besides tables. */
const statements: readonly BypassSequence[] = [
  'BEGIN NOT ATOMIC DECLARE v TEXT; SELECT secret INTO v FROM vault.secrets; SELECT v; END',
  "EXECUTE IMMEDIATE CONCAT('SEL', 'ECT secret FROM vault.secrets')",
  `ANALYZE FORMAT = JSON DELETE FROM vault.secrets`,
  'ANALYZE FORMAT = JSON DELETE FROM shop.orders',
  `INSERT INTO shop.orders (id) VALUES (77) RETURNING (${S} LIMIT 1)`,
  `DELETE FROM shop.orders RETURNING (${S} LIMIT 1)`,
  'SELECT * FROM vault.secrets FOR SYSTEM_TIME ALL',
  'SELECT NEXT VALUE FOR vault.numbers',
  'SELECT NEXTVAL(vault.numbers)',
  'SELECT SETVAL(vault.numbers, 1000)',
  'SELECT LASTVAL(vault.numbers)',
  `SELECT * FROM shop.orders PROCEDURE ANALYSE((${S} LIMIT 1))`,
  `WITH RECURSIVE r AS (${S} UNION SELECT secret FROM r) SELECT * FROM r`,
  'SHOW TABLES FROM vault',
  'SHOW FULL COLUMNS FROM vault.secrets',
  'SHOW INDEX FROM vault.secrets',
  'SHOW CREATE PROCEDURE shop.fetch',
  'CHECK TABLE vault.secrets',
  'OPTIMIZE TABLE vault.secrets',
  'ANALYZE TABLE vault.secrets PERSISTENT FOR ALL',
  'FLUSH TABLES vault.secrets WITH READ LOCK',
  'BACKUP STAGE START',
  "BINLOG 'x'",
  'INSTALL SONAME "ha_spider"',
  "CREATE FUNCTION sys_exec RETURNS INT SONAME 'x.so'",
  "CREATE USER evil IDENTIFIED BY 'x'",
  'CREATE ROLE evil',
  'RENAME USER root@localhost TO evil@localhost',
  'DROP DATABASE vault',
  'CREATE EVENT shop.e ON SCHEDULE EVERY 1 DAY DO DELETE FROM vault.secrets',
  'CREATE TRIGGER shop.t BEFORE INSERT ON shop.orders FOR EACH ROW DELETE FROM vault.secrets',
  `CREATE FUNCTION shop.leak() RETURNS TEXT RETURN (${S} LIMIT 1)`,
  "CREATE SERVER s FOREIGN DATA WRAPPER mysql OPTIONS (HOST '127.0.0.1')",
  'SELECT * FROM mysql.global_priv',
  'SELECT argument FROM mysql.general_log',
  'XA START "x"',
  'SHUTDOWN',
  'SET GLOBAL general_log = OFF',
  'SET PASSWORD FOR root@localhost = PASSWORD("x")',
  'KILL USER root',
  'RESET QUERY CACHE',
  'LOCK TABLES shop.orders WRITE, vault.secrets READ',
  'ALTER TABLE shop.orders ADD COLUMN evil INT',
  'CREATE OR REPLACE VIEW shop.tricky AS SELECT * FROM vault.secrets',
  'UPDATE shop.orders SET note = 1',
  'UPDATE shop.orders o JOIN vault.secrets s SET o.note = s.secret',
  'SELECT note FROM shop.orders FOR UPDATE',
  `SELECT note FROM shop.orders LIMIT 1 OFFSET 0 INTO OUTFILE '/tmp/postern-bypass'`,
].map((sql) => ({ note: sql, steps: [sql, [prepare(sql), execution(LAST)]] }));

const logins: readonly BypassSequence[] = [
  { note: 'login with gbk', steps: [GBK, S], charset: 28 },
  { note: 'login with sjis', steps: [GBK, S], charset: 13 },
];

export const BYPASS_SEQUENCES: readonly BypassSequence[] = [
  ...statements,
  ...variables,
  ...preparedOnes,
  ...manyAndFiles,
  ...defaultSchema,
  ...lexerModes,
  ...sqlModes,
  ...commands,
  ...logins,
  ...bulk,
];
