// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, match } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { grant, policy, privilege, role, target } from '../../../test/support/policy.ts';
import { databaseScope } from '../../broker/installation.ts';
import type { ObservedState } from '../../compile/sql/observed.ts';
import type { Right } from '../../compile/sql/right.ts';
import { baseRoleName } from '../../compile/sql/role-name.ts';
import type { Action } from '../../model/request.ts';
import { expectedState } from '../expected-database.ts';
import { DatabaseModel } from './model.ts';

const NONE = { level: 'global', schema: '', object: '', column: '' } as const;
const LEASE = { user: 'lease', host: '%' };

function state(given: Partial<ObservedState>): ObservedState {
  const registry = {
    version: '2',
    brokers: [],
    roles: [],
    views: [],
    applied: [],
    composites: [],
    leases: [],
  };
  const empty = { accounts: [], rights: [], members: [], proxies: [], views: [], routines: [] };
  return { ...empty, registry, ...given };
}

function account(user: string, host: string) {
  const requires = { type: 'none' as const, issuer: '', subject: '' };
  const login = { locked: false, passwordOnly: true, defaultRole: '', requires };
  return { user, host, isRole: host === '', ...login };
}

function right(user: string, host: string, privilege: string, place: Partial<Right>) {
  return { user, host, ...NONE, ...place, privilege };
}

const onSchema = (schema: string) => ({ level: 'schema' as const, schema });
const onTable = (schema: string, object: string) => ({ level: 'table' as const, schema, object });

function modelOf(given: Partial<ObservedState>) {
  return new DatabaseModel(state(given), { caseInsensitiveNames: false });
}

function verdict(given: Partial<ObservedState>, action: Action, schema: string, name = 't') {
  return modelOf(given).allows(LEASE, { action, object: { type: 'table', schema, name } });
}

function ofColumn(given: Partial<ObservedState>, action: Action, column: string) {
  const object = { type: 'table' as const, schema: 'vault', name: 't' };
  return modelOf(given).allows(LEASE, { action, object, column });
}

/** `open.v` over `vault.t`, which the lease may read and write, and its owner read. */
function withView(text: string, security: 'DEFINER' | 'INVOKER' = 'DEFINER') {
  const owner = right('owner', 'localhost', 'SELECT', onTable('vault', 't'));
  return {
    accounts: [account('lease', '%'), account('owner', 'localhost')],
    rights: [
      right('lease', '%', 'SELECT', onTable('open', 'v')),
      right('lease', '%', 'UPDATE', onTable('open', 'v')),
      owner,
    ],
    views: [{ schema: 'open', name: 'v', definer: 'owner@localhost', security, text }],
  };
}

