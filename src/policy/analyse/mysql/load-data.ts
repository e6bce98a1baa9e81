// SPDX-License-Identifier: Apache-2.0
import type { Cursor } from './cursor.ts';
import { readAssignments, readInsertTable } from './dml.ts';
import { refuse } from './refusal.ts';
import * as token from './tokens.ts';

/**
 * LOAD DATA LOCAL: the principal's own file, sent over its connection. Without LOCAL the server
 * would read a file of its own, which no right on tables may give.
 */
export function readLoad(cursor: Cursor): void {
  if (!cursor.accept('data')) refuse('kind', 'only LOAD DATA LOCAL can be allowed; use INSERT');
  if (!cursor.accept('low_priority')) cursor.accept('concurrent');
  if (!cursor.accept('local')) {
    refuse('kind', 'LOAD DATA without LOCAL reads files of the server; use LOAD DATA LOCAL');
  }
  cursor.expect('infile');
  cursor.localFile = readFileName(cursor);
  const replaces = cursor.accept('replace');
  if (!replaces) cursor.accept('ignore');
  cursor.expect('into');
  cursor.expect('table');
  const table = readInsertTable(cursor);
  cursor.needTable('insert', table);
  if (replaces) cursor.needTable('delete', table);
  readCharset(cursor);
  readFormat(cursor);
  if (cursor.is('(')) readFields(cursor);
  if (cursor.accept('set')) readAssignments(cursor);
}

/** The name's bytes, one character each, as the server will send it back in its request. */
function readFileName(cursor: Cursor): string {
  const raw = cursor.tokens.raw(cursor.at);
  const quote = raw.charAt(0);
  if (cursor.kindAt() !== token.STRING || (quote !== "'" && quote !== '"')) {
    cursor.unexpected('a file name in quotes was expected');
  }
  cursor.at++;
  const body = raw.slice(1, -1).replaceAll(quote + quote, quote);
  const { noBackslashEscapes } = cursor.environment.mode;
  // Doubled quotes and escapes meet only in `\''`, which no file is called.
  if (!noBackslashEscapes && body.includes('\\') && raw.slice(1, -1).includes(quote)) {
    cursor.unexpected('a file name with quotes and backslashes');
  }
  const name = noBackslashEscapes ? body : body.replace(/\\([\s\S])/g, unescaped);
  if (name === '' || name.includes('\0')) cursor.unexpected('a file name was expected');
  return name;
}

const ESCAPES: Readonly<Record<string, string>> = {
  '0': '\0',
  b: '\b',
  n: '\n',
  r: '\r',
  t: '\t',
  Z: '\x1a',
  // Kept for LIKE, everywhere.
  '%': '\\%',
  _: '\\_',
};

function unescaped(_whole: string, escaped: string): string {
  return ESCAPES[escaped] ?? escaped;
}

function readCharset(cursor: Cursor): void {
  if (!cursor.accept('charset') && !cursor.acceptAll('character', 'set')) return;
  if (cursor.kindAt() === token.STRING) cursor.at++;
  else if (!cursor.accept('binary') && !cursor.accept('default')) cursor.name();
}

/** FIELDS, LINES and IGNORE n LINES, each at most once and in this order. */
function readFormat(cursor: Cursor): void {
  if (cursor.accept('fields') || cursor.accept('columns')) {
    do {
      if (cursor.accept('optionally')) cursor.expect('enclosed');
      else if (!cursor.accept('terminated') && !cursor.accept('enclosed')) cursor.expect('escaped');
      readSeparator(cursor);
    } while (cursor.is('terminated') || cursor.is('optionally') || atQuoting(cursor));
  }
  if (cursor.accept('lines')) {
    do {
      if (!cursor.accept('terminated')) cursor.expect('starting');
      readSeparator(cursor);
    } while (cursor.is('terminated') || cursor.is('starting'));
  }
  if (!cursor.accept('ignore')) return;
  if (cursor.kindAt() !== token.NUMBER) cursor.unexpected('a number of lines was expected');
  cursor.at++;
  if (!cursor.accept('lines')) cursor.expect('rows');
}

function atQuoting(cursor: Cursor): boolean {
  return cursor.is('enclosed') || cursor.is('escaped');
}

function readSeparator(cursor: Cursor): void {
  cursor.expect('by');
  const kind = cursor.kindAt();
  if (kind !== token.STRING && kind !== token.NUMBER) cursor.unexpected('a string was expected');
  cursor.at++;
}

/** `(column, @variable, table.column)`. */
function readFields(cursor: Cursor): void {
  cursor.expect('(');
  if (cursor.accept(')')) return;
  do {
    if (cursor.kindAt() === token.USER_VARIABLE) cursor.at++;
    else {
      cursor.qualifiedName();
      if (cursor.accept('.')) cursor.name();
    }
  } while (cursor.accept(','));
  cursor.expect(')');
}
