// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { BYPASS } from '../../../../test/corpus/bypass.ts';
import { MYSQL_BYPASS } from '../../../../test/corpus/bypass-mysql.ts';
import { STATEMENTS } from '../../../../test/corpus/statements.ts';
import { objectText } from '../../../model/request.ts';
import { type Analysis, type LexerMode, STATEMENT_KINDS, type StatementKind } from '../analysis.ts';
import { analyseMysql } from './analyse.ts';

const MODE: LexerMode = {
  charset: 'utf8mb4',
  ansiQuotes: false,
  noBackslashEscapes: false,
  oracle: false,
  ignoreSpace: false,
};

function analyse(
  sql: string | Buffer,
  mode: Partial<LexerMode> = {},
  schema = 'shop',
  dialect: 'mariadb' | 'mysql' = 'mariadb',
): Analysis {
  const text = typeof sql === 'string' ? Buffer.from(sql) : sql;
  const options = { caseInsensitiveNames: false, dialect };
  return analyseMysql(text, { ...MODE, ...mode }, schema, options);
}

function needsOf(analysis: Analysis): string[] {
  if (!analysis.ok) return [`refused: ${analysis.detail}`];
  return analysis.needs.map((need) => `${need.action} ${objectText(need.object)}`).sort();
}

const KINDS: readonly (readonly [string, StatementKind])[] = [
  ['SELECT 1', 'select'],
  ['(SELECT 1)', 'select'],
  ['WITH a AS (SELECT 1) SELECT * FROM a', 'select'],
  ['INSERT t VALUES (1)', 'insert'],
  ['REPLACE t VALUES (1)', 'replace'],
  ['UPDATE t SET a = 1', 'update'],
  ['ANALYZE UPDATE t SET a = 1', 'update'],
  ['SET STATEMENT max_statement_time = 1 FOR DELETE FROM t', 'delete'],
  ['TRUNCATE t', 'truncate'],
  ['CALL p', 'call'],
  ['DO 1', 'do'],
  ['SET @a = 1', 'set'],
  ['SHOW TABLES', 'show'],
  ['DESC t', 'describe'],
  ['DESC SELECT 1', 'explain'],
  ['USE x', 'use'],
  ['BEGIN', 'transaction'],
  ['LOCK TABLES t READ', 'lock-tables'],
  ['UNLOCK TABLES', 'unlock-tables'],
  ['CREATE TABLE n (a INT)', 'create'],
  ['ALTER TABLE t ADD b INT', 'alter'],
  ['DROP TABLE t', 'drop'],
  ['RENAME TABLE t TO n', 'rename'],
  ['ANALYZE TABLE t', 'analyze-table'],
  ['KILL QUERY 5', 'kill-query'],
  ['  /* nothing */ ; ', 'empty'],
  ['SELECT 1; DO 1', 'other'],
];

