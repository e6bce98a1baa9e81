// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { preparsePolicySet, statefulIsAuthorized } from '@cedar-policy/cedar-wasm/nodejs';
import type { Principal } from '../../src/model/principal.ts';
import type { Need } from '../../src/model/request.ts';
import {
  type Access,
  DecisionEngine,
  decideRequest,
  type Surroundings,
} from '../../src/policy/decide.ts';
import type { Policy } from '../../src/policy/policy.ts';
import { Random } from '../support/random.ts';
import {
  randomNeed,
  randomPolicy,
  randomPrincipal,
  randomSurroundings,
  TARGETS,
} from '../support/random-policy.ts';
import {
  cedarContext,
  cedarText,
  objectEntities,
  objectUid,
  principalEntities,
  principalUid,
} from './cedar-translation.ts';

// V8 of Node 20 now and then aborts when it leaves optimised code that has a WebAssembly call inlined
// (in Deoptimizer::DoComputeBuiltinContinuation); only this test calls WebAssembly.
setFlagsFromString('--no-turbo-inline-js-wasm-calls');

const POLICIES = 60;
const PRINCIPALS = 3;
const NEEDS = 5;
const REQUESTS = POLICIES * PRINCIPALS * (NEEDS + 1);
const PLAIN = { plain: true };

const features = {
  hasWhere: true,
  localInfile: false,
  multiStatement: false,
  mayHoldCredentials: false,
};

/** Whether Cedar lets `principal` do it, and everybody it acts for as well. */
function cedarAllows(
  policy: Policy,
  principal: Principal,
  targetId: string,
  need: Need | undefined,
  surroundings: Surroundings,
): boolean {
  const labels = policy.targets.get(targetId)?.labels ?? {};
  for (let who: Principal | undefined = principal; who; who = who.onBehalfOf) {
    const answer = statefulIsAuthorized({
      principal: principalUid(who),
      action: { type: 'Action', id: need?.action ?? 'connect' },
      resource: objectUid(targetId, need?.object),
      context: cedarContext(who, labels, surroundings),
      preparsedPolicySetId: 'policy',
      entities: [...principalEntities(who), ...objectEntities(targetId, need?.object)],
    });
    if (answer.type === 'failure') throw new Error(JSON.stringify(answer.errors));
    // An error skips a rule silently: the translation would be wrong, not the engine.
    assert.deepEqual(answer.response.diagnostics.errors, []);
    if (answer.response.decision === 'deny') return false;
  }
  return true;
}

/** Runs all cases; `translated` is what Cedar is given in place of the policy. */
function disagreements(translated: (policy: Policy) => Policy): {
  readonly found: readonly string[];
  readonly allowed: number;
} {
  const found: string[] = [];
  let allowed = 0;
  for (let seed = 1; seed <= POLICIES; seed++) {
    const random = new Random(seed);
    const policy = enforced(randomPolicy(random, PLAIN));
    const engine = new DecisionEngine(policy);
    const parsed = preparsePolicySet('policy', { staticPolicies: cedarText(translated(policy)) });
    assert.deepEqual(parsed, { type: 'success' });
    for (let index = 0; index < PRINCIPALS; index++) {
      const targetId = random.pick(TARGETS);
      const surroundings = randomSurroundings(random);
      const principal = concerned(random, engine, targetId);
      const access = engine.access(principal, targetId, surroundings.now) as Access;
      for (const need of [undefined, ...random.times(NEEDS, () => randomNeed(random))]) {
        const question = { kind: 'select' as const, needs: need ? [need] : [], features };
        const ours = decideRequest(access, question, surroundings).effect === 'allow';
        const theirs = cedarAllows(policy, principal, targetId, need, surroundings);
        if (ours) allowed++;
        if (ours !== theirs) found.push(`seed ${seed}, principal ${index}: ours ${ours}`);
      }
    }
  }
  return { found, allowed };
}

/** Most random principals are strangers: prefers one that some rule speaks of. */
function concerned(random: Random, engine: DecisionEngine, targetId: string): Principal {
  let principal = randomPrincipal(random, PLAIN);
  for (let attempt = 0; attempt < 5; attempt++) {
    if (engine.access(principal, targetId, 0)?.grants.length) break;
    principal = randomPrincipal(random, PLAIN);
  }
  return principal;
}

/** Observe mode turns answers around; Cedar has no such thing. */
function enforced(policy: Policy): Policy {
  const targets = [...policy.targets].map(
    ([id, target]) => [id, { ...target, enforcement: 'Enforce' as const }] as const,
  );
  return { ...policy, targets: new Map(targets) };
}

describe('decide against Cedar', () => {
  it(`agrees on ${REQUESTS} random requests`, () => {
    const { found, allowed } = disagreements((policy) => policy);
    assert.deepEqual(found, []);
    assert.ok(allowed >= REQUESTS / 20, `only ${allowed} were allowed: this would say little`);
  });

  it('would notice a Deny that one of the two does not apply', () => {
    assert.notEqual(disagreements((policy) => ({ ...policy, denies: [] })).found.length, 0);
  });

  it('would notice a condition that one of the two does not apply', () => {
    const withoutWhen = (policy: Policy) => ({
      ...policy,
      grants: policy.grants.map((grant) => ({ ...grant, when: [] })),
    });
    assert.notEqual(disagreements(withoutWhen).found.length, 0);
  });
});
