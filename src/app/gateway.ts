// SPDX-License-Identifier: Apache-2.0
import { administrationApi } from '../api/administration.ts';
import type { Readiness, ReloadReport, SessionView } from '../api/contract.ts';
import { type HttpListener, listenForProbes, listenOnSocket } from '../api/http.ts';
import { type FileAudit, openFileAudit } from '../audit/file-audit.ts';
import { PolicyStore } from '../audit/policy-store.ts';
import type { Settings } from '../config/settings.ts';
import { Identifiers } from '../gateway/identifiers.ts';
import { LimitLedger } from '../gateway/limits.ts';
import { Ports } from '../gateway/ports.ts';
import { TicketStore } from '../gateway/ticket-store.ts';
import { IdentityResolver } from '../identity/resolver.ts';
import type { Clock } from '../model/clock.ts';
import { PosternError } from '../model/errors.ts';
import type { Log } from '../model/log.ts';
import { removeStaleSocket } from '../net/unix-socket.ts';
import { DecisionEngine } from '../policy/decide.ts';
import type { Policy } from '../policy/policy.ts';
import { auditOptions, retentionRules, signerOptions } from './audit-options.ts';
import { type CoordinatorMetrics, createCoordinatorMetrics } from './coordinator-metrics.ts';
import { lookoutsOf } from './drift-lookouts.ts';
import { DriftMonitor } from './drift-monitor.ts';
import { readMaterial } from './material.ts';
import { type Exporting, exportMetrics } from './otlp.ts';
import { PolicyFiles } from './policy-files.ts';
import { FileWatch } from './reload.ts';
import { RetentionTask } from './retention-task.ts';
import { idleListeners } from './serve-check.ts';
import { TargetBrokers } from './target-brokers.ts';
import { Worker } from './worker.ts';
import { WorkerProcesses } from './worker-processes.ts';
import { type PolicyInUse, SoleWorker, type Workers } from './workers.ts';

export interface GatewayOptions {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly log: Log;
  /** Test switch, see `GatewayParts.trustTargetOnly`. Only where one process does everything. */
  readonly trustTargetOnly?: boolean;
}

/**
 * One running gateway: the coordinator of its workers, or with the only one in its own process. It
 * has what exists once: the declaration, brokers, budgets, tickets, ports, administration.
 */
export class Gateway {
  readonly #o: GatewayOptions;
  readonly #files: PolicyFiles;
  readonly #metrics: CoordinatorMetrics;
  readonly #tickets: TicketStore;
  readonly #ledger: LimitLedger;
  readonly #ids = new Identifiers();
  readonly #exporting: Exporting[] = [];
  readonly #http: HttpListener[] = [];
  #engine!: DecisionEngine;
  #audit!: FileAudit;
  #store!: PolicyStore;
  #brokers!: TargetBrokers;
  #identity!: IdentityResolver;
  #workers: Workers | undefined;
  #ports!: Ports;
  #watch: FileWatch | undefined;
  #retention: RetentionTask | undefined;
  #drift: DriftMonitor | undefined;
  #probes: HttpListener | undefined;
  #stopped = false;
  /** What is in the files now was not taken. */
  #refused = false;
  #reloading: Promise<unknown> = Promise.resolve();

