// SPDX-License-Identifier: Apache-2.0
import type { Cursor } from './cursor.ts';
import { isNativeCall } from './native-functions.ts';
import { refuse } from './refusal.ts';
import * as token from './tokens.ts';
import { EXPRESSION_WORDS, FUNCTION_WORDS, PARENTHESISED_WORDS, RESERVED } from './words.ts';

/**
 * Expressions are not parsed into a tree: nothing in an expression reaches an object except a
 * subquery (always `(` and SELECT, WITH or VALUES), a call of a stored function, or a sequence.
 * So the reader walks the tokens, accounts for those three, and stops or refuses at every
 * reserved word that is not part of an expression.
 */
export interface ExpressionOptions {
  /** `a, b, c`: stop at a comma when false. */
  readonly list?: boolean;
  /** `AS name` may follow (select lists, CALL never). */
  readonly aliases?: boolean;
}

const ONE: ExpressionOptions = {};
const LIST: ExpressionOptions = { list: true };

/** One expression; at least one token. */
export function readExpression(cursor: Cursor, options: ExpressionOptions = ONE): void {
  const start = cursor.at;
  while (readPart(cursor, options)) {
    // Each part moves the cursor on.
  }
  if (cursor.at === start) cursor.unexpected('an expression was expected');
}

export function readExpressionList(cursor: Cursor): void {
  readExpression(cursor, LIST);
}

/** False when the next token is not part of the expression. */
function readPart(cursor: Cursor, options: ExpressionOptions): boolean {
  switch (cursor.kindAt()) {
    case token.STRING:
    case token.NUMBER:
    case token.PARAMETER:
    case token.USER_VARIABLE:
      cursor.at++;
      return true;
    case token.SYSTEM_VARIABLE:
      readSystemVariable(cursor);
      return true;
    case token.QUOTED:
    case token.NAME:
      readName(cursor);
      return true;
    case token.OPERATOR:
      return readOperator(cursor, options);
    case token.WORD_TOKEN:
      return readWord(cursor, options);
    default:
      return false;
  }
}

function readSystemVariable(cursor: Cursor): void {
  cursor.at++;
  while (cursor.accept('.')) cursor.name();
}

function readOperator(cursor: Cursor, options: ExpressionOptions): boolean {
  switch (cursor.word()) {
    case '(':
      readParentheses(cursor);
      return true;
    case ')':
    case '}':
    case ';':
      return false;
    case '{':
      readBraces(cursor);
      return true;
    case ',':
      if (options.list !== true) return false;
      break;
    case '.':
      // `.name` is a name with nothing before the point.
      cursor.at++;
      readName(cursor);
      return true;
  }
  cursor.at++;
  return true;
}

/** ODBC escapes: `{d '2024-01-31'}`, `{fn now()}`. */
function readBraces(cursor: Cursor): void {
  cursor.at++;
  cursor.name();
  cursor.nested(() => readExpression(cursor, LIST));
  cursor.expect('}');
}

function readWord(cursor: Cursor, options: ExpressionOptions): boolean {
  const word = cursor.word();
  if (RESERVED.has(word)) {
    if (EXPRESSION_WORDS.has(word)) {
      if (word === 'case') cursor.openCases++;
      cursor.at++;
      return true;
    }
    if (FUNCTION_WORDS.has(word) && cursor.is('(', 1)) {
      cursor.at++;
      return true;
    }
    if (word === 'as' && options.aliases === true) {
      cursor.at++;
      readAlias(cursor);
      return true;
    }
    // percentile_cont(0.5) WITHIN GROUP (ORDER BY a)
    if (word === 'group' && cursor.is('within', -1) && cursor.is('(', 1)) {
      cursor.at++;
      return true;
    }
    return false;
  }
  // A WINDOW clause follows; the word alone is an ordinary name.
  if (word === 'window' && cursor.isName(1) && cursor.is('as', 2)) return false;
  if (readSequenceValue(cursor, word)) return true;
  if (isGrammarWord(cursor, word)) {
    cursor.at++;
    return true;
  }
  readName(cursor);
  return true;
}

/**
 * Unreserved words in the few places where they can be no column; a mistake towards "column" only
 * asks for `select` too.
 */
function isGrammarWord(cursor: Cursor, word: string): boolean {
  if (word === 'end' && cursor.openCases > 0) {
    cursor.openCases--;
    return true;
  }
  if (word === 'date' || word === 'time' || word === 'timestamp') {
    return cursor.kindAt(1) === token.STRING;
  }
  const literal = cursor.kindAt(-1) === token.NUMBER || cursor.kindAt(-1) === token.PARAMETER;
  return literal && cursor.is('interval', -2) && !cursor.is('(', 1);
}

function readAlias(cursor: Cursor): void {
  if (cursor.kindAt() === token.STRING) cursor.at++;
  else cursor.name();
}

