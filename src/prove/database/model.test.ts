// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal } from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ObservedState } from '../../compile/sql/observed.ts';
import type { Right } from '../../compile/sql/right.ts';
import type { Action } from '../../model/request.ts';
import { DatabaseModel } from './model.ts';

const NONE = { level: 'global', schema: '', object: '', column: '' } as const;
const LEASE = { user: 'lease', host: '%' };

function state(given: Partial<ObservedState>): ObservedState {
  const registry = { version: '2', brokers: [], roles: [], views: [], composites: [], leases: [] };
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

function verdict(given: Partial<ObservedState>, action: Action, schema: string, name = 't') {
  const model = new DatabaseModel(state(given), { caseInsensitiveNames: false });
  return model.allows(LEASE, { action, object: { type: 'table', schema, name } });
}

describe('database model', () => {
  it('takes the most exact schema row alone, and a row without a user name where none is', () => {
    const rights = [
      right('lease', '%', 'INSERT', onSchema('sho%')),
      right('lease', '%', 'SELECT', onSchema('shop')),
      right('', '%', 'DELETE', onSchema('%')),
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
});
