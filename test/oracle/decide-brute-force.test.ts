// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Decision } from '../../src/model/decision.ts';
import type { Principal } from '../../src/model/principal.ts';
import {
  type Access,
  DecisionEngine,
  decideLogin,
  decideRequest,
  type RequestQuestion,
  type Surroundings,
} from '../../src/policy/decide.ts';
import type { Policy } from '../../src/policy/policy.ts';
import { Random } from '../support/random.ts';
import {
  randomPolicy,
  randomPrincipal,
  randomQuestion,
  randomSurroundings,
  TARGETS,
} from '../support/random-policy.ts';
import { naiveDecide } from './naive-decide.ts';

const POLICIES = 400;
const REQUESTS = 25;

interface Question {
  readonly policy: Policy;
  readonly principal: Principal;
  readonly targetId: string;
  readonly request: RequestQuestion | undefined;
  readonly surroundings: Surroundings;
}

type Decider = (question: Question) => Decision;

/** The cases of one seed: a policy and requests on it, a tenth of them logins. */
function* questions(seed: number): Generator<Question> {
  const random = new Random(seed);
  const policy = randomPolicy(random);
  for (let index = 0; index < REQUESTS; index++) {
    yield {
      policy,
      principal: randomPrincipal(random),
      targetId: random.pick(TARGETS),
      request: random.chance(0.1) ? undefined : randomQuestion(random),
      surroundings: randomSurroundings(random),
    };
  }
}

const engines = new WeakMap<Policy, DecisionEngine>();

function decide({ policy, principal, targetId, request, surroundings }: Question): Decision {
  let engine = engines.get(policy);
  if (!engine) {
    engine = new DecisionEngine(policy);
    engines.set(policy, engine);
  }
  const access = engine.access(principal, targetId, surroundings.now) as Access;
  return request ? decideRequest(access, request, surroundings) : decideLogin(access, surroundings);
}

/** What both must agree on: effect, reason, and for an allow its grants and limits. */
function summary(decision: Decision): object {
  if (decision.effect === 'deny') return { effect: 'deny', reason: decision.reason };
  const { rules, limits, wouldDeny } = decision;
  return {
    effect: 'allow',
    ...(wouldDeny && { reason: wouldDeny.reason }),
    rules: rules.map(({ name }) => name).sort(),
    limits,
  };
}

function naiveSummary(question: Question): object {
  const { policy, principal, targetId, request, surroundings } = question;
  const { rules, limits, ...rest } = naiveDecide(
    policy,
    principal,
    targetId,
    request,
    surroundings,
  );
  return rest.effect === 'deny' ? rest : { ...rest, rules, limits };
}

function firstDisagreement(decider: Decider, seeds: number): string | undefined {
  for (let seed = 1; seed <= seeds; seed++) {
    for (const question of questions(seed)) {
      const actual = summary(decider(question));
      try {
        assert.deepEqual(actual, naiveSummary(question));
      } catch {
        return `seed ${seed}: ${JSON.stringify(actual)}, not ${JSON.stringify(naiveSummary(question))}`;
      }
    }
  }
  return undefined;
}

/** Deciders that are wrong in one way each, made by changing what the right one is asked. */
const MUTANTS: Readonly<Record<string, Decider>> = {
  'ignores Deny': (asked) => decide({ ...asked, policy: { ...asked.policy, denies: [] } }),
  'ignores when': (asked) =>
    decide({
      ...asked,
      policy: { ...asked.policy, grants: asked.policy.grants.map((one) => ({ ...one, when: [] })) },
    }),
  'ignores expires': (asked) =>
    decide({
      ...asked,
      policy: {
        ...asked.policy,
        grants: asked.policy.grants.map(({ expires: _, ...one }) => one),
      },
    }),
  'takes a cut list of groups for the whole': (asked) => {
    const { principal } = asked;
    if (principal.kind !== 'user') return decide(asked);
    const groups = { ...principal.groups, incomplete: false };
    return decide({ ...asked, principal: { ...principal, groups } });
  },
  'forgets for whom an agent acts': (asked) => {
    const { onBehalfOf: _, ...principal } = asked.principal;
    return decide({ ...asked, principal });
  },
  'looks at the first need only': (asked) =>
    decide({
      ...asked,
      request: asked.request && { ...asked.request, needs: asked.request.needs.slice(0, 1) },
    }),
  'ignores guardrails': (asked) =>
    decide({
      ...asked,
      request: asked.request && {
        ...asked.request,
        kind: 'select',
        features: { ...asked.request.features, multiStatement: false, localInfile: false },
      },
    }),
  'ignores the source address': (asked) =>
    decide({ ...asked, surroundings: { now: asked.surroundings.now } }),
  'reads every zone as UTC': (asked) => decide({ ...asked, policy: inUtc(asked.policy) }),
  'ignores service classes': (asked) =>
    decide({ ...asked, policy: { ...asked.policy, serviceClasses: new Map() } }),
  'enforces in Observe mode': (asked) => {
    const targets = [...asked.policy.targets].map(
      ([id, target]) => [id, { ...target, enforcement: 'Enforce' }] as const,
    );
    return decide({ ...asked, policy: { ...asked.policy, targets: new Map(targets) } });
  },
};

function inUtc(policy: Policy): Policy {
  const utc = <Rule extends Policy['grants'][number] | Policy['denies'][number]>(rule: Rule) => ({
    ...rule,
    when: rule.when.map((one) => (one.key === 'time' ? { ...one, zone: 'UTC' } : one)),
  });
  return { ...policy, grants: policy.grants.map(utc), denies: policy.denies.map(utc) };
}

describe('decide against brute force', () => {
  it(`agrees on ${POLICIES * REQUESTS} random cases`, () => {
    assert.equal(firstDisagreement(decide, POLICIES), undefined);
  });

  it('meets every outcome often enough to mean something', () => {
    const seen = new Map<string, number>();
    for (let seed = 1; seed <= POLICIES; seed++) {
      for (const question of questions(seed)) {
        const { effect, reason } = summary(decide(question)) as { effect: string; reason?: string };
        const outcome = `${effect} ${reason ?? ''}`.trim();
        seen.set(outcome, (seen.get(outcome) ?? 0) + 1);
      }
    }
    for (const outcome of [
      'allow',
      'allow no-grant',
      'deny no-grant',
      'deny not-permitted',
      'deny denied-by-rule',
      'deny groups-unknown',
      'deny condition-not-met',
      'deny grant-expired',
      'deny multi-statement',
      'deny require-where',
    ]) {
      assert.ok((seen.get(outcome) ?? 0) >= 10, `${outcome}: ${seen.get(outcome)}`);
    }
  });

  for (const [name, mutant] of Object.entries(MUTANTS)) {
    it(`notices a decider that ${name}`, () => {
      assert.notEqual(firstDisagreement(mutant, POLICIES), undefined);
    });
  }
});
