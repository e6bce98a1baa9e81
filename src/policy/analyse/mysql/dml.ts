// SPDX-License-Identifier: Apache-2.0
import type { Cursor } from './cursor.ts';
import { readExpression, readExpressionList, readParentheses } from './expression.ts';
import type { QualifiedName, TableName } from './names.ts';
import { atQuery, readLimit, skipNames } from './query.ts';
import { refuse } from './refusal.ts';
import { readTableReferences, type TableReference } from './table-references.ts';

// Which rights each statement needs was measured on MariaDB 10.11 with accounts that had exactly
// those; test/integration/analyse-differential.test.ts repeats it.

const PRIORITIES = new Set(['low_priority', 'high_priority', 'delayed', 'quick', 'ignore']);

function skipPriorities(cursor: Cursor): void {
  while (cursor.acceptAny(PRIORITIES) !== undefined) {
    // Several may stand in a row.
  }
}

export function readInsert(cursor: Cursor): void {
  skipPriorities(cursor);
  cursor.accept('into');
  const table = readInsertTable(cursor);
  cursor.needTable('insert', table);
  readInsertSource(cursor);
  if (cursor.acceptAll('on', 'duplicate', 'key')) {
    cursor.expect('update');
    cursor.needTable('update', table);
    // Needed even for constants: the server reads the old row.
    cursor.needTable('select', table);
    readAssignments(cursor);
  }
  readReturning(cursor, table);
}

export function readReplace(cursor: Cursor): void {
  skipPriorities(cursor);
  cursor.accept('into');
  const table = readInsertTable(cursor);
  cursor.needTable('insert', table);
  cursor.needTable('delete', table);
  readInsertSource(cursor);
  readReturning(cursor, table);
}

export function readInsertTable(cursor: Cursor): TableName {
  const table = cursor.tableName();
  if (cursor.accept('partition')) skipNames(cursor);
  return table;
}

function readInsertSource(cursor: Cursor): void {
  if (cursor.is('(') && !atQuery(cursor)) skipNames(cursor);
  if (cursor.accept('set')) readAssignments(cursor);
  else if (cursor.accept('values') || cursor.accept('value')) {
    readExpressionList(cursor);
    // MySQL: VALUES (...) AS new (a, b)
    if (cursor.accept('as')) {
      cursor.name();
      if (cursor.is('(')) skipNames(cursor);
    }
  } else cursor.query(cursor);
}

function readReturning(cursor: Cursor, table: TableName): void {
  if (!cursor.accept('returning')) return;
  cursor.needTable('select', table);
  readExpression(cursor, { list: true, aliases: true });
}

/** `a = 1, t.b = b + 1`; what was assigned to. */
export function readAssignments(cursor: Cursor): QualifiedName[][] {
  const targets: QualifiedName[][] = [];
  do {
    targets.push([readColumn(cursor)]);
    if (cursor.accept(':')) cursor.expect('=');
    else cursor.expect('=');
    readExpression(cursor);
  } while (cursor.accept(','));
  return targets;
}

/** `column`, `table.column` (as schema undefined and name table) or `schema.table.column`. */
function readColumn(cursor: Cursor): QualifiedName {
  cursor.accept('.');
  const parts = [cursor.name()];
  while (cursor.accept('.')) parts.push(cursor.name());
  if (parts.length > 3) cursor.unexpected('a column was expected');
  const [first, second] = parts;
  if (parts.length === 3) return { schema: first, name: second ?? '' };
  return { schema: undefined, name: parts.length === 2 ? (first ?? '') : '' };
}

export function readUpdate(cursor: Cursor): void {
  skipPriorities(cursor);
  const references: TableReference[] = [];
  readTableReferences(cursor, references);
  cursor.expect('set');
  const readsBefore = cursor.columnReads;
  const assigned = readAssignments(cursor).flat();
  readConditions(cursor);
  const tables = references.filter((reference) => reference.table !== undefined);
  for (const column of assigned) {
    const owners = column.name === '' ? tables : matching(cursor, tables, column);
    if (owners.length === 0) refuse('unparsed', `UPDATE of ${column.name}, which is not listed`);
    for (const { table } of owners) if (table) cursor.needTable('update', table);
  }
  const reads = cursor.columnReads > readsBefore || references.length > 1;
  for (const { table } of tables) if (table && reads) cursor.needTable('select', table);
}

