// SPDX-License-Identifier: Apache-2.0
import type { Analysis, LexerMode, StatementFeatures, StatementKind } from '../analysis.ts';
import { charsetClass } from './characters.ts';
import { commentTags } from './comments.ts';
import { Cursor } from './cursor.ts';
import type { Dialect } from './executable-comment.ts';
import { tokenise } from './lexer.ts';
import { normalise } from './normalise.ts';
import { readQuery } from './query.ts';
import { Refusal } from './refusal.ts';
import { readStatement } from './statement.ts';
import type { TokenList } from './tokens.ts';

/** As long as the longest request the gateway takes by default; more is refused unread. */
const MAX_BYTES = 64 * 1024 * 1024;

export interface MysqlAnalysisOptions {
  /** lower_case_table_names is 1 or 2 on the target. */
  readonly caseInsensitiveNames: boolean;
  readonly dialect?: Dialect;
}

/**
 * What the server will touch by name when it runs `text` in `mode`: pure, deterministic, linear in
 * the text, and never throws. `needs` is a superset of the rights the server itself asks for;
 * what is not understood for certain gives `ok: false`.
 */
export function analyseMysql(
  text: Buffer,
  mode: LexerMode,
  defaultSchema: string | undefined,
  options: MysqlAnalysisOptions,
): Analysis {
  const dialect = options.dialect ?? 'mariadb';
  let tokens: TokenList | undefined;
  let cursor: Cursor | undefined;
  try {
    const problem = unreadable(text, mode);
    if (problem !== undefined) throw problem;
    tokens = tokenise(text, mode, dialect);
    const environment = { mode, dialect, caseInsensitiveNames: options.caseInsensitiveNames };
    cursor = new Cursor(tokens, environment, defaultSchema, readQuery);
    const { kind, statements } = readStatements(cursor);
    return {
      ok: true,
      kind,
      needs: cursor.needs,
      features: features(cursor, statements > 1, cursor.mayHoldCredentials),
      normalised: normalise(tokens),
      commentTags: commentTags(tokens),
    };
  } catch (thrown) {
    return refused(thrown, text, tokens, cursor);
  }
}

function unreadable(text: Buffer, mode: LexerMode): Refusal | undefined {
  if (text.length > MAX_BYTES) {
    return new Refusal('unparsed', `the text is longer than ${MAX_BYTES} bytes; send it in parts`);
  }
  if (charsetClass(mode.charset) === 'unsafe') {
    return new Refusal(
      'charset',
      `statements in ${mode.charset} are not read: bytes of its characters look like ASCII; ` +
        'use SET NAMES utf8mb4',
    );
  }
  if (mode.oracle) {
    return new Refusal('unparsed', 'sql_mode ORACLE has another grammar; use a mode without it');
  }
  return undefined;
}

/** The server parses one statement after it ran the one before; this text was read in one mode. */
const READ_ANEW =
  'a statement behind SET sql_mode, SET NAMES and the like is read differently; send it by itself';

/**
 * All statements of the text. Its kind is theirs, or `other` when they differ; but an UPDATE or
 * DELETE without WHERE names the whole text, so that no guardrail is passed in company.
 */
function readStatements(cursor: Cursor): { kind: StatementKind; statements: number } {
  let kind: StatementKind | undefined;
  let unconditional: StatementKind | undefined;
  let statements = 0;
  let hasWhere = false;
  while (cursor.at < cursor.tokens.length) {
    if (cursor.accept(';')) continue;
    if (cursor.changesLexerMode) throw new Refusal('unparsed', READ_ANEW);
    cursor.hasWhere = false;
    readStatement(cursor);
    statements++;
    kind = kind === undefined || kind === cursor.kind ? cursor.kind : 'other';
    hasWhere ||= cursor.hasWhere;
    const changes = cursor.kind === 'update' || cursor.kind === 'delete';
    if (changes && !cursor.hasWhere) unconditional ??= cursor.kind;
  }
  if (cursor.localFile !== undefined && (statements > 1 || kind !== 'load-data')) {
    throw new Refusal('unparsed', 'LOAD DATA LOCAL must be the only statement of its text');
  }
  cursor.hasWhere = hasWhere && unconditional === undefined;
  return { kind: unconditional ?? kind ?? 'empty', statements };
}

function features(
  cursor: Cursor | undefined,
  multiStatement: boolean,
  mayHoldCredentials: boolean,
): StatementFeatures {
  return {
    hasWhere: cursor?.hasWhere ?? false,
    localInfile: cursor?.localFile !== undefined,
    multiStatement,
    mayHoldCredentials,
    ...(cursor?.localFile === undefined ? {} : { localFile: cursor.localFile }),
    ...(cursor?.changesLexerMode && { changesLexerMode: true }),
    ...(cursor?.usesSchema === undefined ? {} : { usesSchema: cursor.usesSchema }),
  };
}

/** Without a full reading, every text that speaks of credentials may hold one. */
const CREDENTIAL_WORDS = /identified|password|encrypt|authentication|master_|connection|server/i;

function refused(
  thrown: unknown,
  text: Buffer,
  tokens: TokenList | undefined,
  cursor: Cursor | undefined,
): Analysis {
  // Anything but a Refusal is a fault of ours: it denies like everything not understood.
  const refusal =
    thrown instanceof Refusal ? thrown : new Refusal('unparsed', 'the analysis failed');
  const kind = refusal.kind ?? cursor?.kind ?? 'other';
  const source = tokens?.source ?? text.toString('latin1', 0, MAX_BYTES);
  const mayHoldCredentials = kind === 'account' || CREDENTIAL_WORDS.test(source);
  const multiStatement = tokens !== undefined && hasInnerSemicolon(tokens);
  return {
    ok: false,
    kind,
    problem: refusal.problem,
    detail: refusal.message,
    plainDetail: refusal.plain,
    features: features(cursor, multiStatement, mayHoldCredentials),
  };
}

function hasInnerSemicolon(tokens: TokenList): boolean {
  const at = tokens.words.indexOf(';');
  return at >= 0 && at < tokens.length - 1;
}
