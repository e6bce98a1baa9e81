// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, match, notEqual, ok } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { account, grant, policy, privilege, role, target } from '../../../test/support/policy.ts';
import { ACTIONS } from '../../model/request.ts';
import type { DataRole, Privilege } from '../../policy/policy.ts';
import { desiredSql } from './desired.ts';
import { planStepText } from './plan-step.ts';
import { baseRoleName } from './role-name.ts';

const ID = 'data-orders/r';

function compile(...privileges: readonly (string | Privilege)[]) {
  return compileRoles(role(ID, privileges));
}

function compileRoles(...roles: readonly DataRole[]) {
  const grants = roles.map((one) => grant(one.name, one.id, [account('prod/a/b')]));
  return desiredSql(policy({ roles, grants }), target());
}

const grants = (...privileges: readonly (string | Privilege)[]) =>
  compile(...privileges)
    .steps.filter(({ kind }) => kind === 'grant')
    .map(({ sql }) => sql.replace(/ TO `pr_.*/, ''));

describe('desired', () => {
  it('has a privilege or a refusal for every action on every kind of object', () => {
    for (const action of ACTIONS) {
      for (const object of ['shop.orders', 'shop.*', 'shop.refund()']) {
        const { steps, findings } = compile(`${action} ${object}`);
        const emitted = steps.some(({ kind }) => kind === 'grant');
        notEqual(emitted, findings.length > 0, `${action} ${object}`);
      }
    }
  });

  it('never gives a right wider than its object', () => {
    deepEqual(grants('lock,temporary,select shop.orders'), ['GRANT SELECT ON `shop`.`orders`']);
    deepEqual(grants('lock,temporary shop.*'), [
      'GRANT LOCK TABLES, CREATE TEMPORARY TABLES ON `shop`.*',
    ]);
    deepEqual(grants('select a_b.*'), ['GRANT SELECT ON `a\\_b`.*']);
    deepEqual(grants('select a_b.c_d'), ['GRANT SELECT ON `a_b`.`c_d`']);
    deepEqual(grants('execute shop.refund()'), [
      'GRANT EXECUTE ON PROCEDURE `shop`.`refund`',
      'GRANT EXECUTE ON FUNCTION `shop`.`refund`',
    ]);
  });

  it('refuses schemas of the server and of Postern, and names it cannot write', () => {
    for (const object of ['mysql.user', 'postern.*', 'SYS.x', 'information_schema.*', 'a\\b.*']) {
      const { steps, findings } = compile(`select ${object}`);
      equal(steps.filter(({ kind }) => kind === 'grant').length, 0, object);
      match(findings[0]?.message ?? '', /cannot be granted/);
    }
  });

  it('keeps hostile names inside their quotes', () => {
    deepEqual(grants('select shop.x`;DROP'), ['GRANT SELECT ON `shop`.`x``;DROP`']);
    const hostile = role('data/a`b', ['select shop.orders']);
    match(baseRoleName(hostile), /^pr_data\.a-b_[0-9a-f]{16}$/);
    const step = compile('select shop.orders').steps[0];
    ok(step?.rule);
    const position = { file: 'a\nDROP TABLE x', line: 1, column: 1 };
    const text = planStepText({ ...step, rule: { name: 'r', position } });
    equal(text.split('\n').length, 1);
  });

  it('names roles by their content, whatever the order', () => {
    const one = baseRoleName(role(ID, ['select,insert shop.a shop.b', 'select shop.c']));
    equal(one, baseRoleName(role(ID, ['select shop.c', 'insert,select shop.b shop.a'])));
    for (const other of [['select shop.c'], ['select,insert shop.a shop.b', 'select shop.d']]) {
      notEqual(one, baseRoleName(role(ID, other)));
    }
    notEqual(
      one,
      baseRoleName(role('data-orders/s', ['select,insert shop.a shop.b', 'select shop.c'])),
    );
    ok(baseRoleName(role(`${'n'.repeat(63)}/${'r'.repeat(253)}`, [])).length <= 128);
  });

  it('makes a view once, and refuses a second content under its name', () => {
    const as = { schema: 'shop', name: 'v' };
    const offered = privilege('select shop.t', { columns: ['id'], as });
    const other = privilege('select shop.t', { columns: ['id', 'pin'], as });
    const made = compileRoles(
      role('data/a', [offered]),
      role('data/b', [offered]),
      role('data/c', [other]),
    );
    equal(made.views.length, 1);
    equal(made.steps.filter(({ kind }) => kind === 'view').length, 1);
    equal(made.steps.filter(({ kind }) => kind === 'grant').length, 2);
    match(made.findings[0]?.message ?? '', /declared with other content at policy\.yaml:/);
  });

  it('refuses views that are not one table with columns', () => {
    const as = { schema: 'shop', name: 'v' };
    const columns = ['id'];
    for (const bad of [
      privilege('select shop.t', { as }),
      privilege('select shop.t shop.u', { as, columns }),
      privilege('select shop.*', { as, columns }),
      privilege('select shop.v', { as, columns }),
      privilege('select mysql.user', { as, columns }),
      privilege('select shop.t', { as: { schema: 'mysql', name: 'v' }, columns }),
      privilege('select shop.t', { as, columns: ['a.b'] }),
    ]) {
      const { views, steps, findings } = compile(bad);
      equal(views.length, 0);
      equal(steps.length, 1, 'only the role itself');
      equal(findings[0]?.severity, 'refused');
    }
  });
});
