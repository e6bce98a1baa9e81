// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Random } from '../../test/support/random.ts';
import { randomPolicy, randomPrincipal, TARGETS } from '../../test/support/random-policy.ts';
import { SubjectIndex } from './subject-index.ts';
import { anySubjectMatch } from './subject-match.ts';

describe('subject-index', () => {
  it('never loses a rule that matches, and mostly finds only those', () => {
    let candidates = 0;
    let rules = 0;
    for (let seed = 1; seed <= 100; seed++) {
      const random = new Random(seed);
      const { grants, denies, clusters } = randomPolicy(random);
      for (const [side, all] of [['grant', grants] as const, ['deny', denies] as const]) {
        const index = new SubjectIndex(all);
        for (let round = 0; round < 10; round++) {
          const principal = randomPrincipal(random);
          const target = random.pick(TARGETS);
          const found = index.candidates(principal, target);
          const here = all.filter(({ targets }) => targets.has(target));
          for (const rule of here) {
            const match = anySubjectMatch(rule.subjects, principal, side, clusters);
            assert.ok(match === 'no' || found.includes(rule), `seed ${seed}: ${rule.rule.name}`);
          }
          assert.ok(found.every((rule) => here.includes(rule)));
          candidates += found.length;
          rules += here.length;
        }
      }
    }
    assert.ok(candidates < rules / 2);
  });

  it('knows nothing about an unknown target', () => {
    const { grants } = randomPolicy(new Random(1));
    const principal = randomPrincipal(new Random(1));
    assert.deepEqual(new SubjectIndex(grants).candidates(principal, 'data/none'), []);
  });
});
