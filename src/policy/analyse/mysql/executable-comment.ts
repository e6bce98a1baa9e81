// SPDX-License-Identifier: Apache-2.0
import { refuse } from './refusal.ts';

export type Dialect = 'mariadb' | 'mysql';

/**
 * MariaDB skips `/*!50700` to `/*!99999` (features of MySQL it does not have); below that, every
 * supported server (MariaDB 10.6 and MySQL 5.7 or later) runs the comment.
 */
const FIRST_UNCERTAIN_VERSION = 50_700;
const FIRST_UNCERTAIN_MARIADB_VERSION = 100_600;

/**
 * Where the code of the comment that opens at `at` starts, or undefined for an ordinary comment.
 * Only comments that every supported server runs are read as code; one whose fate depends on the
 * server's version is refused, because a reader that guesses wrong sees another statement.
 */
export function executableComment(
  source: string,
  at: number,
  dialect: Dialect,
): number | undefined {
  const mariadb = /^M!/.test(source.slice(at + 2, at + 4));
  if (!mariadb && source.charAt(at + 2) !== '!') {
    // `/*m!`: MariaDB looks for a capital M; nobody writes the other one by accident.
    if (source.slice(at + 2, at + 4) === 'm!') refuse('unparsed', 'a comment that opens with m!');
    return undefined;
  }
  if (mariadb && dialect === 'mysql') {
    refuse('unparsed', 'a MariaDB executable comment on MySQL; leave the comment out');
  }
  const from = at + (mariadb ? 4 : 3);
  const digits = /^\d*/.exec(source.slice(from, from + 8))?.[0] ?? '';
  if (digits.length > 0 && digits.length < 5) {
    refuse('unparsed', 'an executable comment with a malformed version');
  }
  const limit = mariadb ? FIRST_UNCERTAIN_MARIADB_VERSION : FIRST_UNCERTAIN_VERSION;
  if (digits.length > 6 || Number(digits) >= limit) {
    refuse(
      'unparsed',
      'a comment that only some server versions execute; write the statement without /*! */',
    );
  }
  // A sixth digit is part of the version where the server is new enough, else it is code.
  if (digits.length === 6 && !mariadb) refuse('unparsed', 'an executable comment with six digits');
  return from + digits.length;
}
