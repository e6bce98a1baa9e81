// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, match } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type DriftFinding, findDrift } from './drift.ts';
import { meshFinding } from './finding.ts';
import { type DesiredObject, type JsonObject, type KubeObject, managedObject } from './object.ts';

const rules = [
  { name: 'Target/shop/orders', position: { file: 'orders.yaml', line: 4, column: 1 } },
];
const desired: DesiredObject = {
  object: {
    apiVersion: 'security.istio.io/v1',
    kind: 'AuthorizationPolicy',
    metadata: { name: 'orders', namespace: 'shop' },
    spec: { action: 'ALLOW', rules: [{ from: [{ source: { principals: ['td/ns/p/sa/p'] } }] }] },
  },
  rules,
};
const ours = managedObject(desired, 'weu');

function found(spec: JsonObject, manager: string): DriftFinding {
  const fieldsV1 = {
    'f:spec': Object.fromEntries(Object.keys(spec).map((key) => [`f:${key}`, {}])),
  };
  const operation = manager === 'postern' ? 'Apply' : 'Update';
  const metadata = { ...ours.metadata, managedFields: [{ manager, operation, fieldsV1 }] };
  const observed = [{ ...ours, metadata, spec } as KubeObject];
  const [one] = findDrift({ installation: 'weu', desired: [desired], observed, neighbours: [] });
  if (!one) throw new Error('nothing differs');
  return one;
}
const told = (one: DriftFinding, pods = true) =>
  meshFinding(one, {
    cluster: 'prod',
    installation: 'weu',
    podsOf: () => (pods ? { document: 'Target/shop/orders', trustDomains: ['td'] } : undefined),
  });
const admitting = (...principals: string[]): JsonObject => ({
  action: 'ALLOW',
  rules: [{ from: [{ source: { principals: ['td/ns/p/sa/p', ...principals] } }] }],
});

describe('finding of a cluster', () => {
  it('says who, which line, and the patch that undoes it', () => {
    const one = told(
      found({ ...admitting(), selector: { matchLabels: { a: "it's" } } }, 'kubectl'),
    );
    deepEqual(
      [one.code, one.who, one.cause, one.by],
      ['object-edited', ['kubectl'], 'drift', 'apply'],
    );
    equal(one.text, 'differs in spec.selector (kubectl).');
    equal(one.rules[0]?.position.line, 4);
    deepEqual(one.remedy, [
      `kubectl patch authorizationpolicy.security.istio.io/orders -n shop --type merge -p '{"spec":{"selector":null}}'`,
    ]);
  });

  it('is adopted by operators where somebody was added, if a declaration can name them', () => {
    deepEqual(told(found(admitting('td/ns/m/sa/exporter'), 'kubectl')).adoption, {
      edits: [
        {
          document: 'Target/shop/orders',
          change: 'append',
          path: ['spec', 'mariadb', 'pods', 'operators'],
          value: 'm/exporter',
        },
      ],
    });
    for (const [principal, pods] of [
      ['td/ns/m/*', true],
      ['elsewhere/ns/m/sa/exporter', true],
      ['td/ns/m/sa/exporter', false],
    ] as const) {
      const { adoption } = told(found(admitting('td/ns/n/sa/n', principal), 'kubectl'), pods);
      equal('impossible' in adoption, true, principal);
    }
  });

  it('is no drift where what is there is what we applied ourselves', () => {
    const one = told(found(admitting('td/ns/m/sa/exporter'), 'postern'));
    equal(one.cause, 'declaration');
    match(one.text, /it was applied so from an earlier declaration\.$/);
    deepEqual(one.adoption, { impossible: 'it is declared already, and not applied yet' });
  });
});
