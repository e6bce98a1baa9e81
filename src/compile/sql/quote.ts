// SPDX-License-Identifier: Apache-2.0

/** MariaDB's limit for schema, table and column names. */
const MAX_IDENTIFIER_LENGTH = 64;

/**
 * Whether a declared name can be a schema, table, column or routine on the target. Refused besides
 * what MariaDB refuses: a backslash, which is an escape inside the pattern of a schema-level GRANT.
 */
export function isIdentifier(name: string): boolean {
  if (name.length === 0 || name.length > MAX_IDENTIFIER_LENGTH || name.endsWith(' ')) return false;
  return !/[\p{Cc}\p{Cs}\\/.]/u.test(name) && !/[\u{10000}-\u{10ffff}]/u.test(name);
}

/**
 * `name` as an identifier. Doubling the backtick is all there is: within backticks a backslash and
 * any other character stand for themselves in every sql_mode, so a name such as
 * `` x` TO other, `y `` cannot end its own quoting and add a grantee.
 */
export function quoteIdentifier(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

/**
 * A schema name in `GRANT ... ON schema.*`, where MariaDB reads a LIKE pattern: without escaping,
 * a grant on `a_b` also opens `axb`, and a schema named `%` opens all of them.
 */
export function quoteSchemaPattern(schema: string): string {
  return quoteIdentifier(escapePattern(schema));
}

/** As mysql.db keeps it. */
export function escapePattern(schema: string): string {
  return schema.replace(/[_%]/g, (wildcard) => `\\${wildcard}`);
}

/**
 * A string literal that reads the same with and without NO_BACKSLASH_ESCAPES: a text with a
 * backslash or a quote is written in hex, so that `\' OR ...` is never interpreted at all.
 */
export function quoteString(text: string): string {
  if (/^[^'\\\p{Cc}]*$/u.test(text)) return `'${text}'`;
  return `CONVERT(X'${Buffer.from(text, 'utf8').toString('hex')}' USING utf8mb4)`;
}
