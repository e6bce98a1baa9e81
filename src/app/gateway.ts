// SPDX-License-Identifier: Apache-2.0
import { administrationApi } from '../api/administration.ts';
import type { Readiness, ReloadReport, SessionView } from '../api/contract.ts';
import { type HttpListener, listenForProbes, listenOnSocket } from '../api/http.ts';
import { type FileAudit, openFileAudit } from '../audit/file-audit.ts';
import { PolicyStore } from '../audit/policy-store.ts';
import { RefusalLog } from '../audit/refusal-log.ts';
import type { Settings } from '../config/settings.ts';
import { Identifiers } from '../gateway/identifiers.ts';
import { SessionLifecycle } from '../gateway/lifecycle.ts';
import { BufferBudget, LimitLedger } from '../gateway/limits.ts';
import { Listeners } from '../gateway/listeners.ts';
import type { Session } from '../gateway/live-session.ts';
import { MysqlDoor } from '../gateway/mysql/door.ts';
import { WarmPool } from '../gateway/mysql/warm-pool.ts';
import type { GatewayParts } from '../gateway/parts.ts';
import { Ports } from '../gateway/ports.ts';
import { SessionRegistry } from '../gateway/registry.ts';
import { TicketStore } from '../gateway/ticket-store.ts';
import type { Tracing } from '../gateway/tracing.ts';
import { IdentityResolver } from '../identity/resolver.ts';
import type { Clock, Timer } from '../model/clock.ts';
import { PosternError } from '../model/errors.ts';
import type { Log } from '../model/log.ts';
import { removeStaleSocket } from '../net/unix-socket.ts';
import { DecisionEngine } from '../policy/decide.ts';
import type { Policy } from '../policy/policy.ts';
import { retentionRules, signerOptions } from './audit-options.ts';
import { readMaterial } from './material.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { type Exporting, exportMetrics, exportSpans } from './otlp.ts';
import { PolicyFiles } from './policy-files.ts';
import { FileWatch } from './reload.ts';
import { RetentionTask } from './retention-task.ts';
import { idleListeners } from './serve-check.ts';
import { ServerCertificates } from './server-certificates.ts';
import { ServedTargets } from './targets.ts';

const TICK_MS = 500;
/** How often the root bundles of the Clusters are read again. */
const BUNDLE_LOOK_MS = 10_000;
/** More than this between two ticks beyond their distance means that the clock was moved. */
const CLOCK_JUMP_MS = 5_000;

export interface GatewayOptions {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly log: Log;
  /** Test switch, see `GatewayParts.trustTargetOnly`. */
  readonly trustTargetOnly?: boolean;
}

/** One running gateway: everything wired together. `start`, then `reload` at will, then `stop`. */
export class Gateway {
  readonly #o: GatewayOptions;
  readonly #files: PolicyFiles;
  readonly #metrics: Metrics;
  readonly #sessions = new SessionRegistry();
  readonly #buffers: BufferBudget;
  #parts!: GatewayParts;
  #audit!: FileAudit;
  #store!: PolicyStore;
  #refusals!: RefusalLog;
  #targets!: ServedTargets;
  #warm!: WarmPool;
  #lifecycle!: SessionLifecycle;
  #listeners!: Listeners;
  #ports!: Ports;
  #identity!: IdentityResolver;
  readonly #tickets: TicketStore;
  #certificates!: ServerCertificates;
  #watch: FileWatch | undefined;
  #ticker: Timer | undefined;
  #retention: RetentionTask | undefined;
  #stopped = false;
  /** What is in the files now was not taken. */
  #refused = false;
  #reloading: Promise<unknown> = Promise.resolve();
  #http: HttpListener[] = [];
  #probes: HttpListener | undefined;
  #exporting: Exporting[] = [];

