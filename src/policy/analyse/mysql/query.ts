// SPDX-License-Identifier: Apache-2.0
import type { Cursor } from './cursor.ts';
import { readExpression, readExpressionList, readParentheses } from './expression.ts';
import { refuse } from './refusal.ts';
import { readTableReferences, type TableReference } from './table-references.ts';
import * as token from './tokens.ts';
import { SELECT_OPTIONS } from './words.ts';

/** A query expression: WITH, SELECT or VALUES or parentheses, set operators, ORDER BY and so on. */
export function readQuery(cursor: Cursor): void {
  const scope = cursor.tableExpressions.length;
  readWith(cursor);
  readQueryBody(cursor);
  cursor.tableExpressions.length = scope;
}

/**
 * Adds common table expressions to the scope; the caller takes them out again. A name is visible
 * to the ones after it, and to itself under RECURSIVE only. Where the server's rule is wider (a
 * forward reference between recursive ones) the name counts as a table, which asks for more. In
 * the body of a WITH inside a derived table MariaDB 10.11 does not see the names of the WITH
 * around it, and reads the tables of those names; so in bodies only the names of the same list
 * count.
 */
export function readWith(cursor: Cursor): void {
  if (!cursor.accept('with')) return;
  const recursive = cursor.accept('recursive');
  const outer = cursor.visibleFrom;
  cursor.visibleFrom = cursor.tableExpressions.length;
  do {
    const name = cursor.name();
    if (recursive) cursor.tableExpressions.push(name);
    if (cursor.is('(')) skipNames(cursor);
    cursor.expect('as');
    cursor.expect('(');
    cursor.nested(() => readQuery(cursor));
    cursor.expect(')');
    if (cursor.accept('cycle')) {
      readExpressionList(cursor);
      cursor.expect('restrict');
    }
    if (!recursive) cursor.tableExpressions.push(name);
  } while (cursor.accept(','));
  cursor.visibleFrom = outer;
}

/** `(a, b, c)`. */
export function skipNames(cursor: Cursor): void {
  cursor.expect('(');
  if (cursor.accept(')')) return;
  do cursor.qualifiedName();
  while (cursor.accept(','));
  cursor.expect(')');
}

function readQueryBody(cursor: Cursor): void {
  readTerm(cursor);
  while (cursor.accept('union') || cursor.accept('except') || cursor.accept('intersect')) {
    if (!cursor.accept('all')) cursor.accept('distinct');
    readTerm(cursor);
  }
  while (readTail(cursor)) {
    // ORDER BY, LIMIT, INTO and locking clauses come in several orders.
  }
}

/** The cursor stands where a query can start. */
export function atQuery(cursor: Cursor): boolean {
  let offset = 0;
  while (cursor.is('(', offset)) offset++;
  if (!cursor.isWord(offset)) return false;
  return cursor.is('select', offset) || cursor.is('with', offset) || cursor.is('values', offset);
}

function readTerm(cursor: Cursor): void {
  if (cursor.accept('(')) {
    cursor.nested(() => readQuery(cursor));
    cursor.expect(')');
  } else if (cursor.accept('select')) readSelect(cursor);
  else if (cursor.accept('values')) readExpressionList(cursor);
  else if (cursor.is('table') && cursor.environment.dialect === 'mysql') {
    cursor.at++;
    cursor.needTable('select', cursor.tableName());
  } else cursor.unexpected('SELECT was expected');
}

function readSelect(cursor: Cursor): void {
  while (cursor.acceptAny(SELECT_OPTIONS) !== undefined) {
    // Options in any order.
  }
  readExpression(cursor, { list: true, aliases: true });
  if (cursor.is('into')) readInto(cursor);
  if (cursor.accept('from')) {
    const references: TableReference[] = [];
    readTableReferences(cursor, references);
    for (const { table } of references) if (table) cursor.needTable('select', table);
  }
  if (cursor.accept('where')) readExpression(cursor);
  if (cursor.acceptAll('group', 'by')) {
    readExpressionList(cursor);
    if (cursor.accept('with')) cursor.expect('rollup');
  }
  if (cursor.accept('having')) readExpression(cursor);
  if (cursor.accept('window')) readWindows(cursor);
}

function readWindows(cursor: Cursor): void {
  do {
    cursor.name();
    cursor.expect('as');
    readParentheses(cursor);
  } while (cursor.accept(','));
}

function readTail(cursor: Cursor): boolean {
  if (cursor.acceptAll('order', 'by')) readExpressionList(cursor);
  else if (cursor.is('limit')) readLimit(cursor);
  else if (cursor.accept('offset')) {
    readExpression(cursor);
    if (!cursor.accept('rows')) cursor.accept('row');
  } else if (cursor.accept('fetch')) readFetch(cursor);
  else if (cursor.is('into')) readInto(cursor);
  else if (cursor.accept('procedure')) {
    refuse('kind', 'PROCEDURE ANALYSE() is not allowed; query information_schema.columns instead');
  } else if (cursor.is('for') || cursor.is('lock')) readLocking(cursor);
  else return false;
  return true;
}

export function readLimit(cursor: Cursor): void {
  if (!cursor.accept('limit')) return;
  if (!cursor.is('rows')) readExpressionList(cursor);
  if (cursor.accept('offset')) readExpression(cursor);
  if (cursor.accept('rows')) {
    cursor.expect('examined');
    readExpression(cursor);
  }
}

/** FETCH FIRST 3 ROWS ONLY. */
function readFetch(cursor: Cursor): void {
  if (!cursor.accept('first')) cursor.expect('next');
  if (!cursor.is('rows') && !cursor.is('row')) cursor.at++;
  if (!cursor.accept('rows')) cursor.expect('row');
  if (cursor.accept('with')) cursor.expect('ties');
  else cursor.expect('only');
}

function readInto(cursor: Cursor): void {
  cursor.expect('into');
  if (cursor.is('outfile') || cursor.is('dumpfile')) {
    refuse('kind', 'INTO OUTFILE and DUMPFILE write files on the database server; read the rows');
  }
  do {
    if (cursor.kindAt() !== token.USER_VARIABLE) cursor.unexpected('INTO @variable was expected');
    cursor.at++;
  } while (cursor.accept(','));
}

/** The server asks for no more than SELECT on the rows it locks. */
function readLocking(cursor: Cursor): void {
  if (cursor.accept('for')) {
    if (!cursor.accept('update')) cursor.expect('share');
  } else {
    cursor.expect('lock');
    cursor.expect('in');
    cursor.expect('share');
    cursor.expect('mode');
  }
  if (cursor.accept('of')) {
    do cursor.qualifiedName();
    while (cursor.accept(','));
  }
  if (cursor.accept('wait')) readExpression(cursor);
  else if (cursor.accept('skip')) cursor.expect('locked');
  else cursor.accept('nowait');
}
