// SPDX-License-Identifier: Apache-2.0
import type { StatementKind } from '../analysis.ts';
import type { Cursor } from './cursor.ts';
import { readAlter, readCreate, readDrop, readRename } from './ddl.ts';
import { DENIED_STATEMENTS } from './denied.ts';
import { readCall, readDelete, readInsert, readReplace, readTruncate, readUpdate } from './dml.ts';
import { readExpressionList } from './expression.ts';
import { readLoad } from './load-data.ts';
import { atQuery, readQuery, readWith } from './query.ts';
import { refuse } from './refusal.ts';
import { readSet } from './set.ts';
import { readDescribeTable, readShow } from './show.ts';
import { readAlias } from './table-references.ts';
import * as token from './tokens.ts';
import {
  readBegin,
  readEndOfTransaction,
  readRelease,
  readRollback,
  readSavepoint,
  readStart,
} from './transaction.ts';

interface Statement {
  readonly kind: StatementKind;
  /** The cursor is past the first word. */
  read(cursor: Cursor): void;
}

const STATEMENTS: ReadonlyMap<string, Statement> = new Map<string, Statement>([
  ['alter', { kind: 'alter', read: readAlter }],
  ['analyze', { kind: 'analyze-table', read: readAnalyze }],
  ['begin', { kind: 'transaction', read: readBegin }],
  ['call', { kind: 'call', read: readCall }],
  ['check', { kind: 'analyze-table', read: readCheckTable }],
  ['commit', { kind: 'transaction', read: readEndOfTransaction }],
  ['create', { kind: 'create', read: readCreate }],
  ['delete', { kind: 'delete', read: readDelete }],
  ['desc', { kind: 'describe', read: readExplain }],
  ['describe', { kind: 'describe', read: readExplain }],
  ['do', { kind: 'do', read: readExpressionList }],
  ['drop', { kind: 'drop', read: readDrop }],
  ['explain', { kind: 'describe', read: readExplain }],
  ['insert', { kind: 'insert', read: readInsert }],
  ['kill', { kind: 'kill-query', read: readKill }],
  ['load', { kind: 'load-data', read: readLoad }],
  ['lock', { kind: 'lock-tables', read: readLockTables }],
  ['optimize', { kind: 'analyze-table', read: readCheckTable }],
  ['release', { kind: 'transaction', read: readRelease }],
  ['rename', { kind: 'rename', read: readRename }],
  ['replace', { kind: 'replace', read: readReplace }],
  ['rollback', { kind: 'transaction', read: readRollback }],
  ['savepoint', { kind: 'transaction', read: readSavepoint }],
  ['set', { kind: 'set', read: readSetStatement }],
  ['show', { kind: 'show', read: readShow }],
  ['start', { kind: 'transaction', read: readStart }],
  ['truncate', { kind: 'truncate', read: readTruncate }],
  ['unlock', { kind: 'unlock-tables', read: readUnlock }],
  ['update', { kind: 'update', read: readUpdate }],
  ['use', { kind: 'use', read: readUse }],
  ['with', { kind: 'select', read: readWithStatement }],
]);

/** One statement up to `;` or the end; the cursor's kind is set as soon as it is known. */
export function readStatement(cursor: Cursor): void {
  const word = cursor.isWord() ? cursor.word() : '';
  const statement = STATEMENTS.get(word);
  if (statement !== undefined) {
    cursor.kind = statement.kind;
    cursor.at++;
    statement.read(cursor);
  } else if (atQuery(cursor) || word === 'table') {
    cursor.kind = 'select';
    readQuery(cursor);
  } else refuseStatement(cursor, word);
  if (!cursor.atEnd) cursor.unexpected();
}

function refuseStatement(cursor: Cursor, word: string): never {
  const denied = DENIED_STATEMENTS.get(word);
  if (denied === undefined) {
    cursor.kind = 'other';
    return cursor.unexpected('no statement known to the gateway starts');
  }
  return refuse('kind', `${word.toUpperCase()}: ${denied.remedy}`, denied.kind);
}

/** WITH before SELECT, and in MySQL before UPDATE and DELETE. */
function readWithStatement(cursor: Cursor): void {
  cursor.at--;
  const start = cursor.at;
  readWith(cursor);
  const isUpdate = cursor.is('update');
  if (isUpdate || cursor.is('delete')) {
    cursor.at++;
    cursor.kind = isUpdate ? 'update' : 'delete';
    if (isUpdate) readUpdate(cursor);
    else readDelete(cursor);
    cursor.tableExpressions.length = 0;
    return;
  }
  cursor.tableExpressions.length = 0;
  cursor.at = start;
  readQuery(cursor);
}

