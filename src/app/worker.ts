// SPDX-License-Identifier: Apache-2.0
import type { Socket } from 'node:net';
import type { SessionView } from '../api/contract.ts';
import type { FileAudit } from '../audit/file-audit.ts';
import { RefusalLog } from '../audit/refusal-log.ts';
import type { ListenerSettings, Settings } from '../config/settings.ts';
import { Identifiers } from '../gateway/identifiers.ts';
import { SessionLifecycle } from '../gateway/lifecycle.ts';
import { BufferBudget, type Limits } from '../gateway/limits.ts';
import { Listeners } from '../gateway/listeners.ts';
import type { Session } from '../gateway/live-session.ts';
import { MysqlDoor } from '../gateway/mysql/door.ts';
import { killOwn } from '../gateway/mysql/kill.ts';
import { WarmPool } from '../gateway/mysql/warm-pool.ts';
import type { Asker, GatewayParts, Kill, Lender } from '../gateway/parts.ts';
import { SessionRegistry } from '../gateway/registry.ts';
import { TargetQueue } from '../gateway/target-queue.ts';
import type { IdentityResolver } from '../identity/resolver.ts';
import type { Tickets } from '../identity/ticket.ts';
import type { Clock, Timer } from '../model/clock.ts';
import type { Log } from '../model/log.ts';
import { DecisionEngine } from '../policy/decide.ts';
import type { Policy } from '../policy/policy.ts';
import type { Handshake } from '../wire/mysql/handshake.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { type ExportingSpans, exportSpans } from './otlp.ts';
import { ServerCertificates } from './server-certificates.ts';
import { TargetRoutes } from './target-routes.ts';

const TICK_MS = 500;
/** How often the root bundles of the Clusters are read again. */
const BUNDLE_LOOK_MS = 10_000;
/** More than this between two ticks beyond their distance means that the clock was moved. */
const CLOCK_JUMP_MS = 5_000;

/** What a worker works with; whatever is shared between workers may be far away. */
export interface WorkerOptions {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly log: Log;
  /** Which worker, from 0. */
  readonly index: number;
  readonly audit: FileAudit;
  readonly identity: IdentityResolver;
  readonly limits: Limits;
  /** By target id; follows the declaration by itself. */
  readonly lenders: ReadonlyMap<string, Lender>;
  /** As the target greeted at the last good login. */
  readonly greeting: (targetId: string) => Handshake | undefined;
  readonly tickets: Pick<Tickets, 'redeem'>;
  readonly killElsewhere?: (asker: Asker, kill: Kill) => Promise<boolean>;
  readonly policy: Policy;
  /** Hash under which the sources of the policy are kept. */
  readonly kept: string;
  /** Test switch, see `GatewayParts.trustTargetOnly`. */
  readonly trustTargetOnly?: boolean;
}

/** What serves connections: identity, sessions, decisions and the audit of them. */
export class Worker {
  readonly metrics: Metrics;
  readonly #o: WorkerOptions;
  readonly #sessions = new SessionRegistry();
  readonly #buffers: BufferBudget;
  readonly #routes: TargetRoutes;
  readonly #warm: WarmPool;
  #parts!: GatewayParts;
  #refusals!: RefusalLog;
  #lifecycle!: SessionLifecycle;
  #listeners!: Listeners;
  #certificates: ServerCertificates | undefined;
  #spans: ExportingSpans | undefined;
  #ticker: Timer | undefined;

