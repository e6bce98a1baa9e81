// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, match } from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Policy } from '../../src/policy/policy.ts';
import { EngineGateway, type Gateway } from '../../src/prove/gateway.ts';
import { agrees } from '../../src/prove/proof.ts';
import { sqlDeclaration } from '../support/proof-declarations.ts';
import {
  asDeclared,
  caseText,
  checkedPolicy,
  PROOF_NOW_MS,
  proofOf,
} from '../support/proof-world.ts';

const BACKUP = `kind: Grant
metadata: {name: backup, namespace: data}
spec:
  subjects: [{serviceAccount: prod/backup/nightly}, {serviceAccount: dev/backup/nightly}]
  targetSelector: {matchLabels: {app: orders}}
  role: reader`;

const declared = () => checkedPolicy(sqlDeclaration({ more: BACKUP }));

/** A gateway that serves another revision of the declaration. */
const serving =
  (change: (policy: Policy) => Partial<Policy>, atMs = PROOF_NOW_MS) =>
  (policy: Policy): Gateway =>
    new EngineGateway({ ...policy, ...change(policy) }, atMs);

interface Fault {
  readonly name: string;
  readonly gateway: (policy: Policy) => Gateway;
  readonly found: readonly string[];
  readonly by: RegExp;
  readonly declared: RegExp;
}

const FAULTS: readonly Fault[] = [
  {
    name: 'still serves a Grant that has ended',
    gateway: serving(({ grants }) => ({ grants: grants.map(({ expires: _, ...one }) => one) })),
    found: ['exceeds gateway data/orders: workload/prod/moving/van connect'],
    by: /^Grant\/data\/temporary$/,
    declared: /^deny: No Grant names it/,
  },
  {
    name: 'forgets a Deny',
    gateway: serving(() => ({ denies: [] })),
    found: ['exceeds gateway data/orders: workload/dev/backup/nightly connect'],
    by: /^Grant\/data\/backup$/,
    declared: /^deny: It is kept out by Deny\/no-dev/,
  },
  {
    name: 'forgets when',
    gateway: serving(({ grants }) => ({ grants: grants.map((one) => ({ ...one, when: [] })) })),
    found: ['exceeds gateway data/orders: workload/prod/payments/checkout connect'],
    by: /^Grant\/data\/checkout$/,
    declared: /^deny: What gives it does not hold then: Grant\/data\/checkout/,
  },
  {
    name: 'has not heard of a Grant',
    gateway: serving(({ grants }) => ({
      grants: grants.filter(({ rule }) => rule.name !== 'Grant/data/reports'),
    })),
    found: ['refuses gateway data/ledger: workload/prod/reports/nightly connect'],
    by: /^decide$/,
    declared: /^allow: It is declared by Grant\/data\/reports/,
  },
  {
    name: 'gives a role more than it has',
    gateway: serving(({ roles }) => ({
      roles: new Map(
        [...roles].map(([id, role]) => [
          id,
          {
            ...role,
            privileges: role.privileges.map((one) =>
              id === 'data/orders-writer' && one.actions.has('insert')
                ? { ...one, actions: new Set([...one.actions, 'delete' as const]) }
                : one,
            ),
          },
        ]),
      ),
    })),
    found: ['exceeds gateway data/orders: workload/prod/payments/checkout delete shop.orders'],
    by: /^Grant\/data\/checkout$/,
    declared: /^deny: What it is granted does not give this/,
  },
];

describe('faults planted into a gateway', () => {
  const noOthers = { meshes: [], databases: new Map() };

  it('finds none in the gateway of this build', () => {
    const proof = proofOf({ ...asDeclared(declared()), ...noOthers });
    deepEqual(proof.counterExamples, []);
    equal(agrees(proof), true);
  });

  for (const { name, gateway, found, by, declared: says } of FAULTS) {
    it(name, () => {
      const planted = asDeclared(declared());
      const proof = proofOf({ ...planted, ...noOthers, gateway: gateway(planted.policy) });
      deepEqual(proof.counterExamples.map(caseText), found);
      const [first] = proof.counterExamples;
      match(first?.by ?? '', by);
      match(`${first?.declared.effect}: ${first?.declared.text}`, says);
      equal(agrees(proof), false);
    });
  }

  it('claims nothing where there is more to look at than the budget allows', () => {
    const proof = proofOf({ ...asDeclared(declared()), databases: new Map() }, { budget: 100 });
    deepEqual(proof.counterExamples, []);
    equal(agrees(proof), false);
    deepEqual(
      new Set(proof.layers.map(({ layer, status }) => `${layer} ${status}`)),
      new Set(['gateway undecided', 'mesh undecided', 'database none']),
    );
    equal(proof.work <= 100, true);
  });
});
