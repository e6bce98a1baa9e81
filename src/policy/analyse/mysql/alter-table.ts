// SPDX-License-Identifier: Apache-2.0
import type { Cursor } from './cursor.ts';
import { skipDefinition } from './definition.ts';
import type { TableName } from './names.ts';
import { refuse } from './refusal.ts';

/** The cursor is past ALTER ... TABLE. */
export function readAlterTable(cursor: Cursor): void {
  if (cursor.accept('if')) cursor.expect('exists');
  const table = cursor.tableName();
  cursor.needTable('alter', table);
  // Each look is at one token, so that a special form anywhere in the list is seen.
  skipDefinition(cursor, (at) => {
    while (readSpecial(at, table)) {
      // One form may follow another.
    }
    return false;
  });
}

/** The forms that need more than ALTER on the table itself; true when one was read. */
function readSpecial(cursor: Cursor, table: TableName): boolean {
  if (cursor.atEnd) return false;
  if (cursor.is('rename') && !['column', 'index', 'key'].includes(cursor.word(1))) {
    return readRename(cursor, table);
  }
  if (cursor.is('partition') && (cursor.is('drop', -1) || cursor.is('truncate', -1))) {
    cursor.needTable('drop', table);
  } else if (cursor.is('exchange') && cursor.is('partition', 1)) {
    return readExchange(cursor, table);
  } else if (cursor.is('convert') && (cursor.is('table', 1) || cursor.is('partition', 1))) {
    refuse('kind', 'ALTER TABLE ... CONVERT of partitions is not supported');
  } else if (cursor.is('tablespace') && (cursor.is('import', -1) || cursor.is('discard', -1))) {
    refuse('kind', 'tablespaces are files of the server', 'administration');
  }
  return false;
}

/** `RENAME [TO|AS|=] name`. */
function readRename(cursor: Cursor, table: TableName): boolean {
  cursor.at++;
  if (!cursor.accept('to') && !cursor.accept('as')) cursor.accept('=');
  const name = cursor.tableName();
  cursor.needTable('drop', table);
  cursor.needTable('create', name);
  cursor.needTable('insert', name);
  return true;
}

/** `EXCHANGE PARTITION p WITH TABLE t`: both tables change their rows. */
function readExchange(cursor: Cursor, table: TableName): boolean {
  cursor.at += 2;
  cursor.name();
  cursor.expect('with');
  cursor.expect('table');
  const other = cursor.tableName();
  for (const each of [table, other]) {
    for (const action of ['alter', 'drop', 'create', 'insert', 'select', 'delete'] as const) {
      cursor.needTable(action, each);
    }
  }
  return true;
}
