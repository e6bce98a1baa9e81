// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LexerMode } from '../../src/policy/analyse/analysis.ts';
import { analyseMysql } from '../../src/policy/analyse/mysql/analyse.ts';
import { TokenList } from '../../src/policy/analyse/mysql/tokens.ts';
import { BYPASS } from '../corpus/bypass.ts';
import { STATEMENTS } from '../corpus/statements.ts';
import { type FuzzTarget, fuzz, fuzzOptions } from './fuzz.ts';

const CHARSETS = ['utf8mb4', 'latin1', 'binary', 'gbk'];

const target: FuzzTarget = {
  name: 'analyseMysql',
  seeds: [
    ...STATEMENTS.map(([sql]) => Buffer.from(sql)),
    ...BYPASS.map(({ sql }) => Buffer.from(sql as string)).filter(({ length }) => length < 4_096),
  ],
  run(input, random) {
    const bits = random.below(16);
    const mode: LexerMode = {
      charset: CHARSETS[random.below(CHARSETS.length)] ?? 'utf8mb4',
      ansiQuotes: (bits & 1) !== 0,
      noBackslashEscapes: (bits & 2) !== 0,
      ignoreSpace: (bits & 4) !== 0,
      oracle: false,
    };
    const dialect = (bits & 8) === 0 ? 'mariadb' : 'mysql';
    const options = { caseInsensitiveNames: (bits & 4) !== 0, dialect } as const;
    const analysis = analyseMysql(input, mode, 'shop', options);
    assert.deepEqual(analyseMysql(input, mode, 'shop', options), analysis, 'deterministic');
    // The catch-all of the analysis: a fault of ours, which denies, and which must not exist.
    assert.ok(analysis.ok || analysis.detail !== 'the analysis failed');
  },
};

const MODE: LexerMode = {
  charset: 'utf8mb4',
  ansiQuotes: false,
  noBackslashEscapes: false,
  oracle: false,
  ignoreSpace: false,
};

/** Texts of about 1 MB that make careless readers look again and again. */
const LONG: readonly (readonly [string, string])[] = [
  ['parentheses', '('.repeat(1 << 20)],
  ['SELECT and parentheses', `SELECT ${'('.repeat(1 << 20)}`],
  ['INSERT and parentheses', `INSERT INTO t ${'('.repeat(1 << 20)}`],
  ['CREATE and parentheses', `CREATE TABLE t ${'('.repeat(1 << 20)}`],
  ['closed parentheses', `CREATE TABLE t ${'()'.repeat(1 << 19)}`],
  ['additions', `SELECT ${'1+'.repeat(1 << 19)}1`],
  ['rows', `INSERT INTO t VALUES ${'(1,2),'.repeat(1 << 17)}(1,a)`],
  ['list', `SELECT a IN (${'1,'.repeat(1 << 19)}a)`],
  ['statements', 'DO 1;'.repeat(1 << 17)],
  ['comments', '/**/'.repeat(1 << 18)],
  ['tags', `SELECT 1 ${`/*a='${'x'.repeat(4_000)}*/`.repeat(250)}`],
  ['quotes', `SELECT ${"''".repeat(1 << 19)}`],
  ['backticks', `SELECT ${'`'.repeat(1 << 20)}`],
  ['points', `SELECT a${'.a'.repeat(1 << 19)}`],
  ['tables', `SELECT * FROM ${'t,'.repeat(1 << 19)}t`],
  ['WITH', `WITH ${'a AS (SELECT 1),'.repeat(1 << 16)}b AS (SELECT 1) SELECT * FROM a`],
  ['DELETE', `DELETE FROM ${'t,'.repeat(1 << 19)}`],
  ['unions', `${'SELECT 1 UNION '.repeat(1 << 16)}SELECT 1`],
];

describe('fuzz: analyse', () => {
  it('answers every input', () => {
    assert.ok(fuzz(target, fuzzOptions(process.env)) > 0);
  });

  it('looks at each token a bounded number of times', () => {
    const { word, kind } = TokenList.prototype;
    let looks = 0;
    TokenList.prototype.word = function (index) {
      looks++;
      return word.call(this, index);
    };
    TokenList.prototype.kind = function (index) {
      looks++;
      return kind.call(this, index);
    };
    try {
      for (const [name, sql] of LONG) {
        looks = 0;
        const text = Buffer.from(sql);
        const analysis = analyseMysql(text, MODE, 'shop', { caseInsensitiveNames: false });
        assert.ok(analysis.ok || analysis.detail !== 'the analysis failed', name);
        assert.ok(looks < 60 * text.length, `${name}: ${looks} looks for ${text.length} bytes`);
      }
    } finally {
      TokenList.prototype.word = word;
      TokenList.prototype.kind = kind;
    }
  });
});
