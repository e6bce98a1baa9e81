// SPDX-License-Identifier: Apache-2.0
import type { Decision } from '../model/decision.ts';
import type { Principal } from '../model/principal.ts';
import type { Need } from '../model/request.ts';
import { type DecisionEngine, decideLogin, decideRequest, type Surroundings } from './decide.ts';
import { needQuestion } from './question.ts';

/** Decisions of one engine for one principal at one moment; without target everything is denied. */
export function decider(
  engine: DecisionEngine,
  principal: Principal,
  target: string,
  surroundings: Surroundings,
): (need: Need | undefined) => Decision {
  const access = engine.access(principal, target, surroundings.now);
  if (!access) {
    const detail = `there is no target ${target}`;
    return () => ({ effect: 'deny', reason: 'target-unresolved', rules: [], detail });
  }
  return (need) =>
    need
      ? decideRequest(access, needQuestion(need), surroundings)
      : decideLogin(access, surroundings);
}
