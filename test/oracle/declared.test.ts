// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ACTIONS, type Need } from '../../src/model/request.ts';
import type { Policy, Target } from '../../src/policy/policy.ts';
import { asEnforced, needQuestion } from '../../src/policy/question.ts';
import { Declared, withPrincipal } from '../../src/prove/declared.ts';
import { Random } from '../support/random.ts';
import {
  randomPolicy,
  randomPrincipal,
  randomQuestion,
  randomSurroundings,
  TARGETS,
} from '../support/random-policy.ts';
import { naiveDecide } from './naive-decide.ts';

const POLICIES = 150;
const CASES = 20;

/** What the proof takes for the declaration, against the second writing of its semantics. */
function firstDifference(change: (policy: Policy) => Policy = (policy) => policy): string {
  for (let seed = 1; seed <= POLICIES; seed++) {
    const random = new Random(seed);
    const policy = asEnforced(randomPolicy(random));
    for (let index = 0; index < CASES; index++) {
      const principal = randomPrincipal(random);
      const targetId = random.pick(TARGETS);
      const surroundings = randomSurroundings(random);
      const asked = random.chance(0.2) ? [] : randomQuestion(random).needs;
      const needs: readonly Need[] = asked.filter(({ action }) => ACTIONS.includes(action));
      const target = policy.targets.get(targetId) as Target;
      const declared = new Declared(change(policy), target, needs, surroundings.now);
      const rules = withPrincipal(declared.rulesFor(principal), principal);
      for (const need of [undefined, ...needs.keys()]) {
        const says = declared.allows(rules, need, surroundings);
        const question = need === undefined ? undefined : needQuestion(needs[need] as Need);
        const { effect } = naiveDecide(policy, principal, targetId, question, surroundings);
        if (says !== (effect === 'allow')) return `seed ${seed}: ${effect}, read as ${says}`;
      }
    }
  }
  return '';
}

describe('the declaration as the proof reads it', () => {
  it(`is the brute force reading on ${POLICIES * CASES} random cases`, () => {
    assert.equal(firstDifference(), '');
  });

  it('would be told from one that forgets Denies, conditions or ends', () => {
    assert.notEqual(
      firstDifference((policy) => ({ ...policy, denies: [] })),
      '',
    );
    const changed = (change: object) => (policy: Policy) => ({
      ...policy,
      grants: policy.grants.map((grant) => ({ ...grant, ...change })),
    });
    assert.notEqual(firstDifference(changed({ when: [] })), '');
    assert.notEqual(firstDifference(changed({ expires: undefined })), '');
  });
});
