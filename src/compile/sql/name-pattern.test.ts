// SPDX-License-Identifier: Apache-2.0
import { equal, ok } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compareWidths, NamePattern, schemaPatternReaches } from './name-pattern.ts';

/** Each was tried on MariaDB 10.11: two rows of mysql.db, and what an account could do. */
describe('name pattern', () => {
  const matches = (pattern: string, name: string) =>
    new NamePattern(pattern, 'schema').matches(name);
  const order = (one: string, other: string) =>
    compareWidths(new NamePattern(one, 'schema').width, new NamePattern(other, 'schema').width);

  it('matches byte by byte', () => {
    equal(matches('_', 'ä'), false);
    equal(matches('__', 'ä'), true);
    equal(matches('ab\\_', 'abc'), false);
    equal(matches('ab\\_', 'ab_'), true);
    equal(matches('a\\bc', 'abc'), true);
    equal(matches('a\\\\bc', 'abc'), false);
    equal(matches('a.c', 'abc'), false);
    equal(matches('s%', 'shop\nx'), true);
    equal(matches('Shop', 'shop'), false);
  });

  it('is the more exact the fewer names it can match, then the earlier its wildcard is', () => {
    for (const [first, second] of [
      ['abc', 'a_c'],
      ['ab%', 'a%'],
      ['a__', 'a%'],
      ['a_c', 'ab_'],
      ['a%c', 'ab%'],
      ['%c', 'a%'],
    ] as const) {
      ok(order(first, second) < 0, `${first} before ${second}`);
    }
    equal(order('a%%', 'a%'), 0);
  });

  it('knows whether it is one name', () => {
    equal(new NamePattern('a\\_b', 'schema').name, 'a_b');
    equal(new NamePattern('a_b', 'schema').name, undefined);
  });

  it('compares hosts without case', () => {
    equal(new NamePattern('%.Example', 'host').matches('db.example'), true);
  });

  it('reaches a schema, without case', () => {
    for (const [pattern, schema, reaches] of [
      ['shop', 'shop', true],
      ['shop', 'shopping', false],
      ['sho_', 'shop', true],
      ['sho\\_', 'shop', false],
      ['sho\\_', 'sho_', true],
      ['s%', 'shop', true],
      ['%', 'anything', true],
      ['s\\%', 'shop', false],
      ['a.b', 'axb', false],
      ['a(b', 'a(b', true],
      ['SHOP', 'shop', true],
      ['sh\\op', 'shop', true],
      ['caf_', 'café', false],
      ['caf__', 'café', true],
    ] as const) {
      equal(schemaPatternReaches(pattern, schema), reaches, `${pattern} ${schema}`);
    }
  });
});
