// SPDX-License-Identifier: Apache-2.0
import type { Cursor } from './cursor.ts';
import { readExpression } from './expression.ts';
import { refuse } from './refusal.ts';
import * as token from './tokens.ts';

/**
 * Session variables that would change what the gateway learns from the server, who the session
 * seems to be, or what is logged and replicated. Everything else is the session's own business:
 * sql_mode and character sets are allowed, their effect is learnt from the server.
 */
const REFUSED_VARIABLES = new RegExp(
  '^(session_track_|pseudo_|proxy_|external_user$|sql_log_|binlog_|gtid_|wsrep_|server_id$|' +
    'skip_replication$|debug|character_set_filesystem$|default_master_connection$|' +
    'enforce_storage_engine$|in_transaction$|slow_query_log|log_slow_|log_output$)',
);

const LEXER_VARIABLES = /^(sql_mode$|character_set_|collation_)/;

/** In SET STATEMENT the change ends with the statement, and tracking need not report it. */
const REFUSED_IN_STATEMENT = /^(sql_mode$|character_set_|collation_|autocommit$|old_mode$)/;

const STORAGE_ENGINES = new Set(['innodb', 'aria', 'myisam', 'memory', 'default']);

/** Ends at the end of the statement, or after FOR in SET STATEMENT: then `true`. */
export function readSet(cursor: Cursor): boolean {
  if (cursor.accept('statement')) {
    do readVariable(cursor, true);
    while (cursor.accept(','));
    cursor.expect('for');
    return true;
  }
  if (readTransaction(cursor)) return false;
  do readItem(cursor);
  while (cursor.accept(','));
  return false;
}

function readItem(cursor: Cursor): void {
  if (cursor.kindAt() === token.USER_VARIABLE) {
    cursor.at++;
    expectAssignment(cursor);
    readExpression(cursor);
    return;
  }
  if (cursor.is('password')) {
    refuse('kind', 'SET PASSWORD is not allowed: leases have no password of yours', 'account');
  }
  if (cursor.is('role') || (cursor.is('default') && cursor.is('role', 1))) {
    refuse('kind', 'SET ROLE is not allowed: the gateway sets the role of a lease', 'account');
  }
  if (cursor.accept('names')) {
    readNames(cursor);
    return;
  }
  if (cursor.accept('charset') || cursor.acceptAll('character', 'set')) {
    readCharset(cursor);
    return;
  }
  readVariable(cursor, false);
}

function readNames(cursor: Cursor): void {
  readCharset(cursor);
  if (cursor.accept('collate')) readCharset(cursor);
}

function readCharset(cursor: Cursor): void {
  const { at } = cursor;
  if (cursor.kindAt() === token.STRING) cursor.at++;
  else if (!cursor.accept('default') && !cursor.accept('binary')) cursor.name();
  cursor.changesLexerMode = true;
  if (cursor.at === at) cursor.unexpected('a character set was expected');
}

function expectAssignment(cursor: Cursor): void {
  cursor.accept(':');
  cursor.expect('=');
}

const SCOPES = new Set(['global', 'persist', 'persist_only', 'session', 'local']);

function readVariable(cursor: Cursor, inStatement: boolean): void {
  const name = readVariableName(cursor);
  if (REFUSED_VARIABLES.test(name) && !turnsSchemaTrackingOn(cursor, name)) {
    refuse('kind', `SET ${name} is not allowed: the gateway or the database's records rely on it`);
  }
  if (inStatement && REFUSED_IN_STATEMENT.test(name)) {
    refuse('kind', `SET STATEMENT ${name} is not allowed; use SET SESSION ${name}`);
  }
  if (LEXER_VARIABLES.test(name)) cursor.changesLexerMode = true;
  expectAssignment(cursor);
  if (name.endsWith('storage_engine')) {
    readStorageEngine(cursor);
    return;
  }
  // ON is a reserved word, and a value here.
  if (!cursor.accept('on')) readExpression(cursor);
}

/** MariaDB's Java connector sends this at every login; it only asks for what is on already. */
function turnsSchemaTrackingOn(cursor: Cursor, name: string): boolean {
  if (name !== 'session_track_schema' || !cursor.is('=')) return false;
  const value = cursor.tokens.raw(cursor.at + 1).toLowerCase();
  const ends = cursor.is(',', 2) || cursor.is(';', 2) || cursor.kindAt(2) === token.END;
  return ends && (value === '1' || value === 'on' || value === 'true');
}

/** Lower-cased, without its scope; anything but session scope is refused. */
function readVariableName(cursor: Cursor): string {
  let scope = '';
  let name: string;
  if (cursor.kindAt() === token.SYSTEM_VARIABLE) {
    name = cursor.word().slice(2);
    cursor.at++;
    if (cursor.is('.') && SCOPES.has(name)) {
      scope = name;
      cursor.at++;
      name = cursor.name().toLowerCase();
    }
  } else {
    const first = cursor.isWord() ? cursor.word() : '';
    if (SCOPES.has(first) && !cursor.is('=', 1) && !cursor.is(':', 1)) {
      scope = first;
      cursor.at++;
    }
    name = cursor.name().toLowerCase();
  }
  if (cursor.is('.')) refuse('kind', 'a SET of a structured variable is not allowed');
  if (scope !== '' && scope !== 'session' && scope !== 'local') {
    refuse('kind', `SET ${scope.toUpperCase()} changes the server for everybody; use SET SESSION`);
  }
  return name;
}

/** Engines that read files or other servers must not become the default. */
function readStorageEngine(cursor: Cursor): void {
  const raw = cursor.tokens.raw(cursor.at).replace(/['"`]/g, '').toLowerCase();
  if (!STORAGE_ENGINES.has(raw)) {
    refuse('kind', 'this storage engine is not allowed', undefined, `: ${raw}`);
  }
  cursor.at++;
}

/** SET [SESSION] TRANSACTION ... */
function readTransaction(cursor: Cursor): boolean {
  const scoped = cursor.is('session') || cursor.is('local') || cursor.is('global');
  if (!cursor.is('transaction', scoped ? 1 : 0)) return false;
  if (cursor.is('=', scoped ? 2 : 1)) return false;
  if (cursor.is('global')) {
    refuse('kind', 'SET GLOBAL changes the server for everybody; use SET SESSION');
  }
  cursor.at += scoped ? 2 : 1;
  // ISOLATION LEVEL REPEATABLE READ, READ ONLY: words and commas only.
  while (!cursor.atEnd) {
    if (!cursor.isWord() && !cursor.is(',')) cursor.unexpected();
    cursor.at++;
  }
  return true;
}
