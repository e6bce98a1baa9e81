// SPDX-License-Identifier: Apache-2.0
import { equal } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isIdentifier, quoteIdentifier, quoteSchemaPattern, quoteString } from './quote.ts';

describe('quote', () => {
  it('keeps an identifier inside its backticks', () => {
    equal(quoteIdentifier('orders'), '`orders`');
    equal(quoteIdentifier('x` TO root; -- '), '`x`` TO root; -- `');
    equal(quoteIdentifier('`'), '````');
  });

  it('escapes what a schema-level GRANT reads as a wildcard', () => {
    equal(quoteSchemaPattern('a_b'), '`a\\_b`');
    equal(quoteSchemaPattern('%'), '`\\%`');
  });

  it('writes a string that reads the same in every sql_mode', () => {
    equal(quoteString('plain text'), "'plain text'");
    equal(quoteString("it's"), "CONVERT(X'69742773' USING utf8mb4)");
    equal(quoteString('\\'), "CONVERT(X'5c' USING utf8mb4)");
    equal(quoteString('a\nb'), "CONVERT(X'610a62' USING utf8mb4)");
  });

  it('refuses names that cannot be, or read differently in a pattern', () => {
    for (const name of ['orders', 'a_b', 'Bestellungen 2', 'ä', 'a`b', 'a%']) {
      equal(isIdentifier(name), true, name);
    }
    for (const name of ['', 'a ', 'a\\_b', 'a/b', 'a.b', 'a\0', 'x'.repeat(65), '\u{1f600}']) {
      equal(isIdentifier(name), false, name);
    }
  });
});
