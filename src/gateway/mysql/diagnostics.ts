// SPDX-License-Identifier: Apache-2.0
import type { LexerMode } from '../../policy/analyse/analysis.ts';
import { COM } from '../../wire/mysql/commands.ts';

/**
 * What tells about the statement before it and is lost when anything else is asked in between. Only
 * letters, digits and signs that mean the same in every lexer mode and character set, and no names
 * of anything: so it needs no knowledge of the session's state to be read.
 */
const COUNTS = '(?:row_count|found_rows|last_insert_id)\\s*\\(\\s*\\)';
const VARIABLES =
  '@@(?:session\\s*\\.\\s*|local\\s*\\.\\s*)?(?:warning_count|error_count|last_insert_id)';
const VALUE = `(?:${COUNTS}|${VARIABLES})(?:\\s+as\\s+[a-z]\\w{0,60})?`;
const DIAGNOSTICS = new RegExp(
  `^\\s*(?:show\\s+(?:count\\s*\\(\\s*\\*\\s*\\)\\s*)?(?:warnings|errors)` +
    `(?:\\s+limit\\s+\\d{1,9}(?:\\s*,\\s*\\d{1,9})?)?` +
    `|select\\s+${VALUE}(?:\\s*,\\s*${VALUE}){0,5})\\s*;?\\s*$`,
  'i',
);
const LONGEST = 200;

/** Any mode will do for reading them. */
export const DIAGNOSTICS_MODE: LexerMode = {
  charset: 'utf8mb4',
  ansiQuotes: false,
  noBackslashEscapes: false,
  oracle: false,
  ignoreSpace: false,
};

export function readsDiagnostics(text: Buffer): boolean {
  return text.length <= LONGEST && DIAGNOSTICS.test(text.toString('latin1'));
}

/** The command's meaning depends on the lexer mode or the default schema. */
export function dependsOnState(payload: Buffer): boolean {
  const code = payload[0];
  if (code === COM.COM_FIELD_LIST) return true;
  const isStatement = code === COM.COM_QUERY || code === COM.COM_STMT_PREPARE;
  return isStatement && !readsDiagnostics(payload.subarray(1));
}
