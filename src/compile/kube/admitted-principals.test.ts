// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { admitsNoMore, principalsOf } from './admitted-principals.ts';
import type { JsonObject } from './object.ts';

const from = (...principals: string[]) => [{ source: { principals } }];
const to = (operation: JsonObject) => [{ operation }];

describe('admitted-principals', () => {
  const others = { to: to({ notPorts: ['3306'] }) };
  const database: JsonObject = {
    rules: [{ from: from('td/ns/a/sa/x', 'td/ns/b/sa/y'), to: to({ ports: ['3306'] }) }, others],
  };
  const cases: [string, boolean, JsonObject][] = [
    ['one whom ours let in', true, { rules: [{ from: from('td/ns/a/sa/x') }] }],
    ['one more', false, { rules: [{ from: from('td/ns/a/sa/x', 'td/ns/c/sa/z') }] }],
    ['a prefix', false, { rules: [{ from: from('td/ns/a/*') }] }],
    ['everybody', false, { rules: [{}] }],
    ['a namespace', false, { rules: [{ from: [{ source: { namespaces: ['a'] } }] }] }],
    [
      'a second source beside one of ours',
      false,
      { rules: [{ from: [...from('td/ns/a/sa/x'), { source: { ipBlocks: ['10.0.0.0/8'] } }] }] },
    ],
    [
      'one whom ours let in, from one network',
      true,
      {
        rules: [{ from: [{ source: { principals: ['td/ns/a/sa/x'], ipBlocks: ['10.0.0.0/8'] } }] }],
      },
    ],
  ];
  for (const [what, covered, theirs] of cases) {
    it(`${covered ? 'passes' : 'finds'} a policy that lets in ${what}`, () => {
      equal(admitsNoMore(theirs, database), covered);
    });
  }

  const narrow: [string, JsonObject][] = [
    ['by path', { rules: [{ from: from('td/ns/a/sa/x'), to: to({ paths: ['/a'] }) }] }],
    [
      'to a port, others closed',
      { rules: [{ from: from('td/ns/a/sa/x'), to: to({ ports: ['1'] }) }] },
    ],
    ['at times', { rules: [{ from: from('td/ns/a/sa/x'), when: [{ key: 'x', values: ['y'] }] }] }],
    ['by nobody', {}],
  ];
  for (const [what, ours] of narrow) {
    it(`takes ours for a limit where they let in ${what}`, () => {
      equal(admitsNoMore({ rules: [{ from: from('td/ns/a/sa/x') }] }, ours), false);
    });
  }

  it('names each principal once', () => {
    deepEqual(principalsOf({ rules: [{ from: from('a', 'b') }, { from: from('a') }, {}] }), [
      'a',
      'b',
    ]);
    deepEqual(principalsOf(undefined), []);
  });
});