  private constructor(options: GatewayOptions) {
    this.#o = options;
    this.#files = new PolicyFiles(options.settings.policy);
    this.#buffers = new BufferBudget(options.settings.limits.bufferBytes);
    this.#tickets = new TicketStore(options.clock);
    this.#metrics = createMetrics({
      sessionsByTarget: () => countByTarget(this.#sessions.all()),
      bufferedBytes: () => this.#buffers.usedBytes,
      auditAccepting: () => this.#audit.accepting,
      auditHeads: () => {
        const signer = this.#audit.health().signer;
        return { signed: signer?.lastHead ?? 0, witnessed: signer?.witness?.lastHead };
      },
      targetReady: () =>
        new Map([...this.#targets.brokers].map(([id, broker]) => [id, broker.ready])),
    });
  }

  /** Rejects with `policy-invalid`, `audit-unwritable`, `listen-failed` or `file-unreadable`. */
  static async start(options: GatewayOptions): Promise<Gateway> {
    const gateway = new Gateway(options);
    try {
      await gateway.#start();
      return gateway;
    } catch (thrown) {
      await gateway.stop(0);
      throw thrown;
    }
  }

  /** Bound addresses by listener name, for ports that were given as 0. */
  get addresses(): ReadonlyMap<string, string> {
    return this.#ports.addresses;
  }

  get probeAddress(): string | undefined {
    return this.#probes?.address;
  }

  get revision(): string {
    return this.#parts.engine.policy.revision;
  }

  get sessions(): readonly SessionView[] {
    return this.#sessions.all().map(viewOf);
  }

  async #start(): Promise<void> {
    const { settings, clock, log } = this.#o;
    // Before it is read: what is written meanwhile counts as a change.
    const seen = await this.#files.fingerprint();
    const loaded = await this.#files.load();
    if (!loaded.policy) {
      for (const fault of loaded.faults) log.error('fault in the declaration', { fault });
      throw new PosternError('policy-invalid', { count: loaded.faults.length });
    }
    this.#audit = await openFileAudit({
      directory: settings.audit.directory,
      instance: settings.instance,
      clock,
      log,
      signer: signerOptions(settings),
      limits: {
        reserveBytes: settings.audit.reserve,
        segmentBytes: settings.audit.segment,
      },
    });
    this.#store = new PolicyStore(settings.audit.directory);
    const kept = this.#store.save(loaded.policy.revision, loaded.sources, clock.now());
    this.#identity = new IdentityResolver({ policy: loaded.policy, clock, log, readMaterial });
    const tracing = await this.#export();
    this.#targets = new ServedTargets({ settings, clock, log, audit: this.#audit });
    const ids = new Identifiers();
    this.#refusals = new RefusalLog(this.#audit, clock, () => ids.decision());
    this.#warm = new WarmPool({
      limits: settings.lease.warm,
      resetTimeoutMs: settings.limits.targetTimeout,
      clock,
      log,
    });
    this.#parts = {
      warm: this.#warm,
      clock,
      log,
      meter: this.#metrics.meter,
      ...(tracing && { tracing }),
      audit: this.#audit,
      refusals: this.#refusals,
      identity: this.#identity,
      ids,
      tickets: this.#tickets,
      ledger: new LimitLedger(clock),
      buffers: this.#buffers,
      sessions: this.#sessions,
      limits: settings.limits,
      brokers: this.#targets.brokers,
      engine: new DecisionEngine(loaded.policy),
      refresh: (session) => this.#lifecycle.refresh(session),
      draining: false,
      ...(this.#o.trustTargetOnly && { trustTargetOnly: true }),
    };
    this.#lifecycle = new SessionLifecycle(this.#parts);
    this.#record('policy-loaded', 'at start', loaded.policy.revision, kept);
    this.#metrics.policyRead('accepted');
    this.#certificates = await ServerCertificates.open(settings, this.#identity, clock, log);
    await this.#targets.follow(loaded.policy, () => undefined);
    await this.#listen();
    this.#tick(clock.now());
    this.#retention = new RetentionTask({
      clock,
      log,
      audit: this.#audit,
      rules: () => retentionRules(settings, this.#parts.engine.policy),
    });
    this.#watch = new FileWatch({
      paths: settings.policy,
      seen,
      fingerprint: () => this.#files.fingerprint(),
      changed: () => this.reload(),
      clock,
      log,
    });
  }

  /** Spans and metrics over OTLP, where settings or the environment ask for them. */
  async #export(): Promise<Tracing | undefined> {
    const { settings, clock, log } = this.#o;
    const options = {
      settings: settings.observability.otlp,
      environment: process.env,
      instance: settings.instance,
      clock,
      log,
      metrics: this.#metrics,
    };
    const [spans, metrics] = await Promise.all([exportSpans(options), exportMetrics(options)]);
    for (const exporting of [spans, metrics]) if (exporting) this.#exporting.push(exporting);
    return spans?.tracing;
  }

  async #listen(): Promise<void> {
    const { settings, clock, log } = this.#o;
    this.#listeners = new Listeners({
      gateway: this.#parts,
      meshTls: (socket) => this.#certificates.acceptMesh(socket, settings.limits.handshakeTimeout),
      door: (listener, accepted) => {
        const plain = listener.accept === 'Plain';
        const secureContext = plain ? undefined : this.#certificates.protocolContext();
        return new MysqlDoor(this.#parts, accepted.socket, {
          source: accepted.source,
          listener: listener.name,
          destination: accepted.destination,
          target: (target) => this.#targets.get(target),
          warm: this.#warm,
          ...(accepted.settled && { settled: accepted.settled }),
          ...(secureContext && { secureContext }),
          ...(plain && { plain }),
        });
      },
    });
    this.#ports = new Ports(log, (listener, socket) => this.#listeners.accept(listener, socket));
    await this.#ports.open(settings.listeners);
    this.#warnOfIdleListeners(this.#parts.engine.policy);
    const api = administrationApi({
      audit: this.#audit,
      identity: this.#identity,
      clock,
      log,
      engine: () => this.#parts.engine,
      newId: () => this.#parts.ids.decision(),
      sessions: () => this.sessions,
      kill: (id, by) => this.#kill(id, by),
      reload: () => this.reload(),
      tickets: this.#tickets,
      maxTicketTtlMs: settings.tickets.maxTtl,
      endSessionsOfTicket: (id, by) => this.#endSessionsOfTicket(id, by),
    });
    await removeStaleSocket(settings.administration.socket);
    this.#http.push(await listenOnSocket(api, settings.administration.socket));
    if (settings.observability.address) {
      this.#probes = await listenForProbes(
        settings.observability.address,
        () => this.readiness(),
        () => this.#metrics.print(),
      );
      this.#http.push(this.#probes);
    }
    log.info('the gateway is up', {
      listeners: Object.fromEntries(this.#ports.addresses),
      probes: this.#probes?.address,
      revision: this.revision,
    });
  }

  /**
   * Reads the declaration again. A faulty one is refused loudly and the old revision stays; a good
   * one applies to live sessions at once, ending only those whose rights changed. One at a time:
   * what was read first must not come into force last. Rejects with `audit-unwritable`.
   */
  reload(): Promise<ReloadReport> {
    const mine = this.#reloading.then(() => this.#reload());
    this.#reloading = mine.catch(() => undefined);
    return mine;
  }

  async #reload(): Promise<ReloadReport> {
    const { log } = this.#o;
    const { policy, faults, sources } = await this.#files.load();
    if (!policy) {
      this.#refused = true;
      this.#metrics.policyRead('refused');
      log.error('the declaration was refused; the old revision stays', { faults });
      this.#record('policy-refused', faults.join('\n').slice(0, 4_000), this.revision);
      return { accepted: false, revision: this.revision, faults };
    }
    if (policy.revision === this.revision) {
      if (this.#refused) log.info('the declaration is good again', { revision: policy.revision });
      this.#refused = false;
      return { accepted: true, revision: policy.revision, faults: [] };
    }
    const kept = this.#store.save(policy.revision, sources, this.#o.clock.now());
    await this.#use(policy, kept);
    return { accepted: true, revision: policy.revision, faults: [] };
  }

  async #use(policy: Policy, kept: string): Promise<void> {
    this.#refused = false;
    this.#identity.update(policy);
    this.#parts.engine = new DecisionEngine(policy);
    this.#record('policy-loaded', 'reloaded', policy.revision, kept);
    this.#metrics.policyRead('accepted');
    this.#lifecycle.refreshAll();
    this.#warnOfIdleListeners(policy);
    await this.#targets.follow(policy, (id) => this.#endSessionsOn(id));
    this.#o.log.info('the declaration was reloaded', { revision: policy.revision });
  }

  /** Not refused: the other listeners go on, and the Target may come with the next file. */
  #warnOfIdleListeners(policy: Policy): void {
    for (const problem of idleListeners(this.#o.settings.listeners, policy)) {
      this.#o.log.error('a listener leads nowhere', { problem });
    }
  }

  #endSessionsOn(targetId: string): void {
    const detail = 'how the target is reached has changed; connect again';
    for (const session of this.#sessions.all()) {
      if (session.target.id === targetId) session.end({ reason: 'target-unavailable', detail });
    }
    this.#warm.closeUnless((kept) => kept.targetId !== targetId);
  }

  readiness(): Readiness {
    const targets = Object.fromEntries(
      [...this.#targets.brokers].map(([id, broker]) => [
        id,
        { ready: broker.ready, ...(broker.problem && { problem: broker.problem.detail }) },
      ]),
    );
    const auditAccepting = this.#audit.accepting;
    const ready =
      auditAccepting &&
      !this.#parts.draining &&
      Object.values(targets).some((target) => target.ready);
    return { ready, revision: this.revision, auditAccepting, targets };
  }

  /** Drains for at most `timeoutMs`, then ends what is left. Idempotent. */
  async stop(timeoutMs: number): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#watch?.stop();
    this.#ports?.close();
    if (this.#parts) {
      this.#parts.draining = true;
      this.#record('stopping', `draining ${this.#sessions.size} sessions`, this.revision);
      await this.#drain(timeoutMs);
    }
    this.#ticker?.stop();
    this.#retention?.stop();
    this.#certificates?.close();
    await Promise.all(this.#http.map((listener) => listener.close()));
    this.#warm?.close();
    await this.#targets?.stop();
    this.#refusals?.flush();
    await this.#audit?.close();
    await Promise.all(this.#exporting.map((exporting) => exporting.stop()));
  }

  async #drain(timeoutMs: number): Promise<void> {
    const { clock } = this.#o;
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
  }

  #kill(id: string, by: string): boolean {
    const session = this.#sessions.get(id);
    session?.end({ reason: 'session-killed', detail: `ended by ${by}` });
    return session !== undefined;
  }

  #endSessionsOfTicket(id: string, by: string): number {
    const ended = this.#sessions.all().filter(({ ticket }) => ticket === id);
    const detail = `its ticket was revoked by ${by}`;
    for (const session of ended) session.end({ reason: 'revoked', detail });
    return ended.length;
  }

  #tick(before: number): void {
    const { clock, log } = this.#o;
    this.#ticker = clock.after(TICK_MS, () => {
      const now = clock.now();
      const moved = now - before - TICK_MS;
      if (Math.abs(moved) > CLOCK_JUMP_MS) {
        log.warn('the clock was moved, or the process was stopped', { byMs: moved });
        this.#record('clock-moved', `by about ${Math.round(moved)} ms`, this.revision);
        this.#lifecycle.refreshAll();
      }
      this.#lifecycle.tick();
      // Authorities are rotated without a change of the declaration.
      if (Math.floor(now / BUNDLE_LOOK_MS) !== Math.floor(before / BUNDLE_LOOK_MS)) {
        if (this.#identity.reloadBundles()) this.#lifecycle.refreshAll();
      }
      this.#tick(now);
    });
  }

  #record(
    what: 'policy-loaded' | 'policy-refused' | 'stopping' | 'clock-moved',
    detail: string,
    revision: string,
    sources?: string,
  ): void {
    this.#audit.append({ event: 'gateway', what, detail, revision, ...(sources && { sources }) });
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
