// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ORDERS, privilege, role } from '../../test/support/policy.ts';
import type { Privilege } from './policy.ts';
import { privilegeSetId } from './privilege-set.ts';

function id(...privileges: (string | Privilege)[]): string {
  return privilegeSetId(ORDERS, [role('data-orders/any', privileges)]);
}

describe('privilege-set', () => {
  it('names content, whatever its order, split and rule', () => {
    const one = id('select,insert shop.orders shop.items');
    assert.equal(id('insert,select shop.items shop.orders'), one);
    assert.equal(id('select shop.orders shop.items', 'insert shop.items shop.orders'), one);
    const roles = [
      role('a', ['select shop.orders shop.items']),
      role('b', ['insert shop.orders shop.items']),
    ];
    assert.equal(privilegeSetId(ORDERS, roles), one);
    assert.match(one, /^[0-9a-f]{16}$/);
  });

  it('tells different content apart', () => {
    const view = { schema: 'shop', name: 'v' };
    const ids = [
      id('select shop.orders'),
      id('insert shop.orders'),
      id('select shop.order'),
      id('select sho.porders'),
      id('select shop.*'),
      id('select shop.orders()'),
      id(privilege('select shop.orders', { columns: ['id'] })),
      id(privilege('select shop.orders', { columns: ['id', 'name'] })),
      id(privilege('select shop.orders', { columns: ['id'], as: view })),
      id(privilege('select shop.items', { columns: ['id'], as: view })),
      privilegeSetId('data-orders/other', [role('a', ['select shop.orders'])]),
      id(),
    ];
    assert.equal(new Set(ids).size, ids.length);
  });
});
