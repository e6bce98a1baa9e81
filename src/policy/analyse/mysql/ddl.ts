// SPDX-License-Identifier: Apache-2.0
import type { Action } from '../../../model/request.ts';
import { readAlterTable } from './alter-table.ts';
import { readCreateTable } from './create-table.ts';
import type { Cursor } from './cursor.ts';
import { skipDefinition } from './definition.ts';
import { DENIED_OBJECTS } from './denied.ts';
import type { TableName } from './names.ts';
import { skipNames } from './query.ts';
import { refuse } from './refusal.ts';
import * as token from './tokens.ts';

function acceptIfExists(cursor: Cursor): void {
  if (!cursor.accept('if')) return;
  cursor.accept('not');
  cursor.expect('exists');
}

function refuseObject(cursor: Cursor): never {
  const denied = cursor.isWord() ? DENIED_OBJECTS.get(cursor.word()) : undefined;
  if (denied === undefined) return cursor.unexpected();
  return refuse('kind', `${cursor.word().toUpperCase()}: ${denied.remedy}`, denied.kind);
}

function needSchema(cursor: Cursor, action: Action, schema: string): void {
  cursor.need(action, { type: 'schema', schema });
}

export function readCreate(cursor: Cursor): void {
  const orReplace = cursor.acceptAll('or', 'replace');
  if (cursor.is('temporary') || cursor.is('table')) {
    readCreateTable(cursor, orReplace);
    return;
  }
  readDefiner(cursor);
  const first = cursor.word();
  if (acceptIndexWord(cursor)) readIndex(cursor);
  else if (cursor.accept('view')) readView(cursor, orReplace);
  else if (cursor.accept('sequence')) readSequence(cursor, orReplace);
  else if (cursor.accept('database') || cursor.accept('schema')) {
    acceptIfExists(cursor);
    const schema = cursor.schemaName(cursor.name());
    needSchema(cursor, 'create', schema);
    if (orReplace) needSchema(cursor, 'drop', schema);
    skipDefinition(cursor);
  } else if (cursor.accept('trigger')) readTrigger(cursor, orReplace);
  else if (cursor.accept('event')) {
    acceptIfExists(cursor);
    needSchema(cursor, 'event', cursor.tableName().schema);
    skipBody(cursor);
  } else if (first === 'procedure' || first === 'function' || first === 'aggregate') {
    readRoutine(cursor);
  } else refuseObject(cursor);
}

/** ALGORITHM = x, DEFINER = CURRENT_USER, SQL SECURITY x, in any order. */
function readDefiner(cursor: Cursor): void {
  for (;;) {
    if (cursor.acceptAll('algorithm', '=')) cursor.name();
    else if (cursor.acceptAll('sql', 'security')) cursor.name();
    else if (cursor.acceptAll('definer', '=')) {
      if (!cursor.accept('current_user') && !cursor.accept('current_role')) {
        refuse('kind', 'a DEFINER other than CURRENT_USER would run with rights not your own');
      }
      if (cursor.accept('(')) cursor.expect(')');
    } else return;
  }
}

function acceptIndexWord(cursor: Cursor): boolean {
  const start = cursor.at;
  cursor.accept('online') || cursor.accept('offline');
  cursor.accept('unique') || cursor.accept('fulltext') || cursor.accept('spatial');
  if (cursor.accept('index')) return true;
  cursor.at = start;
  return false;
}

/** `[IF NOT EXISTS] name ... ON table ...`. */
function readIndex(cursor: Cursor): void {
  acceptIfExists(cursor);
  cursor.name();
  if (cursor.accept('using')) cursor.name();
  cursor.expect('on');
  cursor.needTable('index', cursor.tableName());
  skipDefinition(cursor);
}

function readView(cursor: Cursor, orReplace: boolean): void {
  acceptIfExists(cursor);
  const view = cursor.tableName();
  cursor.needTable('view', view);
  if (orReplace) cursor.needTable('drop', view);
  if (cursor.is('(')) skipNames(cursor);
  cursor.expect('as');
  cursor.query(cursor);
  if (!cursor.accept('with')) return;
  if (!cursor.accept('cascaded')) cursor.accept('local');
  cursor.expect('check');
  cursor.expect('option');
}

function readSequence(cursor: Cursor, orReplace: boolean): void {
  acceptIfExists(cursor);
  const sequence = cursor.tableName();
  cursor.needTable('create', sequence);
  if (orReplace) cursor.needTable('drop', sequence);
  skipDefinition(cursor);
}

function readTrigger(cursor: Cursor, orReplace: boolean): void {
  acceptIfExists(cursor);
  const trigger = cursor.tableName();
  if (orReplace) needSchema(cursor, 'trigger', trigger.schema);
  // BEFORE INSERT OR UPDATE OF a ON t
  while (!cursor.accept('on')) {
    if (cursor.atEnd || cursor.is('select')) cursor.unexpected();
    cursor.at++;
  }
  cursor.needTable('trigger', cursor.tableName());
  cursor.expect('for');
  cursor.expect('each');
  cursor.expect('row');
  skipBody(cursor);
}

