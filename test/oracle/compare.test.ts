// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Principal } from '../../src/model/principal.ts';
import { objectText } from '../../src/model/request.ts';
import { diffPolicies, type PolicyDiff } from '../../src/policy/compare.ts';
import { DecisionEngine, decideRequest, type Surroundings } from '../../src/policy/decide.ts';
import type { Policy } from '../../src/policy/policy.ts';
import { asEnforced, needQuestion } from '../../src/policy/question.ts';
import { Random } from '../support/random.ts';
import {
  randomNeed,
  randomPolicy,
  randomPrincipal,
  randomSurroundings,
  TARGETS,
} from '../support/random-policy.ts';

const PAIRS = 24;
const QUESTIONS = 400;
const NOW = Date.UTC(2026, 2, 28, 18);

/** The policy with one thing changed; sometimes another policy altogether. */
function changed(random: Random, policy: Policy): Policy {
  const without = <One>(all: readonly One[]) => all.filter((one) => one !== random.pick(all));
  switch (random.below(6)) {
    case 0:
      return { ...policy, grants: without(policy.grants) };
    case 1:
      return policy.denies.length > 0 ? { ...policy, denies: without(policy.denies) } : policy;
    case 2: {
      const grants = policy.grants.map((one) => (random.chance(0.3) ? { ...one, when: [] } : one));
      return { ...policy, grants };
    }
    case 3: {
      const other = randomPolicy(random);
      return { ...policy, grants: [...policy.grants.slice(1), ...other.grants.slice(0, 1)] };
    }
    case 4:
      return { ...policy, denies: [...policy.denies, ...randomPolicy(random).denies] };
    default:
      return randomPolicy(random);
  }
}

function* pairs(): Generator<[number, Random, Policy, Policy]> {
  for (let seed = 1; seed <= PAIRS; seed++) {
    const random = new Random(seed);
    const before = asEnforced(randomPolicy(random));
    // Labels of Targets are shared, so that a change is one of rules.
    const after = { ...asEnforced(changed(random, before)), targets: before.targets };
    yield [seed, random, before, after];
  }
}

interface Compared {
  readonly seed: number;
  readonly random: Random;
  readonly before: Policy;
  readonly after: Policy;
  readonly diff: PolicyDiff;
}

let all: readonly Compared[] | undefined;

function compared(): readonly Compared[] {
  all ??= [...pairs()].map(([seed, random, before, after]) => {
    const diff = diffPolicies(before, after, { nowMs: NOW });
    return { seed, random, before, after, diff };
  });
  return all;
}

function effect(
  policy: Policy,
  principal: Principal,
  target: string,
  need: ReturnType<typeof randomNeed>,
  surroundings: Surroundings,
): string {
  const access = new DecisionEngine(policy).access(principal, target, surroundings.now);
  assert.ok(access);
  return decideRequest(access, needQuestion(need), surroundings).effect;
}

/** Whether the diff speaks of this right on this target in this direction. */
function tells(
  diff: PolicyDiff,
  direction: 'gains' | 'loses',
  target: string,
  need: ReturnType<typeof randomNeed>,
): boolean {
  const names = [objectText(need.object), `${need.object.schema}.*`];
  return diff.changes.some(
    (change) =>
      change.direction === direction &&
      change.target === target &&
      change.rights.some((right) => {
        const [actions = '', objects = ''] = right.split(' on ');
        const named = objects.split(', ');
        return (
          actions.split(', ').includes(need.action) && names.some((one) => named.includes(one))
        );
      }),
  );
}

describe('compare against random questions', () => {
  it('tells every difference that random principals meet', () => {
    let differences = 0;
    for (const { seed, random, before, after, diff } of compared()) {
      for (let index = 0; index < QUESTIONS; index++) {
        const principal = randomPrincipal(random);
        const target = random.pick(TARGETS);
        const need = randomNeed(random);
        const surroundings = randomSurroundings(random);
        if (surroundings.now < NOW || diff.undecided.includes(target)) continue;
        const was = effect(before, principal, target, need, surroundings);
        const is = effect(after, principal, target, need, surroundings);
        if (was === is) continue;
        differences++;
        const direction = is === 'allow' ? 'gains' : 'loses';
        const what = JSON.stringify({ principal: principal.id, target, need, direction });
        assert.ok(tells(diff, direction, target, need), `seed ${seed}: ${what} is not told`);
      }
    }
    assert.ok(differences > 100, `only ${differences} differences were met`);
    const undecided = compared().flatMap(({ diff }) => diff.undecided);
    assert.ok(undecided.length <= PAIRS / 8, `${undecided.length} targets were undecided`);
  });

  it('names a witness for whom both decisions are as told', () => {
    let witnesses = 0;
    for (const { before, after, diff } of compared()) {
      for (const { direction, target, witness } of diff.changes) {
        witnesses++;
        const { principal, surroundings, need } = witness;
        if (!need) continue;
        const was = effect(before, principal, target, need, surroundings);
        const is = effect(after, principal, target, need, surroundings);
        assert.deepEqual([was, is], direction === 'gains' ? ['deny', 'allow'] : ['allow', 'deny']);
      }
    }
    assert.ok(witnesses > 100, `only ${witnesses} witnesses`);
  });

  it('finds nothing between a policy and itself', () => {
    for (const [, , before] of pairs()) {
      const { changes, settings } = diffPolicies(before, { ...before }, { nowMs: NOW });
      assert.deepEqual([changes, settings], [[], []]);
    }
  });

  it('claims nothing when the work is over its budget', () => {
    const one = compared().find(({ diff }) => diff.changes.length > 0);
    assert.ok(one);
    const { before, after } = one;
    const { changes, undecided } = diffPolicies(before, after, { nowMs: NOW, budget: 3 });
    assert.deepEqual(changes, []);
    assert.ok(undecided.length > 0);
  });
});
