// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { privilege, role } from '../../../test/support/policy.ts';
import {
  exceedingAccess,
  type ForeignAccess,
  foreignAccessText,
  revokeStatements,
} from './foreign-access.ts';

function access(level: ForeignAccess['level'], object: string, privileges: string): ForeignAccess {
  const [schema = '', ...rest] = object.split('.');
  return { holder: 'PUBLIC', level, schema, object: rest.join('.'), privileges, host: '' };
}

const roles = (...privileges: string[]) =>
  privileges.map((text, index) => role(`data/r${index}`, [text]));

describe('foreign-access', () => {
  it('accepts only what every role gives', () => {
    const held = [access('table', 'shop.orders', 'Select')];
    equal(exceedingAccess(held, roles('select shop.orders')).length, 0);
    equal(exceedingAccess(held, roles('select shop.*')).length, 0);
    equal(exceedingAccess(held, roles('select shop.orders', 'select shop.other')).length, 1);
    equal(exceedingAccess(held, roles('insert shop.orders')).length, 1);
    equal(exceedingAccess(held, []).length, 1);
    equal(
      exceedingAccess([access('table', 'shop.orders', 'Select, Insert')], roles('select shop.*'))
        .length,
      1,
    );
  });

  it('takes a schema for what it is: a pattern', () => {
    const held = [access('schema', 'a_b', 'SELECT')];
    equal(exceedingAccess(held, roles('select a_b.*')).length, 1, 'it also opens axb');
    const escaped = [access('schema', 'a\\_b', 'SELECT')];
    equal(exceedingAccess(escaped, roles('select a_b.*')).length, 0);
    equal(exceedingAccess([access('schema', '%', 'SELECT')], roles('select shop.*')).length, 1);
    equal(exceedingAccess([access('table', 'a_b.t', 'Select')], roles('select a_b.*')).length, 0);
  });

  it('never accepts global rights and roles', () => {
    const held = [access('global', '', '1'), { ...access('role', '', ''), object: 'dba' }];
    equal(exceedingAccess(held, roles('select shop.*')).length, 2);
  });

  it('knows columns, views and routines', () => {
    const column = [access('column', 'shop.staff.id', 'Select')];
    const partial = role('data/a', [privilege('select shop.staff', { columns: ['id'] })]);
    equal(exceedingAccess(column, [partial]).length, 0);
    equal(exceedingAccess([access('table', 'shop.staff', 'Select')], [partial]).length, 1);
    equal(exceedingAccess(column, roles('select shop.staff')).length, 0);
    const as = { schema: 'shop', name: 'v' };
    const behind = role('data/b', [privilege('select shop.staff', { columns: ['id'], as })]);
    equal(exceedingAccess(column, [behind]).length, 1, 'the table behind a view is not given');
    equal(exceedingAccess([access('table', 'shop.v', 'Select')], [behind]).length, 0);
    const routine = [access('procedure', 'shop.p', 'Execute')];
    equal(exceedingAccess(routine, roles('execute shop.p()')).length, 0);
    equal(
      exceedingAccess([access('function', 'shop.q', 'Execute')], roles('execute shop.p()')).length,
      1,
    );
  });

  it('writes the statements that take it away', () => {
    const revokes = [
      access('schema', 'test\\_%', 'SELECT'),
      access('table', 'a`b.t', 'Select'),
      access('column', 's.t.c', 'Select, Update'),
      access('function', 's.f', 'Execute'),
      { ...access('role', '', ''), object: 'dba' },
    ].flatMap(revokeStatements);
    deepEqual(revokes, [
      'REVOKE ALL PRIVILEGES ON `test\\_%`.* FROM PUBLIC',
      'REVOKE ALL PRIVILEGES ON `a``b`.`t` FROM PUBLIC',
      'REVOKE SELECT (`c`), UPDATE (`c`) ON `s`.`t` FROM PUBLIC',
      'REVOKE ALL PRIVILEGES ON FUNCTION `s`.`f` FROM PUBLIC',
      'REVOKE `dba` FROM PUBLIC',
    ]);
    const anonymous = { ...access('schema', 'test', 'SELECT'), holder: '', host: "o'x" };
    equal(
      revokeStatements(anonymous)[0],
      "DELETE FROM mysql.db WHERE User = '' AND Host = CONVERT(X'6f2778' USING utf8mb4) AND Db = 'test'",
    );
    equal(
      foreignAccessText(anonymous),
      "an anonymous account (host o'x) holds SELECT on schema pattern test",
    );
  });
});