const REFUSED: readonly (readonly [string, StatementKind, 'unparsed' | 'kind'])[] = [
  ['HANDLER t OPEN', 'handler', 'kind'],
  ["PREPARE p FROM 'SELECT 1'", 'prepare', 'kind'],
  ["EXECUTE IMMEDIATE 'SELECT 1'", 'execute', 'kind'],
  ['DEALLOCATE PREPARE p', 'deallocate', 'kind'],
  ['BEGIN NOT ATOMIC SELECT 1; END', 'compound', 'kind'],
  ["LOAD DATA INFILE 'x' INTO TABLE t", 'load-data', 'kind'],
  ["CREATE USER x IDENTIFIED BY 'y'", 'account', 'kind'],
  ["SET PASSWORD = 'x'", 'account', 'kind'],
  ['SET ROLE x', 'account', 'kind'],
  ['SET GLOBAL x = 1', 'set', 'kind'],
  ['SET session_track_schema = 0', 'set', 'kind'],
  ['SET session_track_schema = 1 - 1', 'set', 'kind'],
  ["SET autocommit = 1, session_track_system_variables = '*'", 'set', 'kind'],
  ['FLUSH TABLES', 'administration', 'kind'],
  ['SHUTDOWN', 'administration', 'kind'],
  ['SHOW MASTER STATUS', 'show', 'kind'],
  ["SELECT LOAD_FILE('x')", 'select', 'kind'],
  ['SELECT 1 PROCEDURE ANALYSE()', 'select', 'kind'],
  ["SELECT 1 INTO OUTFILE 'x'", 'select', 'kind'],
  ['CREATE TABLE n (a INT) ENGINE=CONNECT', 'create', 'kind'],
  ['FROBNICATE t', 'other', 'unparsed'],
  ["SELECT 'open", 'other', 'unparsed'],
  ['SELECT 1 /* open', 'other', 'unparsed'],
  ['SELECT 1 /*!100100 + 1 */', 'other', 'unparsed'],
  ['SELECT 1 /*! + 1', 'other', 'unparsed'],
  ['SELECT * FROM t WHERE', 'select', 'unparsed'],
  ['SELECT * FROM t t2 t3', 'select', 'unparsed'],
  [`SELECT ${'('.repeat(500)}1${')'.repeat(500)}`, 'select', 'unparsed'],
];