  private constructor(options: GatewayOptions) {
    this.#o = options;
    this.#files = new PolicyFiles(options.settings.policy);
    this.#tickets = new TicketStore(options.clock);
    this.#ledger = new LimitLedger(options.clock);
    this.#metrics = createCoordinatorMetrics({
      targetReady: () => new Map([...this.#brokers.all].map(([id, { ready }]) => [id, ready])),
      workers: () => this.#workers?.count ?? 0,
      drift: () => this.#drift?.views() ?? [],
      auditHeads: () => {
        const { signer } = this.#audit.health();
        return { signed: signer?.lastHead ?? 0, witnessed: signer?.witness?.lastHead };
      },
      ofWorkers: async () => (await this.#workers?.metrics()) ?? [],
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
    return this.#engine.policy.revision;
  }

  /** Those that this process serves itself. */
  get sessions(): readonly SessionView[] {
    return this.#workers instanceof SoleWorker ? this.#workers.worker.sessions : [];
  }

  async #start(): Promise<void> {
    const { settings, clock, log } = this.#o;
    // Before it is read: what is written meanwhile counts as a change.
    const seen = await this.#files.fingerprint();
    const { policy, faults, sources } = await this.#files.load();
    if (!policy) {
      for (const fault of faults) log.error('fault in the declaration', { fault });
      throw new PosternError('policy-invalid', { count: faults.length });
    }
    this.#engine = new DecisionEngine(policy);
    this.#audit = await openFileAudit({
      ...auditOptions(settings),
      clock,
      log,
      signer: signerOptions(settings),
    });
    this.#store = new PolicyStore(settings.audit.directory);
    const kept = this.#store.save(policy.revision, sources, clock.now());
    this.#metrics.policyRead('accepted');
    this.#identity = new IdentityResolver({ policy, clock, log, readMaterial });
    this.#brokers = new TargetBrokers({
      settings,
      clock,
      log,
      audit: this.#audit,
      changed: (id) => this.#workers?.targetChanged(id),
    });
    await this.#brokers.follow(policy);
    this.#workers = await this.#startWorkers({ policy, sources, kept });
    await this.#listen(this.#workers);
    this.#retention = new RetentionTask({
      clock,
      log,
      audit: this.#audit,
      rules: () => retentionRules(settings, this.#engine.policy),
    });
    this.#drift = new DriftMonitor({
      intervalMs: settings.drift.interval,
      clock,
      log,
      audit: this.#audit,
      random: Math.random,
      lookouts: (declared) => lookoutsOf(declared, settings, clock, log),
    });
    this.#drift.follow(policy);
    this.#watch = new FileWatch({
      paths: settings.policy,
      seen,
      fingerprint: () => this.#files.fingerprint(),
      changed: () => this.reload(),
      clock,
      log,
    });
  }

  async #startWorkers(inUse: PolicyInUse): Promise<Workers> {
    const { settings, clock, log, trustTargetOnly } = this.#o;
    if (settings.workers > 1) {
      this.#recordPolicy('at start', inUse);
      return WorkerProcesses.start({
        settings,
        clock,
        log,
        audit: this.#audit,
        ledger: this.#ledger,
        tickets: this.#tickets,
        brokers: this.#brokers,
        replaced: () => this.#metrics.workerReplaced(),
        inUse,
      });
    }
    const worker = await Worker.start({
      settings,
      clock,
      log,
      index: 0,
      audit: this.#audit,
      identity: this.#identity,
      limits: this.#ledger,
      lenders: this.#brokers.all,
      greeting: (id) => this.#brokers.greeting(id),
      tickets: this.#tickets,
      policy: inUse.policy,
      kept: inUse.kept,
      ...(trustTargetOnly && { trustTargetOnly }),
    });
    return new SoleWorker(worker);
  }

  async #listen(workers: Workers): Promise<void> {
    const { settings, clock, log } = this.#o;
    const metrics = await exportMetrics({
      settings: settings.observability.otlp,
      environment: process.env,
      instance: settings.instance,
      clock,
      log,
      values: () => this.#metrics.values(),
    });
    if (metrics) this.#exporting.push(metrics);
    this.#ports = new Ports(log, (listener, socket) => workers.accept(listener, socket));
    await this.#ports.open(settings.listeners);
    this.#warnOfIdleListeners(this.#engine.policy);
    await this.#administer(workers);
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
      workers: workers.count,
    });
  }

  async #administer(workers: Workers): Promise<void> {
    const { settings, clock, log } = this.#o;
    const api = administrationApi({
      audit: this.#audit,
      identity: this.#identity,
      clock,
      log,
      engine: () => this.#engine,
      newId: () => this.#ids.decision(),
      sessions: () => workers.sessions(),
      kill: (id, by) => workers.kill(id, by),
      reload: () => this.reload(),
      tickets: this.#tickets,
      maxTicketTtlMs: settings.tickets.maxTtl,
      endSessionsOfTicket: (id, by) => workers.endSessionsOfTicket(id, by),
      drift: () => this.#drift?.views() ?? [],
    });
    await removeStaleSocket(settings.administration.socket);
    this.#http.push(await listenOnSocket(api, settings.administration.socket));
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
    const { log, clock } = this.#o;
    const { policy, faults, sources } = await this.#files.load();
    const { revision } = this;
    if (!policy) {
      this.#refused = true;
      this.#metrics.policyRead('refused');
      log.error('the declaration was refused; the old revision stays', { faults });
      const detail = faults.join('\n').slice(0, 4_000);
      this.#audit.append({ event: 'gateway', what: 'policy-refused', detail, revision });
      return { accepted: false, revision, faults };
    }
    if (policy.revision === revision) {
      if (this.#refused) log.info('the declaration is good again', { revision });
      this.#refused = false;
      return { accepted: true, revision, faults: [] };
    }
    const kept = this.#store.save(policy.revision, sources, clock.now());
    await this.#use({ policy, sources, kept });
    return { accepted: true, revision: policy.revision, faults: [] };
  }

  async #use(inUse: PolicyInUse): Promise<void> {
    const { policy } = inUse;
    this.#refused = false;
    this.#identity.update(policy);
    this.#engine = new DecisionEngine(policy);
    this.#metrics.policyRead('accepted');
    if (this.#workers?.count) this.#recordPolicy('reloaded', inUse);
    // Brokers know the new roles before any worker asks for them; a target that is taken away and
    // does not answer delays nobody.
    const following = this.#brokers.follow(policy);
    await this.#workers?.use(inUse);
    await following;
    this.#drift?.follow(policy);
    this.#warnOfIdleListeners(policy);
    this.#o.log.info('the declaration was reloaded', { revision: policy.revision });
  }

  /** Not refused: the other listeners go on, and the Target may come with the next file. */
  #warnOfIdleListeners(policy: Policy): void {
    for (const problem of idleListeners(this.#o.settings.listeners, policy)) {
      this.#o.log.error('a listener leads nowhere', { problem });
    }
  }

  readiness(): Readiness {
    const targets = Object.fromEntries(
      [...this.#brokers.all].map(([id, broker]) => [
        id,
        { ready: broker.ready, ...(broker.problem && { problem: broker.problem.detail }) },
      ]),
    );
    const workers = this.#workers;
    const auditAccepting = this.#audit.accepting && workers?.auditAccepting === true;
    const anyTarget = Object.values(targets).some((target) => target.ready);
    const ready = auditAccepting && !this.#stopped && workers?.ready === true && anyTarget;
    const drift = Object.fromEntries(
      (this.#drift?.views() ?? []).map(({ where, findings, omitted, problem }) => [
        where,
        { findings: findings.length + omitted, ...(problem !== undefined && { problem }) },
      ]),
    );
    const { revision } = this;
    return { ready, revision, auditAccepting, workers: workers?.count ?? 0, targets, drift };
  }

  /** Drains for at most `timeoutMs`, then ends what is left. Idempotent. */
  async stop(timeoutMs: number): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#watch?.stop();
    this.#ports?.close();
    if (this.#workers) {
      const detail = `draining for at most ${timeoutMs} ms`;
      const { revision } = this;
      this.#audit.append({ event: 'gateway', what: 'stopping', detail, revision });
      await this.#workers.drain(timeoutMs);
    }
    this.#retention?.stop();
    this.#drift?.stop();
    await Promise.all(this.#http.map((listener) => listener.close()));
    await this.#workers?.close();
    await this.#brokers?.stop();
    await this.#audit?.close();
    await Promise.all(this.#exporting.map((exporting) => exporting.stop()));
  }

  /** In the coordinator's own stream, where administration is decided. */
  #recordPolicy(detail: string, { policy: { revision }, kept: sources }: PolicyInUse): void {
    this.#audit.append({ event: 'gateway', what: 'policy-loaded', detail, revision, sources });
  }
}