  private constructor(options: WorkerOptions) {
    this.#o = options;
    const { settings, audit } = options;
    this.#buffers = new BufferBudget(settings.limits.bufferBytes);
    this.#routes = new TargetRoutes(settings, options.clock, options.log, options.greeting);
    this.#warm = new WarmPool({
      limits: settings.lease.warm,
      resetTimeoutMs: settings.limits.targetTimeout,
      clock: options.clock,
      log: options.log,
    });
    this.metrics = createMetrics({
      sessionsByTarget: () => countByTarget(this.#sessions.all()),
      bufferedBytes: () => this.#buffers.usedBytes,
      auditAccepting: () => audit.accepting,
    });
  }

  /** Rejects with `file-unreadable` when a certificate that the settings name cannot be used. */
  static async start(options: WorkerOptions): Promise<Worker> {
    const worker = new Worker(options);
    try {
      await worker.#start();
      return worker;
    } catch (thrown) {
      await worker.close();
      throw thrown;
    }
  }

  async #start(): Promise<void> {
    const { settings, clock, log, audit, identity, policy } = this.#o;
    this.#spans = await exportSpans({
      settings: settings.observability.otlp,
      environment: process.env,
      instance: settings.instance,
      clock,
      log,
      metrics: this.metrics,
    });
    const ids = new Identifiers(this.#o.index);
    this.#refusals = new RefusalLog(audit, clock, () => ids.decision());
    const { killElsewhere, trustTargetOnly } = this.#o;
    this.#parts = {
      clock,
      log,
      meter: this.metrics.meter,
      ...(this.#spans && { tracing: this.#spans.tracing }),
      audit,
      refusals: this.#refusals,
      identity,
      ids,
      tickets: this.#o.tickets,
      ledger: this.#o.limits,
      warm: this.#warm,
      queue: new TargetQueue(settings.limits.handshakes),
      buffers: this.#buffers,
      sessions: this.#sessions,
      limits: settings.limits,
      brokers: this.#o.lenders,
      ...(killElsewhere && { killElsewhere }),
      engine: new DecisionEngine(policy),
      refresh: (session) => this.#lifecycle.refresh(session),
      draining: false,
      ...(trustTargetOnly && { trustTargetOnly }),
    };
    this.#lifecycle = new SessionLifecycle(this.#parts);
    this.#recordPolicy('at start', policy, this.#o.kept);
    this.#certificates = await ServerCertificates.open(settings, identity, clock, log);
    this.#routes.follow(policy, () => undefined);
    this.#listeners = this.#openListeners(this.#certificates);
    this.#tick(clock.now());
  }

  #openListeners(certificates: ServerCertificates): Listeners {
    const { settings } = this.#o;
    return new Listeners({
      gateway: this.#parts,
      meshTls: (socket) => certificates.acceptMesh(socket, settings.limits.handshakeTimeout),
      door: (listener, accepted) => {
        const plain = listener.accept === 'Plain';
        const secureContext = plain ? undefined : certificates.protocolContext();
        return new MysqlDoor(this.#parts, accepted.socket, {
          source: accepted.source,
          listener: listener.name,
          destination: accepted.destination,
          target: (target) => this.#routes.get(target),
          warm: this.#warm,
          ...(accepted.settled && { settled: accepted.settled }),
          ...(secureContext && { secureContext }),
          ...(plain && { plain }),
        });
      },
    });
  }

  /** Serves a connection that a port accepted, until it ends. */
  accept(listener: ListenerSettings, socket: Socket): void {
    this.#listeners.accept(listener, socket);
  }

  /** Live sessions follow at once; only those whose rights changed end. */
  use(policy: Policy, kept: string): void {
    this.#o.identity.update(policy);
    this.#parts.engine = new DecisionEngine(policy);
    this.#recordPolicy('reloaded', policy, kept);
    this.#lifecycle.refreshAll();
    this.#routes.follow(policy, (id) => this.#endSessionsOn(id));
  }

  #endSessionsOn(targetId: string): void {
    const detail = 'how the target is reached has changed; connect again';
    for (const session of this.#sessions.all()) {
      if (session.target.id === targetId) session.end({ reason: 'target-unavailable', detail });
    }
    this.#warm.closeUnless((kept) => kept.targetId !== targetId);
  }

  get sessions(): readonly SessionView[] {
    return this.#sessions.all().map(viewOf);
  }

  /** False when there is no such session here. */
  kill(id: string, by: string): boolean {
    const session = this.#sessions.get(id);
    session?.end({ reason: 'session-killed', detail: `ended by ${by}` });
    return session !== undefined;
  }

  /** KILL, said by a session of another worker. */
  killFor(asker: Asker, kill: Kill): boolean {
    return killOwn(this.#sessions, asker, kill);
  }

  /** Ends what the ticket opened; the number of sessions. */
  endSessionsOfTicket(id: string, by: string): number {
    const ended = this.#sessions.all().filter(({ ticket }) => ticket === id);
    const detail = `its ticket was revoked by ${by}`;
    for (const session of ended) session.end({ reason: 'revoked', detail });
    return ended.length;
  }

  /** Lets sessions end by themselves for at most `timeoutMs`, then ends what is left. */
  async drain(timeoutMs: number): Promise<void> {
    if (!this.#parts) return;
    const { clock } = this.#o;
    this.#parts.draining = true;
    const until = clock.monotonic() + timeoutMs;
    while (this.#sessions.size > 0 && clock.monotonic() < until) {
      this.#lifecycle.tick();
      await pause(clock, 50);
    }
    for (const session of this.#sessions.all()) {
      session.end({ reason: 'draining', detail: 'the gateway has stopped' });
    }
    const last = clock.monotonic() + 4_000;
    while (this.#sessions.size > 0 && clock.monotonic() < last) await pause(clock, 20);
    this.#warm.close();
  }

  /** After `drain`; the audit is its owner's to close. */
  async close(): Promise<void> {
    this.#ticker?.stop();
    this.#certificates?.close();
    this.#refusals?.flush();
    await this.#spans?.stop();
  }

  #tick(before: number): void {
    const { clock, log, audit, identity } = this.#o;
    this.#ticker = clock.after(TICK_MS, () => {
      const now = clock.now();
      const moved = now - before - TICK_MS;
      if (Math.abs(moved) > CLOCK_JUMP_MS) {
        log.warn('the clock was moved, or the process was stopped', { byMs: moved });
        const detail = `by about ${Math.round(moved)} ms`;
        const { revision } = this.#parts.engine.policy;
        audit.append({ event: 'gateway', what: 'clock-moved', detail, revision });
        this.#lifecycle.refreshAll();
      }
      this.#lifecycle.tick();
      // Authorities are rotated without a change of the declaration.
      if (Math.floor(now / BUNDLE_LOOK_MS) !== Math.floor(before / BUNDLE_LOOK_MS)) {
        if (identity.reloadBundles()) this.#lifecycle.refreshAll();
      }
      this.#tick(now);
    });
  }

  #recordPolicy(detail: string, { revision }: Policy, sources: string): void {
    this.#o.audit.append({ event: 'gateway', what: 'policy-loaded', detail, revision, sources });
  }
}

function pause(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(ms, resolve);
  });
}

function countByTarget(sessions: readonly Session[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { target } of sessions) counts.set(target.id, (counts.get(target.id) ?? 0) + 1);
  return counts;
}

function viewOf(session: Session): SessionView {
  return {
    id: session.id,
    principal: session.principal.id,
    method: session.principal.method,
    target: session.target.id,
    source: session.origin.source,
    lease: session.lease.account,
    openedAt: session.openedAt,
    requests: session.requests,
    busy: session.busy,
    inTransaction: session.inTransaction,
    revision: session.revision,
    upstreamConnection: session.upstreamConnection,
  };
}
