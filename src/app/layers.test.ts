// SPDX-License-Identifier: Apache-2.0
import { deepEqual } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { policy, target } from '../../test/support/policy.ts';
import { type LayerChoice, layersOf } from './layers.ts';

const { system } = target();
const mysql = { ...system, type: 'mysql' } as unknown as typeof system;
const http = { ...system, type: 'http' } as unknown as typeof system;
const declared = policy({
  targets: [
    target('data/api', { system: http }),
    target('data/maria'),
    target('data/my', { system: mysql }),
  ],
});

function chosen(choice: Partial<LayerChoice>) {
  const all = { clusters: [], targets: [], ...choice };
  const found = layersOf(declared, all, { instance: 'postern', nowMs: 0 });
  return [found.layers.databases, found.leftOut].map((some) => some.map(({ id }) => id));
}

describe('layers', () => {
  it('tells which Targets were meant and are left out', () => {
    deepEqual(chosen({}), [['data/maria'], ['data/my']]);
    deepEqual(chosen({ targets: ['data/my'] }), [[], ['data/my']]);
    deepEqual(chosen({ targets: ['data/maria'] }), [['data/maria'], []]);
    deepEqual(chosen({ targets: ['data/api', 'data/maria'] }), [['data/maria'], ['data/api']]);
    deepEqual(chosen({ only: 'mesh' }), [[], []]);
  });
});