function readSetStatement(cursor: Cursor): void {
  if (readSet(cursor)) readStatement(cursor);
}

function readUse(cursor: Cursor): void {
  cursor.defaultSchema = cursor.schemaName(cursor.name());
  cursor.usesSchema = cursor.defaultSchema;
}

const EXPLAINED = new Set([
  'select',
  'insert',
  'replace',
  'update',
  'delete',
  'with',
  'values',
  '(',
]);

/** EXPLAIN and DESCRIBE are one word to the server: of a statement or of a table. */
function readExplain(cursor: Cursor): void {
  if (cursor.is('for') || (cursor.is('connection') && cursor.kindAt(1) === token.NUMBER)) {
    refuse('kind', "EXPLAIN FOR CONNECTION shows other sessions' statements", 'administration');
  }
  const start = cursor.at;
  if (!cursor.accept('extended')) cursor.accept('partitions');
  readFormat(cursor);
  if (cursor.accept('analyze')) {
    readAnalyzedStatement(cursor);
    return;
  }
  if (EXPLAINED.has(cursor.word()) && (cursor.isWord() || cursor.is('('))) {
    cursor.kind = 'explain';
    readExplained(cursor);
    cursor.kind = 'explain';
    return;
  }
  cursor.at = start;
  readDescribeTable(cursor);
}

function readFormat(cursor: Cursor): void {
  if (!cursor.acceptAll('format', '=')) return;
  if (cursor.kindAt() === token.STRING) cursor.at++;
  else cursor.name();
}

function readExplained(cursor: Cursor): void {
  if (!EXPLAINED.has(cursor.word())) cursor.unexpected('a statement to explain was expected');
  readStatement(cursor);
}

/** ANALYZE TABLE, or ANALYZE of a statement, which runs it: the kind is the statement's own. */
function readAnalyze(cursor: Cursor): void {
  if (cursor.is('table') || cursor.is('local') || cursor.is('no_write_to_binlog')) {
    readCheckTable(cursor);
    return;
  }
  readAnalyzedStatement(cursor);
}

function readAnalyzedStatement(cursor: Cursor): void {
  readFormat(cursor);
  readExplained(cursor);
}

/** ANALYZE, CHECK and OPTIMIZE TABLE; the server wants SELECT, and INSERT where it may write. */
function readCheckTable(cursor: Cursor): void {
  const check = cursor.is('check', -1);
  if (!cursor.accept('local')) cursor.accept('no_write_to_binlog');
  if (!cursor.accept('table')) cursor.expect('tables');
  do {
    const table = cursor.tableName();
    cursor.needTable('select', table);
    if (!check) cursor.needTable('insert', table);
  } while (cursor.accept(','));
  // Options (EXTENDED, PERSISTENT FOR ALL, histograms) name columns and indexes at most.
  while (!cursor.atEnd) {
    if (!cursor.isName() && !cursor.isWord() && !/^[(),]$/.test(cursor.word())) {
      cursor.unexpected();
    }
    cursor.at++;
  }
}

/** KILL [CONNECTION|QUERY] id; whose session it may be is the gateway's decision. */
function readKill(cursor: Cursor): void {
  if (!cursor.accept('hard')) cursor.accept('soft');
  if (!cursor.accept('connection')) cursor.accept('query');
  if (cursor.kindAt() !== token.NUMBER) {
    refuse('kind', 'KILL takes the number of a connection here, nothing else');
  }
  cursor.at++;
}

function readLockTables(cursor: Cursor): void {
  if (!cursor.accept('tables')) cursor.expect('table');
  do {
    const table = cursor.tableName();
    cursor.needTable('select', table);
    if (!table.isInformationSchema) cursor.need('lock', { type: 'schema', schema: table.schema });
    if (!cursor.is('read') && !cursor.is('write') && !cursor.is('low_priority')) readAlias(cursor);
    if (cursor.accept('read')) cursor.accept('local');
    else {
      cursor.accept('low_priority');
      cursor.expect('write');
      cursor.accept('concurrent');
    }
  } while (cursor.accept(','));
  if (cursor.accept('wait')) cursor.at++;
  else cursor.accept('nowait');
}

function readUnlock(cursor: Cursor): void {
  if (!cursor.accept('tables')) cursor.expect('table');
}
