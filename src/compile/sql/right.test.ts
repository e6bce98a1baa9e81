// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { revokeStatements, rightsText } from './right.ts';

const table = (privilege: string) =>
  ({ level: 'table', schema: 'shop', object: 'a`b', column: '', privilege }) as const;

describe('right', () => {
  it('gathers what concerns one place', () => {
    const rights = [table('SELECT'), table('INSERT')];
    equal(rightsText(rights), 'SELECT, INSERT on shop.a`b');
    deepEqual(revokeStatements(rights, '`r`'), ['REVOKE SELECT, INSERT ON `shop`.`a``b` FROM `r`']);
  });
});
