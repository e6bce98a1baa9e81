// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { dependsOnState, readsDiagnostics } from './diagnostics.ts';

describe('diagnostics', () => {
  it('are statements that mean the same in every state of a session', () => {
    for (const text of [
      'SHOW WARNINGS',
      'show warnings limit 10, 5;',
      'SHOW COUNT(*) ERRORS',
      'SELECT ROW_COUNT()',
      'select found_rows() as n, last_insert_id()',
      'SELECT @@warning_count',
      'SELECT @@session.error_count AS e',
    ]) {
      assert.ok(readsDiagnostics(Buffer.from(text)), text);
      assert.equal(dependsOnState(Buffer.from(`\x03${text}`)), false);
    }
  });

  it('are nothing else', () => {
    for (const text of [
      'SHOW WARNINGS; SELECT 1',
      'SHOW TABLES',
      'SELECT ROW_COUNT() FROM t',
      'SELECT ROW_COUNT() AS `a`',
      'SELECT ROW_COUNT() /* a */',
      'SELECT @@sql_mode',
      'SELECT LAST_INSERT_ID(1)',
      'SELECT shop.row_count()',
      `SELECT ${' '.repeat(200)}ROW_COUNT()`,
    ]) {
      assert.ok(!readsDiagnostics(Buffer.from(text)), text);
      assert.equal(dependsOnState(Buffer.from(`\x16${text}`)), true);
    }
    assert.equal(dependsOnState(Buffer.from('\x04orders\0')), true);
    assert.equal(dependsOnState(Buffer.from('\x17')), false);
  });
});
