// SPDX-License-Identifier: Apache-2.0
import type { Decision } from '../model/decision.ts';
import type { Principal } from '../model/principal.ts';
import type { Need } from '../model/request.ts';
import { DecisionEngine, type Surroundings } from '../policy/decide.ts';
import { decider } from '../policy/decider.ts';
import type { DataRole, Policy } from '../policy/policy.ts';
import { asEnforced } from '../policy/question.ts';
import { accessContent } from '../policy/rule-content.ts';
import type { SituationRules } from '../policy/situations.ts';

/** A gateway, asked as its sessions ask it. */
export interface Gateway {
  /** The revision that it serves: names that only it knows are looked at too. */
  readonly policy: Policy;
  /** Two principals with the same text are decided alike in the same situation. */
  content(principal: Principal, target: string): string;
  rules(principal: Principal, target: string): SituationRules | undefined;
  /** The roles of the lease that it would lend. */
  lends(principal: Principal, target: string): readonly DataRole[];
  decide(
    principal: Principal,
    target: string,
    surroundings: Surroundings,
  ): (need: Need | undefined) => Decision;
}

/** `decide` of this build under one policy; Observe mode is looked through. */
export class EngineGateway implements Gateway {
  readonly policy: Policy;
  readonly #engine: DecisionEngine;
  /** In Observe mode a lease holds more. */
  readonly #lending: DecisionEngine;
  readonly #nowMs: number;

  constructor(policy: Policy, nowMs: number) {
    this.policy = asEnforced(policy);
    this.#engine = new DecisionEngine(this.policy);
    this.#lending = new DecisionEngine(policy);
    this.#nowMs = nowMs;
  }

  content(principal: Principal, target: string): string {
    return accessContent(this.rules(principal, target));
  }

  rules(principal: Principal, target: string) {
    return this.#engine.access(principal, target, this.#nowMs);
  }

  lends(principal: Principal, target: string): readonly DataRole[] {
    const access = this.#lending.access(principal, target, this.#nowMs);
    return access?.roleIds.flatMap((id) => this.policy.roles.get(id) ?? []) ?? [];
  }

  decide(principal: Principal, target: string, surroundings: Surroundings) {
    return decider(this.#engine, principal, target, surroundings);
  }
}
