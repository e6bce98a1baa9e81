// SPDX-License-Identifier: Apache-2.0
import type { Cursor } from './cursor.ts';
import { readExpression } from './expression.ts';
import type { TableName } from './names.ts';
import { refuse } from './refusal.ts';
import * as token from './tokens.ts';

/** One table of a FROM clause; `table` is undefined for subqueries and table expressions. */
export interface TableReference {
  readonly table: TableName | undefined;
  /** What the rest of the statement calls it. */
  readonly alias: string;
}

/** Everything between FROM and the next clause. The caller asks for rights on what it found. */
export function readTableReferences(cursor: Cursor, found: TableReference[]): void {
  readFactor(cursor, found);
  for (;;) {
    if (cursor.accept(',') || acceptJoin(cursor)) readFactor(cursor, found);
    else if (cursor.is('on') && !cursor.is('duplicate', 1)) {
      cursor.at++;
      readExpression(cursor);
    } else if (cursor.accept('using')) skipUsing(cursor);
    else return;
  }
}

function acceptJoin(cursor: Cursor): boolean {
  if (cursor.accept('straight_join')) return true;
  const start = cursor.at;
  cursor.accept('natural');
  if (cursor.accept('left') || cursor.accept('right')) cursor.accept('outer');
  else if (!cursor.accept('inner')) cursor.accept('cross');
  if (cursor.accept('join')) return true;
  if (cursor.at !== start) cursor.unexpected('JOIN was expected');
  return false;
}

function skipUsing(cursor: Cursor): void {
  cursor.expect('(');
  do cursor.name();
  while (cursor.accept(','));
  cursor.expect(')');
}

function readFactor(cursor: Cursor, found: TableReference[]): void {
  if (cursor.accept('lateral') && !cursor.is('(')) cursor.unexpected('( was expected');
  if (cursor.is('(')) {
    readNested(cursor, found);
    const alias = readAlias(cursor);
    if (alias !== undefined) {
      if (cursor.is('(')) skipUsing(cursor);
      found.push({ table: undefined, alias });
    }
  } else if (cursor.accept('{')) {
    // ODBC: { OJ a LEFT OUTER JOIN b ON ... }
    cursor.expect('oj');
    cursor.nested(() => readTableReferences(cursor, found));
    cursor.expect('}');
  } else if (cursor.accept('dual')) {
    readAlias(cursor);
  } else if (cursor.is('json_table') && cursor.is('(', 1)) readJsonTable(cursor, found);
  else readTable(cursor, found);
}

/** `(SELECT ...)`, `(a JOIN b)`, and both again inside more parentheses. */
function readNested(cursor: Cursor, found: TableReference[]): void {
  cursor.expect('(');
  cursor.nested(() => {
    if (cursor.is('select') || cursor.is('with') || cursor.is('values')) cursor.query(cursor);
    else {
      readTableReferences(cursor, found);
      // It was ((SELECT ...) UNION ...) after all.
      if (cursor.accept('union') || cursor.accept('except') || cursor.accept('intersect')) {
        if (!cursor.accept('all')) cursor.accept('distinct');
        cursor.query(cursor);
      }
    }
  });
  cursor.expect(')');
}

function readTable(cursor: Cursor, found: TableReference[]): void {
  const pointFirst = cursor.is('.');
  const name = cursor.qualifiedName();
  const hidden = name.schema === undefined && !pointFirst && cursor.isTableExpression(name.name);
  const table = hidden ? undefined : cursor.resolveTable(name);
  if (cursor.accept('partition')) skipUsing(cursor);
  readSystemTime(cursor);
  const alias = readAlias(cursor) ?? name.name;
  readIndexHints(cursor);
  found.push({ table, alias });
}

/** FOR SYSTEM_TIME AS OF x, BETWEEN x AND y, FROM x TO y, ALL. */
function readSystemTime(cursor: Cursor): void {
  if (!cursor.is('for') || !cursor.is('system_time', 1)) return;
  cursor.at += 2;
  if (cursor.accept('all')) return;
  if (cursor.acceptAll('as', 'of') || cursor.accept('between')) readExpression(cursor);
  else if (cursor.accept('from')) {
    readExpression(cursor);
    cursor.expect('to');
    readExpression(cursor);
  } else cursor.unexpected();
}

/** `AS name`, `name`; a string only after AS. */
export function readAlias(cursor: Cursor): string | undefined {
  if (cursor.accept('as')) return cursor.name();
  if (!cursor.isName() || (cursor.is('window') && cursor.is('as', 2))) return undefined;
  return cursor.name();
}

function readIndexHints(cursor: Cursor): void {
  while (cursor.is('use') || cursor.is('force') || cursor.is('ignore')) {
    cursor.at++;
    if (!cursor.accept('index')) cursor.expect('key');
    if (cursor.accept('for')) {
      if (!cursor.accept('join') && !cursor.acceptAll('order', 'by')) {
        cursor.expect('group');
        cursor.expect('by');
      }
    }
    cursor.expect('(');
    while (!cursor.accept(')')) {
      if (!cursor.accept('primary')) cursor.name();
      cursor.accept(',');
    }
  }
}

function readJsonTable(cursor: Cursor, found: TableReference[]): void {
  cursor.at += 2;
  cursor.nested(() => readExpression(cursor));
  cursor.expect(',');
  if (cursor.kindAt() !== token.STRING) cursor.unexpected('a path was expected');
  cursor.at++;
  cursor.expect('columns');
  skipColumns(cursor);
  cursor.expect(')');
  const alias = readAlias(cursor);
  if (alias === undefined) cursor.unexpected('JSON_TABLE needs an alias');
  found.push({ table: undefined, alias });
}

/** The column list holds names, types, paths and literals, never an expression. */
function skipColumns(cursor: Cursor): void {
  let depth = 0;
  do {
    if (cursor.atEnd) cursor.unexpected();
    if (cursor.is('select')) refuse('unparsed', 'a query in the columns of JSON_TABLE');
    if (cursor.is('(')) depth++;
    else if (cursor.is(')')) depth--;
    cursor.at++;
  } while (depth > 0);
}
