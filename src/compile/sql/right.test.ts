// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { revokeStatements, rightsText, schemaPatternReaches } from './right.ts';

const table = (privilege: string) =>
  ({ level: 'table', schema: 'shop', object: 'a`b', column: '', privilege }) as const;

describe('right', () => {
  it('reads a pattern as the server does', () => {
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
    ] as const) {
      equal(schemaPatternReaches(pattern, schema), reaches, `${pattern} ${schema}`);
    }
  });

  it('gathers what concerns one place', () => {
    const rights = [table('SELECT'), table('INSERT')];
    equal(rightsText(rights), 'SELECT, INSERT on shop.a`b');
    deepEqual(revokeStatements(rights, '`r`'), ['REVOKE SELECT, INSERT ON `shop`.`a``b` FROM `r`']);
  });
});