describe('analyse (mysql)', () => {
  it('finds exactly the needs of every statement of the corpus', () => {
    for (const [sql, ...needs] of STATEMENTS) {
      assert.deepEqual(needsOf(analyse(sql)), [...needs].sort(), sql);
    }
  });

  it('names the kind of each statement', () => {
    for (const [sql, kind] of KINDS) assert.equal(analyse(sql).kind, kind, sql);
  });

  it('refuses, and says of what kind the statement is and why', () => {
    for (const [sql, kind, problem] of REFUSED) {
      const analysis = analyse(sql);
      assert.equal(analysis.ok, false, sql);
      assert.equal(analysis.kind, kind, sql);
      assert.equal(analysis.problem, problem, sql);
      assert.ok(analysis.detail.length > 10, sql);
    }
  });

  it('lets no bypass pass with a right on shop.orders alone', () => {
    for (const { sql, mode, note, harmless } of BYPASS) {
      const analysis = analyse(sql, mode);
      const outside = needsOf(analysis).filter((need) => !/ shop\.orders$/.test(need));
      assert.equal(
        analysis.ok && outside.length === 0,
        harmless === true,
        `${note}: ${sql.slice(0, 200)}`,
      );
    }
  });

  it('lets no bypass of MySQL pass there', () => {
    for (const { sql, mode, note, harmless } of [...BYPASS, ...MYSQL_BYPASS]) {
      if (harmless) continue;
      const outside = needsOf(analyse(sql, mode, 'shop', 'mysql'));
      assert.ok(
        outside.some((need) => !/ shop\.orders$/.test(need)),
        `${note}: ${sql.slice(0, 200)}`,
      );
    }
  });

  it('needs a default schema for names without one', () => {
    const options = { caseInsensitiveNames: false };
    const analysis = analyseMysql(Buffer.from('SELECT * FROM t'), MODE, undefined, options);
    assert.ok(!analysis.ok && /no database selected/.test(analysis.detail));
    const qualified = analyseMysql(Buffer.from('SELECT * FROM a.t'), MODE, undefined, options);
    assert.deepEqual(needsOf(qualified), ['select a.t']);
  });

  it('folds names where the target does', () => {
    const text = Buffer.from('SELECT F(1) FROM Shop.T');
    const folded = analyseMysql(text, MODE, 'Shop', { caseInsensitiveNames: true });
    assert.deepEqual(needsOf(folded), ['execute shop.f()', 'select shop.t']);
  });

  it('follows USE inside one text', () => {
    const analysis = analyse('SELECT * FROM t; USE other; SELECT * FROM o');
    assert.deepEqual(needsOf(analysis), ['select other.o', 'select shop.t']);
    assert.equal(analysis.features.usesSchema, 'other');
    assert.equal(analysis.features.multiStatement, true);
  });

  it('reads nothing behind a change of how the server reads', () => {
    // Under NO_BACKSLASH_ESCAPES the string ends before the DELETE.
    const sql = "SET sql_mode='NO_BACKSLASH_ESCAPES'; SELECT '\\'; DELETE FROM t; -- '";
    assert.match(needsOf(analyse(sql)).join(), /^refused: .*send it by itself/);
    assert.equal(analyse('SET NAMES gbk; SELECT 1').ok, false);
    assert.equal(analyse('SELECT 1; SET NAMES latin1;').ok, true);
  });

  it('refuses brackets, which quote names under sql_mode MSSQL', () => {
    const hidden = "SELECT 1 [a'], secret FROM secrets -- '] FROM t";
    assert.match(needsOf(analyse(hidden)).join(), /^refused: .*square bracket/);
    assert.deepEqual(needsOf(analyse("SELECT '[a]', `[b]` FROM t -- [c]")), ['select shop.t']);
  });

  it('refuses names with bytes that are no character of names', () => {
    for (const bytes of ['\x80\x80OM', '\xc3', '\xed\xa0\x80', '\xf0\x9f\x91\x9f']) {
      for (const name of [bytes, `\`${bytes}\``]) {
        const text = Buffer.from(`SELECT a FROM ${name}`, 'latin1');
        assert.match(needsOf(analyse(text)).join(), /^refused: .*no character of names/, name);
      }
    }
    assert.deepEqual(needsOf(analyse('SELECT grün FROM `größe`')), ['select shop.größe']);
  });

  it('reads quotes as the session does', () => {
    const ansi = { ansiQuotes: true };
    assert.deepEqual(needsOf(analyse('SELECT "a" FROM "t"', ansi)), ['select shop.t']);
    assert.equal(analyse('SELECT "a" FROM "t"').ok, false);
    const sql = "SELECT 'a\\' FROM t -- '";
    assert.deepEqual(needsOf(analyse(sql, { noBackslashEscapes: true })), ['select shop.t']);
    assert.deepEqual(needsOf(analyse(sql)), []);
    assert.deepEqual(needsOf(analyse('SELECT COUNT (*)', { ignoreSpace: true })), []);
    assert.deepEqual(needsOf(analyse('SELECT COUNT (*)')), ['execute shop.count()']);
  });

  it('refuses character sets in which ASCII bytes hide', () => {
    for (const charset of ['gbk', 'big5', 'sjis', 'cp932', 'gb18030', 'ucs2', 'utf16', 'utf32']) {
      const analysis = analyse('SELECT 1', { charset });
      assert.equal(analysis.ok ? '' : analysis.problem, 'charset', charset);
    }
    assert.equal(analyse("SELECT 'é'", { charset: 'latin1' }).ok, true);
    assert.equal(analyse('SELECT é', { charset: 'latin1' }).ok, false);
    assert.deepEqual(needsOf(analyse('SELECT * FROM été')), ['select shop.été']);
    const broken = Buffer.from([...Buffer.from('SELECT * FROM '), 0xff]);
    assert.equal(analyse(broken).ok, false);
  });

  it('tells a WHERE from a constant one', () => {
    const where = (sql: string) => analyse(sql).features.hasWhere;
    assert.equal(where('DELETE FROM t WHERE id = 1'), true);
    assert.equal(where('UPDATE t SET a = 1 WHERE id IN (?)'), true);
    for (const constant of ['1 = 1', 'TRUE', '1', "'a' = 'a'", '(1)']) {
      assert.equal(where(`DELETE FROM t WHERE ${constant}`), false, constant);
    }
  });

  it('does not let a WHERE cover for another statement', () => {
    const analysis = analyse('DO 1; DELETE FROM t; UPDATE t SET a = 1 WHERE id = 1');
    assert.equal(analysis.kind, 'delete');
    assert.equal(analysis.features.hasWhere, false);
  });

  it('is documented kind by kind', () => {
    const page = readFileSync('docs/protocols/mysql-statements.md', 'utf8');
    const documented = [...page.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, kind]) => kind);
    assert.deepEqual(documented.sort(), [...STATEMENT_KINDS].sort());
  });

  it('marks texts that may hold credentials', () => {
    const marked = (sql: string) => analyse(sql).features.mayHoldCredentials;
    assert.equal(marked("CREATE USER x IDENTIFIED BY 'y'"), true);
    assert.equal(marked("SELECT PASSWORD('x')"), true);
    assert.equal(marked("SELECT 1 /*!99999 IDENTIFIED BY 'y' */"), true);
    assert.equal(marked('SELECT a FROM t WHERE id = 1'), false);
  });

  it('gives statements that differ in literals one shape', () => {
    const shape = (sql: string) => {
      const analysis = analyse(sql);
      return analysis.ok ? analysis.normalised : '';
    };
    assert.equal(
      shape("SELECT  a FROM t WHERE b='x' AND c IN (1,2)"),
      shape("select a from t where b = 'y' /* z */ and c in (1, 2, 3)"),
    );
    assert.equal(shape('INSERT INTO t VALUES (1, 2)'), 'insert into t values (?, ...)');
    assert.equal(
      shape('INSERT INTO t VALUES (1, 2), (3, 4), (5, 6)'),
      'insert into t values (?, ...), ...',
    );
  });

  it('reads sqlcommenter tags', () => {
    const analysis = analyse(
      "SELECT 1 /*traceparent='00-5bd66ef5-c4-01',route='%2Fpolls%20x',who='it\\'s'*/",
    );
    assert.deepEqual(analysis.ok && analysis.commentTags, {
      traceparent: '00-5bd66ef5-c4-01',
      route: '/polls x',
      who: "it's",
    });
  });

  it('never throws', () => {
    const options = { caseInsensitiveNames: false };
    const pieces = STATEMENTS.flatMap(([sql]) => sql.split(/(?<=\W)|(?=\W)/));
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 30 }), (parts) => {
        analyseMysql(Buffer.from(parts.join('')), MODE, 'shop', options);
      }),
      { numRuns: 1_000 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        analyseMysql(Buffer.from(bytes), MODE, 'shop', options);
      }),
      { numRuns: 1_000 },
    );
  });

  it('is not misled by white space, comments and case between tokens', () => {
    const gaps = ['  ', '\t', '\n', '/**/', '/* FROM x */', '-- x\n', '#x\n', ' /*! */ '];
    fc.assert(
      fc.property(
        fc.constantFrom(...STATEMENTS),
        fc.array(fc.constantFrom(...gaps), { minLength: 1, maxLength: 8 }),
        fc.boolean(),
        ([sql, ...needs], fill, lower) => {
          let index = 0;
          const text = outsideLiterals(sql, (part) =>
            (lower ? part.toLowerCase() : part).replaceAll(' ', () => {
              return ` ${fill[index++ % fill.length]}`;
            }),
          );
          assert.deepEqual(needsOf(analyse(text)), [...needs].sort(), text);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('never needs less for a subquery more', () => {
    fc.assert(
      fc.property(fc.constantFrom(...STATEMENTS), ([sql]) => {
        const before = analyse(sql);
        const after = analyse(`SELECT (SELECT 1 FROM extra), 2; ${sql}`);
        assert.ok(before.ok && after.ok, sql);
        const needs = new Set(needsOf(after));
        assert.ok(needs.has('select shop.extra'));
        for (const need of needsOf(before)) assert.ok(needs.has(need), sql);
      }),
      { numRuns: 200 },
    );
  });
});

/** Applies `change` outside quotes and comments. */
function outsideLiterals(sql: string, change: (part: string) => string): string {
  return sql
    .split(/('(?:[^'\\]|\\.|'')*'|"[^"]*"|`[^`]*`|\/\*.*?\*\/|\{[^}]*\})/)
    .map((part, index) => (index % 2 === 0 ? change(part) : part))
    .join('');
}
