// SPDX-License-Identifier: Apache-2.0
import type { Cursor } from './cursor.ts';
import { refuse } from './refusal.ts';
import * as token from './tokens.ts';

/** Engines that keep their data in the server's own files and reach nothing else. */
const ENGINES = new Set(['innodb', 'aria', 'myisam', 'memory', 'heap', 'rocksdb', 'default']);

/**
 * Walks over the definition of a table, index or sequence. A definition reaches another object
 * only by REFERENCES, a sequence in a DEFAULT, or options that name files, servers or tables;
 * stored functions are not allowed in one by the server. Ends at the end of the statement, or
 * where `stop` says so outside parentheses.
 */
export function skipDefinition(cursor: Cursor, stop?: (cursor: Cursor) => boolean): void {
  let depth = 0;
  while (!cursor.atEnd) {
    if (depth === 0 && stop?.(cursor)) return;
    if (cursor.is('(')) depth++;
    else if (cursor.is(')')) depth--;
    if (depth < 0) cursor.unexpected();
    if (readReference(cursor)) continue;
    refuseOutside(cursor);
    cursor.at++;
  }
  if (depth !== 0) cursor.unexpected();
}

/** REFERENCES t and sequences; false when the token is neither. */
function readReference(cursor: Cursor): boolean {
  if (cursor.accept('references')) {
    cursor.needTable('references', cursor.tableName());
    return true;
  }
  const next = cursor.acceptAll('next', 'value', 'for');
  if (next || cursor.acceptAll('previous', 'value', 'for')) {
    needSequence(cursor);
    return true;
  }
  if (!cursor.is('(', 1)) return false;
  if (cursor.is('nextval') || cursor.is('lastval') || cursor.is('setval')) {
    cursor.at += 2;
    needSequence(cursor);
    cursor.expect(')');
    return true;
  }
  return false;
}

function needSequence(cursor: Cursor): void {
  const sequence = cursor.tableName();
  cursor.needTable('select', sequence);
  cursor.needTable('insert', sequence);
}

function refuseOutside(cursor: Cursor): void {
  if (cursor.is('(', 1) && /load_file/i.test(cursor.tokens.raw(cursor.at))) {
    refuse('kind', 'LOAD_FILE() reads files of the database server; it is never allowed');
  }
  if (!cursor.isWord()) return;
  switch (cursor.word()) {
    case 'select':
    case 'table':
      cursor.unexpected('a query was not expected');
      break;
    case 'data':
    case 'index':
      if (cursor.is('directory', 1)) refuse('kind', 'DATA DIRECTORY names files of the server');
      break;
    case 'connection':
    case 'union':
    case 'secondary_engine':
      if (cursor.is('=', 1) || cursor.is('(', 1)) {
        refuse('kind', `${cursor.word().toUpperCase()} would reach other tables or servers`);
      } else if (cursor.kindAt(1) === token.STRING) {
        refuse('kind', 'CONNECTION would reach another server');
      }
      break;
    case 'engine':
      refuseEngine(cursor);
      break;
  }
}

/** `ENGINE = x`, also of a partition. CONNECT, FEDERATED, SPIDER and others reach elsewhere. */
function refuseEngine(cursor: Cursor): void {
  const at = cursor.at + (cursor.is('=', 1) ? 2 : 1);
  if (cursor.tokens.kind(at) === token.OPERATOR || cursor.tokens.kind(at) === token.END) return;
  const name = cursor.tokens.raw(at).replace(/['"`]/g, '').toLowerCase();
  // A column may be called engine: then its type or order follows, never an engine.
  if (!cursor.is('=', 1) && AFTER_COLUMN.has(cursor.tokens.word(at))) return;
  if (!ENGINES.has(name)) {
    refuse('kind', 'this storage engine is not allowed', undefined, `: ${name}`);
  }
}

const AFTER_COLUMN = new Set([
  'asc',
  'bigint',
  'binary',
  'bit',
  'blob',
  'bool',
  'boolean',
  'char',
  'date',
  'datetime',
  'decimal',
  'desc',
  'double',
  'enum',
  'float',
  'int',
  'integer',
  'json',
  'longtext',
  'mediumint',
  'mediumtext',
  'set',
  'smallint',
  'text',
  'time',
  'timestamp',
  'tinyint',
  'tinytext',
  'uuid',
  'varbinary',
  'varchar',
]);
