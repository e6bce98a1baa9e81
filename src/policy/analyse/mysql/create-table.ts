// SPDX-License-Identifier: Apache-2.0
import type { Cursor } from './cursor.ts';
import { skipDefinition } from './definition.ts';
import { atQuery } from './query.ts';

/** The cursor is past CREATE [OR REPLACE]. */
export function readCreateTable(cursor: Cursor, orReplace: boolean): void {
  const temporary = cursor.accept('temporary');
  if (temporary && cursor.accept('sequence')) cursor.unexpected('TABLE was expected');
  cursor.expect('table');
  if (cursor.accept('if')) {
    cursor.expect('not');
    cursor.expect('exists');
  }
  const table = cursor.tableName();
  if (temporary) cursor.need('temporary', { type: 'schema', schema: table.schema });
  else {
    cursor.needTable('create', table);
    if (orReplace) cursor.needTable('drop', table);
  }
  if (readLike(cursor)) return;
  // A query may follow the definitions; `(SELECT ...)` stands where they would.
  if (cursor.is('(') && !atQuery(cursor)) {
    skipParentheses(cursor);
  }
  skipDefinition(cursor, atSource);
  if (cursor.atEnd) return;
  if (!cursor.accept('ignore')) cursor.accept('replace');
  cursor.accept('as');
  if (!temporary) cursor.needTable('insert', table);
  cursor.query(cursor);
}

/** `LIKE t` or `(LIKE t)`. */
function readLike(cursor: Cursor): boolean {
  const open = cursor.is('(') && cursor.is('like', 1);
  if (open) cursor.at++;
  if (!cursor.accept('like')) return false;
  cursor.needTable('select', cursor.tableName());
  if (open) cursor.expect(')');
  return true;
}

/** The column list: its own walk, so that a query in it is never taken for the source. */
function skipParentheses(cursor: Cursor): void {
  let closed = false;
  let depth = 0;
  skipDefinition(cursor, () => {
    // Called outside inner parentheses only: before `(` and after `)`.
    closed = depth++ > 0;
    return closed;
  });
}

function atSource(cursor: Cursor): boolean {
  if (cursor.is('with') && (cursor.is('system', 1) || cursor.is('parser', 1))) return false;
  // MySQL: `CREATE TABLE a TABLE b`.
  if (cursor.is('as') || cursor.is('table') || atQuery(cursor)) return true;
  return (cursor.is('ignore') || cursor.is('replace')) && !cursor.is('=', -1);
}
