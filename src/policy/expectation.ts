// SPDX-License-Identifier: Apache-2.0
import type { Decision } from '../model/decision.ts';
import type { IdentityMethod, Principal } from '../model/principal.ts';
import { type DataObject, type Need, objectText } from '../model/request.ts';
import { accessConditions, accessExpiries } from './access.ts';
import { attributeAtoms } from './claim-atoms.ts';
import {
  type Access,
  DecisionEngine,
  decideLogin,
  decideRequest,
  type Surroundings,
} from './decide.ts';
import type { Expectation, Policy } from './policy.ts';
import { principalFromId } from './principal-from-id.ts';
import { asEnforced, needQuestion, objectsWithin } from './question.ts';
import { surroundingsAtoms } from './surroundings-atoms.ts';

export interface ExpectationResult {
  readonly expectation: Expectation;
  readonly held: boolean;
  /** The decision that settled it; absent when the principal could not be read. */
  readonly decision?: Decision;
  /** For a person: why it holds or does not. */
  readonly detail: string;
}

/**
 * Runs every expectation against the rules as Enforce mode applies them. With `at` the question is
 * asked at that instant. Without it, it is asked for every instant from `nowMs` on, source address
 * and identity method that the rules distinguish: `Allow` holds when some of them is allowed,
 * `Deny` only when none is. Claims, groups and roles are those the expectation names. Denying
 * `schema.*` means each table in it; allowing it means the whole.
 */
export function runExpectations(policy: Policy, nowMs: number): readonly ExpectationResult[] {
  const engine = new DecisionEngine(asEnforced(policy));
  return policy.expectations.map((expectation) => run(expectation, engine, nowMs));
}

function run(expectation: Expectation, engine: DecisionEngine, nowMs: number): ExpectationResult {
  const reading = principalFromId(expectation.as, expectation, engine.policy);
  if (!reading.ok) return { expectation, held: false, detail: reading.problem };
  const asked = questions(expectation, engine.policy);
  let last: Decision | undefined;
  for (const principal of byMethod(reading.principal, engine, expectation.to, nowMs)) {
    const access = engine.access(principal, expectation.to, expectation.at ?? nowMs);
    if (!access) return { expectation, held: false, detail: `there is no ${expectation.to}` };
    for (const surroundings of instants(access, expectation.at, nowMs)) {
      for (const need of asked) {
        const decision = need
          ? decideRequest(access, needQuestion(need), surroundings)
          : decideLogin(access, surroundings);
        if (decision.effect === 'allow') return settled(expectation, decision, need);
        last = decision;
      }
    }
  }
  return settled(expectation, last, asked[0]);
}

function settled(
  expectation: Expectation,
  decision: Decision | undefined,
  need: Need | undefined,
): ExpectationResult {
  if (!decision) return { expectation, held: false, detail: 'there was nothing to ask' };
  const held = (decision.effect === 'allow') === (expectation.expect === 'Allow');
  const asked = need ? `${need.action} ${objectText(need.object)}` : 'connecting';
  const detail =
    decision.effect === 'allow'
      ? `${asked} is allowed by ${decision.rules.map(({ name }) => name).join(', ')}`
      : `${asked} is denied: ${decision.detail} (${decision.reason})`;
  return { expectation, held, decision, detail };
}

/** What is asked; one of them allowed settles it. */
function questions(expectation: Expectation, policy: Policy): readonly (Need | undefined)[] {
  const { do: asked, expect, to } = expectation;
  if (!asked) return [undefined];
  const { action } = asked;
  const object: DataObject = asked.object;
  const objects =
    object.type === 'schema' && expect === 'Deny' ? objectsWithin(object.schema, policy, to) : [];
  return [{ action, object }, ...objects.map((one) => ({ action, object: one }))];
}

/** At the time the expectation names, or at every time that matters. */
function instants(access: Access, at: number | undefined, nowMs: number): readonly Surroundings[] {
  const conditions = accessConditions(access);
  if (at === undefined) return surroundingsAtoms(conditions, accessExpiries(access), nowMs);
  const sources = conditions.filter(({ key }) => key === 'source.ip');
  return surroundingsAtoms(sources, [], at);
}

/** As verified in the usual way, or in each way when a rule asks how. */
function byMethod(
  principal: Principal,
  engine: DecisionEngine,
  targetId: string,
  nowMs: number,
): readonly Principal[] {
  const access = engine.access(principal, targetId, nowMs);
  if (!access) return [principal];
  const methods = attributeAtoms(
    accessConditions(access).filter((one) => one.key === 'text' && one.name === 'identity.method'),
  ).atoms.flatMap(({ method }): IdentityMethod[] => (method ? [method] : []));
  return methods.length === 0 ? [principal] : methods.map((method) => ({ ...principal, method }));
}