/** `NEXT VALUE FOR s`, `PREVIOUS VALUE FOR s`. */
function readSequenceValue(cursor: Cursor, word: string): boolean {
  if (word !== 'next' && word !== 'previous') return false;
  if (!cursor.is('value', 1) || !cursor.is('for', 2)) return false;
  cursor.at += 3;
  needSequence(cursor, word === 'next');
  return true;
}

/** The server wants INSERT to advance a sequence, and SELECT to read it. */
function needSequence(cursor: Cursor, advances: boolean): void {
  const sequence = cursor.tableName();
  cursor.needTable('select', sequence);
  if (advances) cursor.needTable('insert', sequence);
}

/** A column reference or a call. */
function readName(cursor: Cursor): void {
  const first = cursor.at;
  let parts = 1;
  nextPart(cursor);
  while (cursor.is('.')) {
    cursor.at++;
    parts++;
    if (cursor.accept('*')) break;
    nextPart(cursor);
  }
  if (!cursor.is('(')) {
    cursor.columnReads++;
    return;
  }
  if (parts === 1) readCall(cursor, first);
  else if (parts === 2 && cursor.tokens.word(cursor.at - 1) !== '*') {
    const schema = cursor.tokens.identifier(first);
    cursor.needRoutine({ schema, name: cursor.tokens.identifier(cursor.at - 1) });
  } else cursor.unexpected('a call that is not schema.name(...)');
  readParentheses(cursor);
}

function nextPart(cursor: Cursor): void {
  if (!cursor.isName()) cursor.unexpected('a name was expected');
  cursor.at++;
}

const CREDENTIAL_FUNCTIONS = new Set([
  'password',
  'old_password',
  'encrypt',
  'aes_encrypt',
  'aes_decrypt',
  'des_encrypt',
  'des_decrypt',
  'encode',
  'decode',
  'kdf',
]);

/** `name(`, the cursor on the parenthesis. */
function readCall(cursor: Cursor, nameAt: number): void {
  const { tokens } = cursor;
  const quoted = tokens.kind(nameAt) === token.QUOTED;
  const written = tokens.identifier(nameAt);
  const name = written.toLowerCase();
  // MATCH (a) AGAINST (...), a MEMBER OF (...): words of the grammar, not names.
  if (!quoted && name === 'against' && tokens.word(nameAt - 1) === ')') return;
  if (!quoted && name === 'of' && tokens.word(nameAt - 1) === 'member') return;
  if (name === 'load_file') {
    refuse('kind', 'LOAD_FILE() reads files of the database server; it is never allowed');
  }
  if (CREDENTIAL_FUNCTIONS.has(name)) cursor.mayHoldCredentials = true;
  if (!quoted && readSequenceFunction(cursor, name)) return;
  const close = cursor.environment.mode.ignoreSpace
    ? tokens.spacedFromPrevious(cursor.at)
    : tokens.gluedToPrevious(cursor.at);
  if (isNativeCall(name, { quoted, close }, cursor.environment.dialect)) return;
  cursor.needRoutine({ schema: undefined, name: written });
}

/** `NEXTVAL(s)`, `LASTVAL(s)`, `SETVAL(s, ...)`; leaves the cursor on the parenthesis. */
function readSequenceFunction(cursor: Cursor, name: string): boolean {
  if (name !== 'nextval' && name !== 'lastval' && name !== 'setval') return false;
  if (cursor.environment.dialect === 'mysql') return false;
  const open = cursor.at;
  cursor.at++;
  const sequence = cursor.tableName();
  if (name !== 'setval') cursor.needTable('select', sequence);
  if (name !== 'lastval') cursor.needTable('insert', sequence);
  cursor.at = open;
  return true;
}

/** `( ... )`: a subquery, or expressions with the words that functions and casts allow. */
export function readParentheses(cursor: Cursor): void {
  cursor.expect('(');
  cursor.nested(() => {
    if (startsQuery(cursor)) cursor.query(cursor);
    else readInner(cursor);
  });
  cursor.expect(')');
}

/**
 * SELECT, WITH, or the VALUES of a constructor. `((SELECT 1) UNION SELECT 2)` is a query too, but
 * looks like `((SELECT 1) + 1)` at first: both are read by `readInner`, which knows set operators.
 */
function startsQuery(cursor: Cursor): boolean {
  return cursor.isWord() && (cursor.is('select') || cursor.is('with'));
}

function readInner(cursor: Cursor): void {
  for (;;) {
    if (cursor.is(')') || cursor.atEnd) return;
    if (readPart(cursor, LIST)) continue;
    const word = cursor.word();
    if (cursor.isWord() && PARENTHESISED_WORDS.has(word)) cursor.at++;
    else if (
      cursor.is(')', -1) &&
      (word === 'union' || word === 'except' || word === 'intersect')
    ) {
      readSetOperation(cursor);
    } else cursor.unexpected();
  }
}

/** The rest of `((SELECT ...) UNION SELECT ...)`, the cursor on the set operator. */
function readSetOperation(cursor: Cursor): void {
  cursor.at++;
  if (!cursor.accept('all')) cursor.accept('distinct');
  cursor.query(cursor);
}