describe('database model', () => {
  it('takes the most exact schema row alone, and a row without a user name where none is', () => {
    const rights = [
      right('lease', '%', 'INSERT', onSchema('sho%')),
      right('lease', '%', 'SELECT', onSchema('shop')),
      right('', '%', 'DELETE', onSchema('%o%')),
    ];
    const given = { accounts: [account('lease', '%')], rights };
    equal(verdict(given, 'select', 'shop').verdict, 'allowed');
    equal(verdict(given, 'insert', 'shop').verdict, 'denied');
    equal(verdict(given, 'insert', 'shopping').verdict, 'allowed');
    deepEqual(verdict(given, 'delete', 'other').by?.hops, [{ kind: 'anonymous', host: '%' }]);
    equal(verdict(given, 'delete', 'shop').verdict, 'denied');
  });

  it('counts a role that can be set, what it inherits, and PUBLIC', () => {
    const accounts = ['outer', 'inner', 'PUBLIC'].map((name) => account(name, ''));
    const members = [
      { ...LEASE, role: 'outer', admin: false },
      { user: 'outer', host: '', role: 'inner', admin: false },
    ];
    const rights = [
      right('inner', '', 'SELECT', onTable('shop', 't')),
      right('PUBLIC', '', 'UPDATE', onTable('shop', 't')),
    ];
    const given = { accounts, members, rights };
    deepEqual(verdict(given, 'select', 'shop').by?.hops, [
      { kind: 'role', role: 'outer', inherited: false },
      { kind: 'role', role: 'inner', inherited: true },
    ]);
    deepEqual(verdict(given, 'update', 'shop').by?.hops, [{ kind: 'public' }]);
    equal(verdict({ ...given, members: [] }, 'select', 'shop').verdict, 'denied');
  });

  it('reads a whole row where a column may be read, and writes the column alone', () => {
    const onColumn = { level: 'column' as const, schema: 'vault', object: 't', column: 'A' };
    const rights = [
      right('lease', '%', 'SELECT', onColumn),
      right('lease', '%', 'UPDATE', onColumn),
    ];
    const given = { accounts: [account('lease', '%')], rights };
    deepEqual(ofColumn(given, 'select', 'b').by?.hops, [{ kind: 'handler' }]);
    equal(ofColumn(given, 'update', 'a').verdict, 'allowed');
    equal(ofColumn(given, 'update', 'b').verdict, 'denied');
    equal(verdict(given, 'update', 'vault').verdict, 'denied');
  });

  it('reads through a view what its owner may, and no more than its text says', () => {
    const text = 'select `vault`.`t`.`a` AS `x` from `vault`.`t` where `vault`.`t`.`b` > 0';
    const given = withView(text);
    const view = { schema: 'open', name: 'v', definer: 'owner@localhost' };
    deepEqual(ofColumn(given, 'select', 'a').by?.hops, [{ kind: 'definer-view', ...view }]);
    equal(ofColumn(given, 'select', 'b').verdict, 'unknown');
    equal(ofColumn(given, 'select', 'c').verdict, 'denied');
    equal(ofColumn(given, 'update', 'a').verdict, 'denied');
    equal(verdict(given, 'select', 'open', 'v').verdict, 'allowed');
    equal(verdict(given, 'update', 'open', 'v').verdict, 'denied');
    const invoker = withView(text, 'INVOKER');
    equal(verdict(invoker, 'select', 'open', 'v').verdict, 'denied');
    equal(ofColumn(invoker, 'select', 'a').verdict, 'denied');
    const orphan = { ...given, accounts: [account('lease', '%')] };
    equal(verdict(orphan, 'select', 'open', 'v').verdict, 'denied');
  });

  it('does not know what a hidden view or a routine of somebody else opens', () => {
    match(ofColumn(withView(''), 'select', 'a').reason ?? '', /text of open.v is not known/);
    equal(ofColumn(withView(''), 'delete', 'a').verdict, 'denied');
    const there = {
      type: 'PROCEDURE' as const,
      schema: 'open',
      name: 'p',
      definer: 'owner@localhost',
      security: 'DEFINER' as const,
      bodySha256: '',
    };
    const onRoutine = { level: 'procedure' as const, schema: 'open', object: 'p' };
    const execute = (user: string, host: string) => right(user, host, 'EXECUTE', onRoutine);
    const { accounts, rights } = withView('');
    const routines = [there];
    const given = { accounts, routines, rights: [...rights.slice(2), execute('lease', '%')] };
    equal(ofColumn(given, 'select', 'a').verdict, 'denied', 'its owner may not call it');
    const both = { ...given, rights: [...given.rights, execute('owner', 'localhost')] };
    match(ofColumn(both, 'select', 'a').reason ?? '', /open.p does is not known/);
    equal(ofColumn(both, 'update', 'a').verdict, 'denied');
    const model = new DatabaseModel(state(both), {
      caseInsensitiveNames: false,
      isTrusted: () => true,
    });
    const object = { type: 'table' as const, schema: 'vault', name: 't' };
    equal(model.allows(LEASE, { action: 'select', object }).verdict, 'denied');
  });

  it('does not know what follows from a host, a proxy or a power', () => {
    const accounts = [account('lease', '%'), account('boss', '%')];
    const fromOne = right('lease', '10.1.%', 'SELECT', onTable('vault', 't'));
    match(verdict({ accounts, rights: [fromOne] }, 'select', 'vault').reason ?? '', /host/);
    const boss = [right('boss', '%', 'SELECT', onTable('vault', 't'))];
    const proxies = [{ ...LEASE, proxiedUser: 'boss', proxiedHost: '%' }];
    match(verdict({ accounts, rights: boss, proxies }, 'select', 'vault').reason ?? '', /plugin/);
    equal(verdict({ accounts, rights: boss, proxies }, 'update', 'vault').verdict, 'denied');
    const power = [right('lease', '%', 'CREATE USER', {})];
    match(verdict({ accounts, rights: power }, 'drop', 'vault').reason ?? '', /CREATE USER/);
    const writes = [right('lease', '%', 'INSERT', onTable('mysql', 'db'))];
    equal(verdict({ accounts, rights: writes }, 'drop', 'vault').verdict, 'unknown');
  });

  it('lists all of it, with what is more exact and decides instead', () => {
    const rights = [
      right('lease', '%', 'SELECT', onSchema('sho%')),
      right('lease', '%', 'GRANT OPTION', onSchema('shop')),
    ];
    const reach = modelOf({ accounts: [account('lease', '%')], rights }).reach(LEASE);
    deepEqual(
      reach.entries.map(({ action, on }) => [action, on]),
      [
        ['select', { type: 'schemas', pattern: 'sho%', except: ['shop'] }],
        ['references', { type: 'schemas', pattern: 'sho%', except: ['shop'] }],
      ],
    );
    deepEqual(
      reach.powers.map(({ privilege, opens }) => [privilege, opens]),
      [['GRANT OPTION', 'passing-on']],
    );
  });

  it('says of a declaration what its leases will hold', () => {
    const columns = ['a', 'b'];
    const all = role('data/all', [
      privilege('select', {
        objects: [{ type: 'table', schema: 'vault', name: 't' }],
        columns,
        as: { schema: 'open', name: 'v' },
      }),
      privilege('delete', { objects: [{ type: 'schema', schema: 'x_y' }] }),
    ]);
    const one = target('data/one');
    const grants = [grant('g', 'data/all', [], { targets: new Set(['data/one']) })];
    const declared = policy({ targets: [one], roles: [all], grants });
    const model = modelOf(expectedState(databaseScope(declared, one)));
    const holder = { roles: [baseRoleName(all)] };
    const asked = (action: Action, schema: string, name: string, column?: string) => {
      const object = { type: 'table' as const, schema, name };
      return model.allows(holder, { action, object, ...(column && { column }) }).verdict;
    };
    equal(asked('select', 'open', 'v'), 'allowed');
    equal(asked('select', 'vault', 't', 'a'), 'allowed');
    equal(asked('select', 'vault', 't', 'c'), 'denied');
    equal(asked('delete', 'x_y', 'anything'), 'allowed');
    equal(asked('delete', 'xzy', 'anything'), 'denied');
    equal(
      model.allows({ roles: [] }, { action: 'delete', object: { type: 'schema', schema: 'x_y' } })
        .verdict,
      'denied',
    );
  });
});