function readRoutine(cursor: Cursor): void {
  cursor.accept('aggregate');
  if (!cursor.accept('procedure')) cursor.expect('function');
  acceptIfExists(cursor);
  needSchema(cursor, 'routine', cursor.tableName().schema);
  if (cursor.is('returns')) {
    refuse('kind', 'loadable functions are not installed through the gateway', 'administration');
  }
  skipBody(cursor);
}

/**
 * A body runs later, with the definer's rights: the right to create it is what is asked for. A
 * `;` in it could as well end the body and start a statement, so several statements are refused.
 */
function skipBody(cursor: Cursor): void {
  while (!cursor.atEnd) cursor.at++;
  if (cursor.kindAt(1) !== token.END) {
    refuse('kind', 'a body of several statements is not supported; its operators can create it');
  }
}

export function readAlter(cursor: Cursor): void {
  readDefiner(cursor);
  if (cursor.accept('online')) cursor.accept('ignore');
  else cursor.accept('ignore');
  if (cursor.accept('table')) readAlterTable(cursor);
  else if (cursor.accept('view')) readView(cursor, true);
  else if (cursor.accept('sequence')) {
    acceptIfExists(cursor);
    cursor.needTable('alter', cursor.tableName());
    skipDefinition(cursor);
  } else if (cursor.accept('database') || cursor.accept('schema')) readAlterSchema(cursor);
  else if (cursor.accept('procedure') || cursor.accept('function')) {
    needRoutineObject(cursor);
    skipDefinition(cursor);
  } else if (cursor.accept('event')) {
    needSchema(cursor, 'event', cursor.tableName().schema);
    skipBody(cursor);
  } else refuseObject(cursor);
}

function readAlterSchema(cursor: Cursor): void {
  // Without a name it is the default schema: `ALTER DATABASE CHARACTER SET x`.
  const named = cursor.isName() && !cursor.is('=', 1) && !cursor.is('charset');
  const schema = named ? cursor.name() : cursor.selectedSchema();
  needSchema(cursor, 'alter', cursor.schemaName(schema));
  skipDefinition(cursor);
}

function needRoutineObject(cursor: Cursor): void {
  const { schema, name } = cursor.routineName(cursor.qualifiedName());
  cursor.need('routine', { type: 'routine', schema, name });
}

export function readDrop(cursor: Cursor): void {
  const temporary = cursor.accept('temporary');
  if (cursor.accept('table') || cursor.accept('tables') || cursor.accept('view')) {
    acceptIfExists(cursor);
    readDropTables(cursor, temporary);
  } else if (cursor.accept('sequence')) {
    acceptIfExists(cursor);
    readDropTables(cursor, temporary);
  } else if (acceptIndexWord(cursor)) readDropIndex(cursor);
  else if (cursor.accept('database') || cursor.accept('schema')) {
    acceptIfExists(cursor);
    needSchema(cursor, 'drop', cursor.schemaName(cursor.name()));
  } else if (cursor.accept('procedure') || cursor.accept('function')) {
    acceptIfExists(cursor);
    needRoutineObject(cursor);
  } else if (cursor.is('trigger') || cursor.is('event')) {
    // The trigger's table is not named: the right on the whole schema is asked for.
    const action = cursor.is('trigger') ? 'trigger' : 'event';
    cursor.at++;
    acceptIfExists(cursor);
    needSchema(cursor, action, cursor.tableName().schema);
  } else refuseObject(cursor);
}

function readDropTables(cursor: Cursor, temporary: boolean): void {
  do {
    const table = cursor.tableName();
    if (temporary) needSchema(cursor, 'temporary', table.schema);
    else cursor.needTable('drop', table);
  } while (cursor.accept(','));
  if (!cursor.accept('restrict')) cursor.accept('cascade');
  readWait(cursor);
}

function readDropIndex(cursor: Cursor): void {
  acceptIfExists(cursor);
  if (!cursor.accept('primary')) cursor.name();
  cursor.expect('on');
  cursor.needTable('index', cursor.tableName());
  skipDefinition(cursor);
}

function readWait(cursor: Cursor): void {
  if (!cursor.accept('wait')) cursor.accept('nowait');
  else if (cursor.kindAt() === token.NUMBER) cursor.at++;
  else cursor.unexpected('a number was expected');
}

export function readRename(cursor: Cursor): void {
  if (!cursor.accept('table') && !cursor.accept('tables')) refuseObject(cursor);
  acceptIfExists(cursor);
  do {
    const from = cursor.tableName();
    readWait(cursor);
    cursor.expect('to');
    needRename(cursor, from, cursor.tableName());
  } while (cursor.accept(','));
}

function needRename(cursor: Cursor, from: TableName, to: TableName): void {
  cursor.needTable('alter', from);
  cursor.needTable('drop', from);
  cursor.needTable('create', to);
  cursor.needTable('insert', to);
}
