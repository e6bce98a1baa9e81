// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, match, notEqual } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { accountName, installationName, instanceTag } from './account-name.ts';

const IDENTITY = {
  instance: 'postern.0123abcd',
  principalId: 'workload/prod-weu/payments/checkout',
  roles: ['pr_1', 'pr_2'],
};
const MANAGED = /^postern:[0-9a-f]{6}:[A-Za-z0-9._/@#-]{1,103}:[0-9a-f]{10}$/;

describe('account-name', () => {
  it('shows the principal', () => {
    const name = accountName(IDENTITY);
    match(name, /^postern:[0-9a-f]{6}:workload\/prod-weu\/payments\/checkout:[0-9a-f]{10}$/);
    equal(name, accountName({ ...IDENTITY }));
    equal(name.slice(8, 14), instanceTag(IDENTITY.instance));
  });

  it('differs when any part of the identity differs', () => {
    const names = [
      IDENTITY,
      { ...IDENTITY, instance: 'postern.0123abce' },
      { ...IDENTITY, principalId: 'workload/prod-weu/payments/checkouT' },
      { ...IDENTITY, roles: ['pr_1,pr_2'] },
      { ...IDENTITY, principalId: `${IDENTITY.principalId}pr_1`, roles: ['pr_2'] },
    ].map((identity) => accountName(identity));
    equal(new Set(names).size, names.length);
  });

  it('keeps what a principal controls out of SQL and out of the shape', () => {
    const hostile = `ci/github/'; DROP USER root; --\n\\:\u0000\u{1f600}é"\``;
    match(accountName({ ...IDENTITY, principalId: hostile }), MANAGED);
  });

  it('cuts long ids to the limit without making them equal', () => {
    const long = (end: string) => ({
      ...IDENTITY,
      principalId: `user/entra/${'x'.repeat(300)}${end}`,
    });
    const [a, b] = [accountName(long('a')), accountName(long('b'))];
    deepEqual([a.length, b.length], [128, 128]);
    match(a, MANAGED);
    notEqual(a, b);
    const first = accountName({ ...IDENTITY, principalId: `user/x${'y'.repeat(200)}` });
    notEqual(first, accountName({ ...IDENTITY, principalId: `user/z${'y'.repeat(200)}` }));
  });

  it('has a form for MySQL', () => {
    const name = accountName(IDENTITY, 32);
    equal(name.length, 32);
    match(name, /^pn:[0-9a-f]{6}:ts\/checkout:[0-9a-f]{10}$/);
  });

  it('names an installation per Target, in the form of the registry', () => {
    const long = 'a'.repeat(32);
    const names = [
      installationName('postern', 'data/orders'),
      installationName('postern', 'data/stock'),
      installationName('postern-data', 'orders'),
      installationName(long, 'data/orders'),
      installationName(`${long.slice(1)}b`, 'data/orders'),
    ];
    for (const name of names) match(name, /^[a-z0-9-]{1,32}$/);
    equal(new Set(names).size, names.length);
    equal(names[0], installationName('postern', 'data/orders'));
    match(names[0] ?? '', /^postern-/);
  });
});
