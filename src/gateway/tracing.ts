// SPDX-License-Identifier: Apache-2.0
import type { RequestIntent, RequestOutcome } from '../audit/record.ts';
import type { Principal } from '../model/principal.ts';
import type { Need } from '../model/request.ts';
import type { Target } from '../policy/policy.ts';

/** Who makes spans of sessions and requests; `app/spans.ts` does, with OpenTelemetry. */
export interface Tracing {
  /** `stated`: the caller's traceparent, when it gave a valid one. */
  login(principal: Principal, target: Target, source: string, stated?: string): SessionTrace;
}

/** What the span of a session says once the target has let it in. */
export interface OpenedSession {
  readonly id: string;
  readonly lease: { readonly account: string };
  readonly upstreamConnection: number;
}

/** From the moment a principal is known to the end of its session, or to its refusal. */
export interface SessionTrace {
  /** What the target is told: the session's own span. */
  readonly traceparent: string;
  opened(session: OpenedSession): void;
  /** Undefined when the request is not sampled, or is over because it was denied. */
  request(intent: RequestIntent, needs: readonly Need[]): RequestTrace | undefined;
  /** `denial`: id of the decision when it ends as a refusal. */
  end(reason: string, denial?: string): void;
}

export interface RequestTrace {
  end(outcome: Pick<RequestOutcome, 'outcome' | 'errno' | 'rows'>): void;
}