/** WHERE, ORDER BY and LIMIT of UPDATE and DELETE. */
function readConditions(cursor: Cursor): void {
  if (cursor.accept('where')) {
    const before = cursor.columnReads;
    readExpression(cursor);
    cursor.hasWhere ||= cursor.columnReads > before;
  }
  if (cursor.acceptAll('order', 'by')) readExpressionList(cursor);
  readLimit(cursor);
}

/** Every listed table that `name` may stand for; two schemas may have a table of that name. */
function matching(
  cursor: Cursor,
  references: readonly TableReference[],
  name: QualifiedName,
): readonly TableReference[] {
  return references.filter(({ table, alias }) => {
    if (name.schema === undefined) return sameName(cursor, alias, name.name);
    return (
      table !== undefined &&
      table.schema === cursor.schemaName(name.schema) &&
      (sameName(cursor, alias, name.name) || sameName(cursor, table.name, name.name))
    );
  });
}

/** Aliases compare as the server's file system does; folding more only asks for more. */
function sameName(_cursor: Cursor, left: string, right: string): boolean {
  return left.toLowerCase() === right.toLowerCase();
}

export function readDelete(cursor: Cursor): void {
  skipPriorities(cursor);
  const before = cursor.columnReads;
  if (!cursor.accept('from')) {
    const targets = readTargets(cursor);
    cursor.expect('from');
    readMultipleDelete(cursor, targets);
    return;
  }
  const start = cursor.at;
  const targets = readTargets(cursor);
  if (cursor.accept('using')) {
    readMultipleDelete(cursor, targets);
    return;
  }
  if (targets.length > 1) cursor.unexpected('USING was expected');
  cursor.at = start;
  const table = readInsertTable(cursor);
  if (cursor.accept('for')) {
    cursor.expect('portion');
    cursor.unexpected('FOR PORTION OF is not supported; delete with WHERE');
  }
  // MySQL allows an alias here.
  if (cursor.accept('as') || cursor.isName()) cursor.name();
  cursor.needTable('delete', table);
  readConditions(cursor);
  if (cursor.columnReads > before) cursor.needTable('select', table);
  readReturning(cursor, table);
}

/** `a, b.c.*`: the tables to delete from. */
function readTargets(cursor: Cursor): QualifiedName[] {
  const targets: QualifiedName[] = [];
  do {
    cursor.accept('.');
    const parts = [cursor.name()];
    while (cursor.accept('.')) {
      if (cursor.accept('*')) break;
      parts.push(cursor.name());
    }
    if (parts.length > 2) cursor.unexpected('a table was expected');
    const name = parts.at(-1) ?? '';
    targets.push({ schema: parts.length === 2 ? parts[0] : undefined, name });
  } while (cursor.accept(','));
  return targets;
}

function readMultipleDelete(cursor: Cursor, targets: readonly QualifiedName[]): void {
  const references: TableReference[] = [];
  readTableReferences(cursor, references);
  for (const { table } of references) if (table) cursor.needTable('select', table);
  for (const target of targets) {
    const owners = matching(cursor, references, target).filter(({ table }) => table);
    if (owners.length === 0) refuse('unparsed', `DELETE from ${target.name}, which is not listed`);
    for (const { table } of owners) if (table) cursor.needTable('delete', table);
  }
  readConditions(cursor);
}

/** CALL name, CALL schema.name(...). */
export function readCall(cursor: Cursor): void {
  cursor.needRoutine(cursor.qualifiedName());
  if (cursor.is('(')) readParentheses(cursor);
}

export function readTruncate(cursor: Cursor): void {
  cursor.accept('table');
  cursor.needTable('drop', cursor.tableName());
  if (cursor.accept('wait')) readExpression(cursor);
  else cursor.accept('nowait');
}
