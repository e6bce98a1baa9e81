// SPDX-License-Identifier: Apache-2.0

import {
  type IntentParts,
  type RequestContent,
  type RequestOrigin,
  type RequestOutcome,
  wholeIntent,
} from '../audit/record.ts';
import type { Decision, Denied } from '../model/decision.ts';
import type { Need } from '../model/request.ts';
import type { StatementFeatures, StatementKind } from '../policy/analyse/analysis.ts';
import { decideRequest } from '../policy/decide.ts';
import type { Session } from './live-session.ts';
import type { GatewayParts } from './parts.ts';
import type { RequestTrace } from './tracing.ts';

/** What the policy is asked about one request; made by a protocol's `inspect.ts`. */
export interface Question {
  readonly kind: StatementKind;
  readonly needs: readonly Need[];
  readonly features: StatementFeatures;
  /** Set when the request must not be forwarded whatever the rules say (invariant 2). */
  readonly refusal?: Refusal;
}

export interface Refusal extends Pick<Denied, 'reason' | 'detail'> {
  /** What the audit says instead of `detail`, when that quotes a text that is not to be recorded. */
  readonly recorded?: string;
}

/** What the audit says about one request besides the decision. */
export type Account = RequestContent;

/** What must be written before anything else happens. */
export interface Asked {
  readonly id: string;
  readonly intent: IntentParts;
}

/**
 * Decides requests of one session and makes their records. Only the analysis of a statement is
 * cached: the rules in force are kept by combination (`policy/judge.ts`), and looking a decision up
 * would take as long as making it.
 */
export class RequestDesk {
  readonly #parts: GatewayParts;
  readonly #session: Session;
  readonly #origin: RequestOrigin;
  readonly #sourceIp: string;
  /** The request under way, when it is traced. */
  #traced: { readonly id: string; readonly trace: RequestTrace } | undefined;

  constructor(parts: GatewayParts, session: Session) {
    this.#parts = parts;
    this.#session = session;
    const { principal, method, verifiedBy, target, source } = session.origin;
    const { id, upstreamConnection } = session;
    // Field by field: V8 gives what is spread a shape of its own, which takes more than the fields.
    this.#origin = {
      session: id,
      principal,
      method,
      verifiedBy,
      target,
      source,
      upstreamConnection,
    };
    this.#sourceIp = sourceIp(source);
  }

  /**
   * The whole request decision in its fixed order. A promise only when the budget is kept in
   * another process and none of it is at hand: then everything else is looked at again.
   */
  decide(question: Question): Decision | Promise<Decision> {
    const decision = this.#refusal(question) ?? this.#decideByRules(question);
    if (decision.effect === 'deny') return decision;
    const { requestsPerSecond } = decision.limits;
    if (requestsPerSecond === undefined) return decision;
    const key = `${this.#session.budgetKey} ${decision.serviceClass ?? ''}`;
    const within = this.#parts.ledger.takeRequest(key, requestsPerSecond);
    if (within === true) return decision;
    const spent = denied('limit-rate', `more than ${requestsPerSecond} requests per second`);
    if (within === false) return spent;
    return within.then((enough) => {
      const now = this.#refusal(question) ?? this.#decideByRules(question);
      return enough || now.effect === 'deny' ? now : spent;
    });
  }

  /** Counts a request that was decided; `intent` must be written before anything else happens. */
  ask(command: string, question: Question, account: Account, decision: Decision): Asked {
    const id = this.#parts.ids.decision();
    const why = decision.effect === 'deny' ? decision : decision.wouldDeny;
    const effect = decision.effect === 'deny' ? 'deny' : why ? 'would-deny' : 'allow';
    this.#session.requests += 1;
    this.#parts.meter.requestDecided(this.#session.target.id, effect, why?.reason ?? '');
    const intent = this.#intent(id, command, question, account, decision);
    if (this.#session.trace) this.#trace(intent, question);
    return { id, intent };
  }

  /** Writes the outcome of a request that began at `startedAt` (monotonic ms). */
  conclude(
    id: string,
    startedAt: number,
    facts: Omit<RequestOutcome, 'event' | 'id' | 'session' | 'durationMs'>,
    written?: (ok: boolean) => void,
  ): void {
    const elapsedMs = this.#parts.clock.monotonic() - startedAt;
    this.#parts.meter.requestDone(this.#session.target.id, facts.outcome, elapsedMs, facts.rows);
    if (this.#traced?.id === id) this.#traced.trace.end(facts);
    const durationMs = Math.round(elapsedMs * 1000) / 1000;
    const session = this.#session.id;
    this.#parts.audit.append({ event: 'outcome', id, session, ...facts, durationMs }, written);
  }

  #trace(intent: IntentParts, question: Question): void {
    const trace = this.#session.trace?.request(wholeIntent(intent), question.needs);
    this.#traced = trace && { id: intent.id, trace };
  }

  /** What denies before the rules are asked. */
  #refusal(question: Question): Denied | undefined {
    const { ending } = this.#session;
    if (ending) return denied(ending.reason, ending.detail);
    if (!this.#parts.audit.accepting) {
      return denied('audit-unavailable', 'the audit cannot be written, so nothing is allowed');
    }
    const { refusal } = question;
    // With the check taken out, what is merely not understood is left to the target as well.
    if (refusal && !(this.#parts.trustTargetOnly && refusal.reason.startsWith('statement-'))) {
      return denied(refusal.reason, refusal.detail);
    }
    return undefined;
  }

  #decideByRules(question: Question): Decision {
    if (this.#parts.trustTargetOnly) return { effect: 'allow', rules: [], limits: {} };
    const surroundings = { now: this.#parts.clock.now(), sourceIp: this.#sourceIp };
    return decideRequest(this.#session.access, question, surroundings);
  }

  /** The intent record of a decision; a denial is complete with it. */
  #intent(
    id: string,
    command: string,
    question: Question,
    content: Account,
    decision: Decision,
  ): IntentParts {
    const { revision, traceparent } = this.#session;
    const why = decision.effect === 'deny' ? decision : decision.wouldDeny;
    return {
      event: 'intent',
      id,
      decision: decision.effect === 'deny' ? 'deny' : why ? 'would-deny' : 'allow',
      ...(why && { reason: why.reason, detail: recordedDetail(why, question.refusal) }),
      rules: decision.rules,
      revision,
      origin: this.#origin,
      command,
      kind: question.kind,
      ...(traceparent !== undefined && content.traceparent === undefined && { traceparent }),
      content,
    };
  }
}

function recordedDetail({ detail }: Denied, refusal: Refusal | undefined): string {
  return refusal?.detail === detail ? (refusal.recorded ?? detail) : detail;
}

function denied(reason: Denied['reason'], detail: string): Denied {
  return { effect: 'deny', reason, detail, rules: [] };
}

/** The address of `ip:port` or `[ip]:port`. */
export function sourceIp(source: string): string {
  return source.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
}
