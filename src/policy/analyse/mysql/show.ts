// SPDX-License-Identifier: Apache-2.0
import type { Cursor } from './cursor.ts';
import { readExpression } from './expression.ts';
import { readLimit } from './query.ts';
import { refuse } from './refusal.ts';
import * as token from './tokens.ts';

/** Lists which the server cuts down to what the account has rights on, or that hold no data. */
const LISTS: readonly (readonly string[])[] = [
  ['authors'],
  ['character', 'set'],
  ['charset'],
  ['collation'],
  ['contributors'],
  ['databases'],
  ['engines'],
  ['errors'],
  ['events'],
  ['function', 'status'],
  ['locales'],
  ['open', 'tables'],
  ['package', 'status'],
  ['package', 'body', 'status'],
  ['plugins'],
  ['privileges'],
  ['procedure', 'status'],
  ['processlist'],
  ['profile'],
  ['profiles'],
  ['schemas'],
  ['status'],
  ['storage', 'engines'],
  ['table', 'status'],
  ['tables'],
  ['triggers'],
  ['variables'],
  ['warnings'],
];

export function readShow(cursor: Cursor): void {
  if (cursor.accept('create')) {
    readShowCreate(cursor);
    return;
  }
  if (cursor.accept('grants')) {
    readShowGrants(cursor);
    return;
  }
  for (const word of ['global', 'session', 'local', 'extended', 'full']) cursor.accept(word);
  if (cursor.acceptAll('count', '(', '*', ')')) {
    if (!cursor.accept('warnings')) cursor.expect('errors');
    return;
  }
  if (cursor.accept('columns') || cursor.accept('fields')) {
    readOfTable(cursor);
    return;
  }
  if (cursor.accept('index') || cursor.accept('indexes') || cursor.accept('keys')) {
    readOfTable(cursor);
    return;
  }
  if (!LISTS.some((words) => cursor.acceptAll(...words))) {
    refuse('kind', 'this form of SHOW is administration of the server; ask its operators');
  }
  while (cursor.accept('from') || cursor.accept('in')) cursor.name();
  readFilter(cursor);
}

/** `FROM t [FROM schema]`. */
function readOfTable(cursor: Cursor): void {
  if (!cursor.accept('from')) cursor.expect('in');
  let name = cursor.qualifiedName();
  if (cursor.accept('from') || cursor.accept('in')) {
    // The second FROM wins over a schema written with the table.
    name = { schema: cursor.name(), name: name.name };
  }
  cursor.needTable('select', cursor.resolveTable(name));
  readFilter(cursor);
}

function readFilter(cursor: Cursor): void {
  if (cursor.accept('like')) readExpression(cursor);
  else if (cursor.accept('where')) readExpression(cursor);
  readLimit(cursor);
}

function readShowCreate(cursor: Cursor): void {
  if (cursor.accept('database') || cursor.accept('schema')) {
    if (cursor.acceptAll('if', 'not')) cursor.expect('exists');
    cursor.name();
  } else if (cursor.accept('table') || cursor.accept('view') || cursor.accept('sequence')) {
    cursor.needTable('select', cursor.tableName());
  } else if (cursor.accept('procedure') || cursor.accept('function')) {
    cursor.needRoutine(cursor.qualifiedName());
  } else if (cursor.is('user')) {
    refuse('kind', 'SHOW CREATE USER is about accounts, which the gateway keeps', 'account');
  } else refuse('kind', 'this form of SHOW CREATE is not supported');
}

function readShowGrants(cursor: Cursor): void {
  if (!cursor.accept('for')) return;
  if (!cursor.accept('current_user') && !cursor.accept('current_role')) {
    refuse('kind', 'SHOW GRANTS of other accounts is not allowed; use SHOW GRANTS', 'account');
  }
  if (cursor.accept('(')) cursor.expect(')');
}

/** `DESCRIBE t`, `DESCRIBE t column`, `DESCRIBE t 'pattern'`. */
export function readDescribeTable(cursor: Cursor): void {
  cursor.needTable('select', cursor.tableName());
  if (cursor.atEnd) return;
  if (cursor.kindAt() === token.STRING) cursor.at++;
  else cursor.name();
}
