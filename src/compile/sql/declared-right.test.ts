// SPDX-License-Identifier: Apache-2.0
import { deepEqual } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { declaredRight } from './declared-right.ts';
import type { Right } from './right.ts';

const right = (level: Right['level'], privilege: string, place: Partial<Right> = {}): Right => ({
  level,
  schema: 'shop',
  object: level === 'schema' || level === 'global' ? '' : 'orders',
  column: '',
  privilege,
  ...place,
});

describe('declared-right', () => {
  const orders = { kind: 'tables', name: 'shop.orders' };
  const sayable: [Right, object][] = [
    [right('table', 'DELETE'), { ...orders, action: 'delete' }],
    [
      right('column', 'UPDATE', { column: 'note' }),
      { ...orders, action: 'update', column: 'note' },
    ],
    [right('schema', 'LOCK TABLES'), { kind: 'tables', name: 'shop.*', action: 'lock' }],
    [
      right('schema', 'SELECT', { schema: 'stock\\_a' }),
      { kind: 'tables', name: 'stock_a.*', action: 'select' },
    ],
    [right('function', 'EXECUTE'), { kind: 'routines', name: 'shop.orders', action: 'execute' }],
  ];
  for (const [given, expected] of sayable) {
    it(`says ${given.privilege} at level ${given.level} in a DataRole's words`, () => {
      deepEqual(declaredRight(given), expected);
    });
  }

  const unsayable: [string, Right][] = [
    ['a right on everything', right('global', 'SELECT')],
    ['a pattern that more than one schema matches', right('schema', 'SELECT', { schema: 'sho_' })],
    ['a right to pass on', right('table', 'GRANT OPTION')],
    ['code that outlives its owner', right('table', 'TRIGGER')],
    ['a routine that may be altered', right('procedure', 'ALTER ROUTINE')],
    ['LOCK TABLES on one table', right('table', 'LOCK TABLES')],
  ];
  for (const [what, given] of unsayable) {
    it(`has no words for ${what}`, () => {
      deepEqual(declaredRight(given), undefined);
    });
  }
});
