// SPDX-License-Identifier: Apache-2.0

import { boundedTags, traceparentFrom } from '../audit/trace-context.ts';
import type { IdentityResult } from '../identity/result.ts';
import type { Denied, RuleReference } from '../model/decision.ts';
import { PosternError, toPosternError } from '../model/errors.ts';
import type { Lease } from '../model/lease.ts';
import type { Principal } from '../model/principal.ts';
import { type Access, decideLogin } from '../policy/decide.ts';
import type { Target } from '../policy/policy.ts';
import { Session, type SessionEnd } from './live-session.ts';
import type { GatewayParts } from './parts.ts';
import { sourceIp } from './request.ts';
import { type Destination, resolveTarget } from './target-resolution.ts';
import type { SessionTrace } from './tracing.ts';

/** What a protocol learnt from the peer besides who it is; unverified, for the audit and upstream. */
export interface Introduction {
  readonly identity: IdentityResult;
  readonly application?: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** What a protocol supplies: how to ask, how to answer, how to relay. The rest is here, once. */
export interface Door {
  readonly source: string;
  readonly destination: Destination;
  readonly downstreamConnection: number;
  /** Greets as the target would and learns who calls; rejects when the peer goes away or is late. */
  identify(target: Target): Promise<Introduction>;
  /** Protocol-native error with the id, then close. */
  refuse(denial: Denied, id: string): void;
  /** Logs in at the target with the lease and prepares it; returns the target's connection id. */
  connectUpstream(session: Session, introduction: Introduction): Promise<number>;
  /** Tells the peer that it is in and relays until either side or the session ends. */
  relay(session: Session): Promise<SessionEnd | undefined>;
  /** Ends both connections. Idempotent. */
  close(): void;
}

/**
 * One connection from accept to close:
 * resolve target -> identify -> decide -> record -> lend -> connect upstream -> relay -> close.
 * `loggedIn` is called when the login no longer counts as being under way.
 * Never rejects: whatever happens becomes a denial, a reason, or a log line.
 */
export async function serveConnection(
  parts: GatewayParts,
  door: Door,
  loggedIn: () => void,
): Promise<void> {
  try {
    const admitted = await admit(parts, door);
    loggedIn();
    if (admitted) await runSession(parts, door, admitted);
  } catch (thrown) {
    const { code, message: problem, cause } = toPosternError(thrown);
    const { source } = door;
    if (code === 'internal') parts.log.error('a connection was lost to a fault', { source, cause });
    // A peer that leaves or stalls before it is known is noise, not an event of the audit.
    else parts.log.debug('connection ended before a session began', { source, code, problem });
  } finally {
    door.close();
  }
}

interface Admitted {
  readonly target: Target;
  readonly principal: Principal;
  readonly ticket: string | undefined;
  readonly access: Access;
  readonly introduction: Introduction;
  readonly traceparent: string | undefined;
  readonly trace: SessionTrace | undefined;
  readonly rules: readonly RuleReference[];
  readonly connectionLimit?: number;
  readonly serviceClass: string;
}

/** What everybody may hear; the audit has the rest. Nobody who is unknown learns names or faults. */
const TOLD_TO_STRANGERS: Partial<Record<Denied['reason'], string>> = {
  'target-unresolved': 'this connection leads to no target',
  draining: 'the gateway is stopping',
};
/** As much of a text of the peer's own as a record needs. */
const MAX_CLAIM_LENGTH = 256;

/** Everything up to the decision to let the principal in; undefined when it was refused. */
async function admit(parts: GatewayParts, door: Door): Promise<Admitted | undefined> {
  const known: Known = {};
  const refuse = (denial: Omit<Denied, 'effect' | 'rules'> & Partial<Pick<Denied, 'rules'>>) =>
    refuseLogin(parts, door, { effect: 'deny', rules: [], ...denial }, known);

  if (parts.draining) return refuse({ reason: 'draining', detail: 'the gateway is stopping' });
  const resolution = resolveTarget(parts.engine.policy, door.destination);
  if (!resolution.target) {
    return refuse({ reason: 'target-unresolved', detail: resolution.detail });
  }
  const { target } = resolution;
  known.target = target.id;
  const broker = parts.brokers.get(target.id);
  if (!broker?.ready) {
    const detail = broker?.problem?.detail ?? 'this gateway does not serve it';
    return refuse({ reason: broker?.problem?.reason ?? 'target-unavailable', detail });
  }
  const introduction = await door.identify(target);
  const { identity } = introduction;
  if (!identity.ok) {
    const claimed = introduction.application?.slice(0, MAX_CLAIM_LENGTH);
    if (claimed) known.claimed = claimed;
    return refuse({ reason: identity.reason, detail: identity.detail });
  }
  const { principal } = identity;
  const traceparent = traceparentFrom({}, introduction.attributes);
  known.principal = principal.id;
  known.trace = parts.tracing?.login(principal, target, door.source, traceparent);
  const now = parts.clock.now();
  const access = parts.engine.access(principal, target.id, now);
  if (!access) return refuse({ reason: 'target-unresolved', detail: 'the target is gone' });
  const decision = decideLogin(access, { now, sourceIp: sourceIp(door.source) });
  if (decision.effect === 'deny') return refuse(decision);
  if (!parts.audit.accepting) {
    return refuse({ reason: 'audit-unavailable', detail: 'the audit cannot be written' });
  }
  const { connections } = decision.limits;
  return {
    target,
    principal,
    ticket: identity.ticket,
    access,
    introduction,
    traceparent,
    trace: known.trace,
    rules: decision.rules,
    serviceClass: decision.serviceClass ?? '',
    ...(connections !== undefined && { connectionLimit: connections }),
  };
}

/** What is known of a peer that is refused. */
interface Known {
  target?: string;
  /** Absent while who it is has not been verified. */
  principal?: string;
  trace?: SessionTrace | undefined;
  claimed?: string;
}

function refuseLogin(parts: GatewayParts, door: Door, denial: Denied, known: Known): undefined {
  const { principal, trace, ...unverified } = known;
  parts.meter.loginDenied(denial.reason, known.target ?? '');
  const facts = {
    source: door.source,
    ...unverified,
    reason: denial.reason,
    detail: denial.detail,
    rules: denial.rules,
    revision: parts.engine.policy.revision,
  };
  if (principal !== undefined) {
    const id = parts.ids.decision();
    parts.audit.append({ event: 'login-denied', id, principal, ...facts });
    trace?.end(denial.reason, id);
    door.refuse(denial, id);
    return undefined;
  }
  const told = TOLD_TO_STRANGERS[denial.reason] ?? 'the target is not available at this moment';
  door.refuse({ ...denial, detail: told }, parts.refusals.refused(facts));
  return undefined;
}

/** How a target refuses the login of a lease. */
const ACCESS_DENIED = 1045;

/** From the admission to the close: lease, upstream login, relay, and both audit records. */
async function runSession(parts: GatewayParts, door: Door, admitted: Admitted): Promise<void> {
  const { principal, target, access, traceparent, trace } = admitted;
  const known = { target: target.id, principal: principal.id, trace };
  const refuse = (reason: Denied['reason'], detail: string) =>
    refuseLogin(parts, door, { effect: 'deny', reason, detail, rules: admitted.rules }, known);
  const budget = `${principal.id} ${admitted.serviceClass}`;
  if (!(await parts.ledger.takeConnection(budget, admitted.connectionLimit))) {
    refuse('limit-connections', `more than ${admitted.connectionLimit} connections`);
    return;
  }
  const arrived = parts.queue.enter(target.id);
  let lease: Lease | undefined;
  const request = { principal, access, ttlMs: leaseTtlMs(access) };
  const broker = parts.brokers.get(target.id);
  try {
    if (!arrived) {
      refuse('target-unavailable', 'too many logins wait for the target');
      return;
    }
    lease = await broker?.lend(request);
    if (!broker || !lease) {
      refuse('target-unavailable', 'the target is no longer served');
      return;
    }
    const session = new Session({
      closingId: parts.ids.decision(),
      id: parts.ids.session(),
      principal,
      ticket: admitted.ticket,
      target,
      source: door.source,
      access,
      lease,
      downstreamConnection: door.downstreamConnection,
      traceparent,
      trace,
      now: parts.clock.now(),
      monotonic: parts.clock.monotonic(),
    });
    session.upstreamConnection = await door
      .connectUpstream(session, admitted.introduction)
      .catch(async (thrown: unknown) => {
        if (!lease || toPosternError(thrown).facts['errno'] !== ACCESS_DENIED) throw thrown;
        // It was given a new password meanwhile, or removed on the target: once more.
        broker.loginRefused(lease);
        broker.release(lease);
        lease = await broker.lend(request);
        session.lease = lease;
        return door.connectUpstream(session, admitted.introduction);
      });
    arrived();
    // The rights may have changed, or the gateway begun to stop, while the target was logging in.
    parts.sessions.add(session);
    trace?.opened(session);
    try {
      parts.refresh(session);
      await recordOpened(parts, session, admitted);
      recordClosed(parts, session, await door.relay(session));
    } finally {
      parts.sessions.remove(session);
    }
  } catch (thrown) {
    const error = toPosternError(thrown, parts.ids.decision());
    if (lease && error.facts['errno'] === ACCESS_DENIED) broker?.loginRefused(lease);
    parts.log.warn('session failed', {
      principal: principal.id,
      target: target.id,
      code: error.code,
      problem: error.message,
      cause: error.cause,
    });
    refuse(leaseReason(error), error.message);
  } finally {
    arrived?.();
    if (lease) broker?.release(lease);
    parts.ledger.returnConnection(budget);
  }
}

function leaseTtlMs(access: Access): number {
  return Math.min(...access.grants.map((grant) => grant.lease.ttlMs), 15 * 60_000);
}

function leaseReason(error: PosternError): Denied['reason'] {
  const stated = error.facts['reason'];
  if (stated === 'lease-role-missing' || stated === 'lease-exceeds-policy') return stated;
  if (error.code === 'audit-unwritable') return 'audit-unavailable';
  // The database named at login is unknown (1049) or not within the lease (1044).
  if (error.facts['errno'] === 1044 || error.facts['errno'] === 1049) return 'not-permitted';
  return error.code === 'lease-failed' ? 'lease-unavailable' : 'target-unavailable';
}

/** Nothing is relayed before the opening is written. */
function recordOpened(parts: GatewayParts, session: Session, admitted: Admitted): Promise<void> {
  const { application, attributes } = admitted.introduction;
  return new Promise((resolve, reject) => {
    parts.audit.append(
      {
        event: 'session-opened',
        id: parts.ids.decision(),
        ...session.origin,
        revision: session.revision,
        rules: admitted.rules,
        lease: session.lease.account,
        upstreamConnection: session.upstreamConnection,
        ...(session.ticket !== undefined && { ticket: session.ticket }),
        ...(application && { application: application.slice(0, MAX_CLAIM_LENGTH) }),
        attributes: boundedTags(attributes),
      },
      (ok) => {
        if (ok) {
          parts.meter.sessionOpened(session.target.id);
          resolve();
        } else {
          reject(new PosternError('audit-unwritable', { path: 'audit', problem: 'disk full' }));
        }
      },
    );
  });
}

function recordClosed(parts: GatewayParts, session: Session, end: SessionEnd | undefined): void {
  const reason = end?.reason ?? session.ending?.reason ?? 'closed-by-peer';
  parts.meter.sessionClosed(session.target.id, reason);
  session.trace?.end(reason);
  parts.audit.append({
    event: 'session-closed',
    id: session.closingId,
    ...session.origin,
    revision: session.revision,
    reason: end ? `${end.reason}: ${end.detail}` : reason,
    requests: session.requests,
    durationMs: Math.round(parts.clock.monotonic() - session.openedMonotonic),
    upstreamConnection: session.upstreamConnection,
  });
}
