// SPDX-License-Identifier: Apache-2.0
import type { AuditLog } from '../audit/record.ts';
import { refusalText } from '../identity/refusal-text.ts';
import type { IdentityResolver } from '../identity/resolver.ts';
import type { Clock } from '../model/clock.ts';
import type { Denied, RuleReference } from '../model/decision.ts';
import type { Principal } from '../model/principal.ts';
import type { Need } from '../model/request.ts';
import { Secret } from '../model/secret.ts';
import { type DecisionEngine, decideRequest } from '../policy/decide.ts';
import { POSTERN_TARGET_ID } from '../policy/policy.ts';

/** What it takes to know a caller, to decide and to record. */
export interface CallerParts {
  readonly audit: AuditLog;
  readonly identity: IdentityResolver;
  readonly clock: Clock;
  engine(): DecisionEngine;
  newId(): string;
}

export interface Refused {
  readonly ok: false;
  readonly status: 400 | 401 | 403 | 404 | 429;
  readonly body: { readonly error: string; readonly decision?: string };
}

export type Verdict = { readonly ok: true } | Refused;
type Reason = Pick<Denied, 'reason' | 'detail'>;

/** One call of the API by somebody who has shown a token; its id is that of its audit record. */
export class Call {
  readonly #parts: CallerParts;
  readonly id: string;
  readonly principal: Principal;

  private constructor(parts: CallerParts, id: string, principal: Principal) {
    this.#parts = parts;
    this.id = id;
    this.principal = principal;
  }

  /** A caller without an acceptable token is recorded and refused. */
  static async by(
    parts: CallerParts,
    authorization: string | undefined,
    action: string,
  ): Promise<{ readonly ok: true; readonly call: Call } | Refused> {
    const id = parts.newId();
    const token = /^Bearer ([A-Za-z0-9._~+/=-]+)$/.exec(authorization ?? '')?.[1];
    const identity = token
      ? await parts.identity.verifyToken(new Secret(token))
      : ({ ok: false, reason: 'anonymous', detail: 'no bearer token was sent' } as const);
    if (identity.ok) return { ok: true, call: new Call(parts, id, identity.principal) };
    await record(parts, { id, principal: 'anonymous', action, rules: [], denied: identity });
    return {
      ok: false,
      status: 401,
      body: { error: `${refusalText(identity.reason)} (decision ${id})`, decision: id },
    };
  }

  /** Asks the rules of the built-in Target and records the answer. */
  decide(action: string, need: Need): Promise<Verdict> {
    const now = this.#parts.clock.now();
    const access = this.#parts.engine().access(this.principal, POSTERN_TARGET_ID, now);
    const features = { hasWhere: false, localInfile: false, multiStatement: false };
    const question = {
      kind: 'administration' as const,
      needs: [need],
      features: { ...features, mayHoldCredentials: false },
    };
    const decision = access
      ? decideRequest(access, question, { now })
      : ({ effect: 'deny', reason: 'no-grant', rules: [], detail: 'no grant on postern' } as const);
    return decision.effect === 'deny'
      ? this.deny(action, decision, decision.rules)
      : this.allow(action, decision.rules);
  }

  /** What was not recorded was not allowed. */
  async allow(action: string, rules: readonly RuleReference[]): Promise<Verdict> {
    const { id, principal } = this;
    const written = await record(this.#parts, { id, principal: principal.id, action, rules });
    if (written) return { ok: true };
    return { ok: false, status: 403, body: { error: 'the audit cannot be written' } };
  }

  async deny(
    action: string,
    denied: Reason,
    rules: readonly RuleReference[] = [],
    status: Refused['status'] = 403,
  ): Promise<Refused> {
    const { id, principal } = this;
    await record(this.#parts, { id, principal: principal.id, action, rules, denied });
    const error = `${denied.detail} (decision ${id})`;
    return { ok: false, status, body: { error, decision: id } };
  }
}

function record(
  parts: CallerParts,
  what: {
    readonly id: string;
    readonly principal: string;
    readonly action: string;
    readonly rules: readonly RuleReference[];
    readonly denied?: Reason;
  },
): Promise<boolean> {
  const { denied, ...facts } = what;
  return new Promise((resolve) => {
    parts.audit.append(
      {
        event: 'administration',
        ...facts,
        decision: denied ? 'deny' : 'allow',
        ...(denied && { reason: denied.reason }),
        detail: denied?.detail ?? '',
      },
      resolve,
    );
  });
}
