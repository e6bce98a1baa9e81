// SPDX-License-Identifier: Apache-2.0
import { deepEqual, ok } from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JsonObject } from '../compile/kube/object.ts';
import type { MeshInput } from './mesh-input.ts';
import { meshNamesAt } from './mesh-names.ts';

function namesOf(kind: string, spec: JsonObject) {
  const metadata = { name: 'odd', namespace: 'data' };
  const object = { apiVersion: 'v1', kind, metadata, spec };
  const facts = { trustDomain: 'td', trustDomainAliases: [] };
  const input = { objects: [{ object, rules: [] }], facts, trusts: new Set<string>() };
  return meshNamesAt(input as unknown as MeshInput, 'data').objects;
}

function namesIn(...principals: string[]) {
  const rules = [{ from: [{ source: { principals } }] }];
  return namesOf('AuthorizationPolicy', { rules });
}

describe('names in a mesh', () => {
  it('has a name for each principal that a pattern opens', () => {
    for (const [pattern, account] of [
      ['td/ns/payments/sa/checkout', 'payments/checkout'],
      ['td/ns/payments/sa/back*', 'payments/backx-y'],
      ['*/sa/checkout', '/checkout'],
      ['*a/checkout', '/checkout'],
      ['*/checkout', '/checkout'],
      ['*door', '/x-ydoor'],
    ] as const) {
      ok(namesIn(pattern).accounts.has(account), pattern);
    }
  });

  it('has a trust domain for each pattern that opens some', () => {
    deepEqual([...namesIn('other*/ns/a/sa/b', '*', '*/ns/a/sa/b').trustDomains], ['otherx-y']);
    deepEqual([...namesIn('*.test/ns/a/sa/b').trustDomains], ['x-y.test']);
  });

  it('has labels for each selector of pods, however it is written', () => {
    const podSelector = {
      matchLabels: { app: 'shop' },
      matchExpressions: [
        { key: 'role', operator: 'In', values: ['reader', 'writer'] },
        { key: 'team', operator: 'Exists' },
        { key: 'old', operator: 'DoesNotExist' },
      ],
    };
    deepEqual(namesOf('NetworkPolicy', { ingress: [{ from: [{ podSelector }] }] }).pods, [
      { namespace: 'data', labels: { app: 'shop', role: 'reader', team: 'x-y' } },
    ]);
  });
});
