// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { type FileAudit, openFileAudit } from '../audit/file-audit.ts';
import { PolicyStore } from '../audit/policy-store.ts';
import { RefusalLog } from '../audit/refusal-log.ts';
import { authorityApi } from '../ca/authority-api.ts';
import { AuthorityDirectory } from '../ca/authority-directory.ts';
import { Issuance } from '../ca/issuance.ts';
import { IssueRate } from '../ca/issue-rate.ts';
import { listenWithTls, type TlsListener } from '../ca/listener.ts';
import { SignerProcess } from '../ca/signer-process.ts';
import type { AuthoritySettings } from '../config/authority-settings.ts';
import { Identifiers } from '../gateway/identifiers.ts';
import { IdentityResolver } from '../identity/resolver.ts';
import type { Clock } from '../model/clock.ts';
import { PosternError, problemText } from '../model/errors.ts';
import type { Log } from '../model/log.ts';
import { CertificateFiles } from '../net/certificate-files.ts';
import type { Policy } from '../policy/policy.ts';
import { retentionRules, signerOptions } from './audit-options.ts';
import { readMaterial } from './material.ts';
import { type LoadedPolicy, PolicyFiles } from './policy-files.ts';
import { FileWatch } from './reload.ts';
import { RetentionTask } from './retention-task.ts';

export interface AuthorityServerOptions {
  readonly settings: AuthoritySettings;
  readonly clock: Clock;
  readonly log: Log;
}

/** One running `postern ca serve`: everything wired together. */
export class AuthorityServer {
  readonly #o: AuthorityServerOptions;
  readonly #files: PolicyFiles;
  readonly #directory: AuthorityDirectory;
  readonly #ids = new Identifiers();
  #policy!: Policy;
  #audit!: FileAudit;
  #refusals!: RefusalLog;
  #store!: PolicyStore;
  #identity!: IdentityResolver;
  #signer!: SignerProcess;
  #certificates!: CertificateFiles;
  #listener!: TlsListener;
  #watch: FileWatch | undefined;
  #retention: RetentionTask | undefined;

  private constructor(options: AuthorityServerOptions) {
    this.#o = options;
    this.#files = new PolicyFiles(options.settings.policy);
    this.#directory = new AuthorityDirectory(options.settings.directory);
  }

  /**
   * Rejects with `policy-invalid`, `authority-unusable`, `audit-unwritable`, `listen-failed`,
   * `file-unreadable` or `usage`.
   */
  static async start(options: AuthorityServerOptions): Promise<AuthorityServer> {
    const server = new AuthorityServer(options);
    try {
      await server.#start();
      return server;
    } catch (thrown) {
      await server.stop();
      throw thrown;
    }
  }

  get address(): string {
    return this.#listener.address;
  }

  /** Process that holds the key; for tests that end it. */
  get signerPid(): number | undefined {
    return this.#signer.pid;
  }

  async #start(): Promise<void> {
    const { settings, clock, log } = this.#o;
    const { trustDomain } = this.#directory.state();
    const seen = await this.#files.fingerprint();
    const loaded = await this.#files.load();
    this.#policy = this.#fit(loaded, trustDomain);
    const { life, servers } = settings;
    const limits = { trustDomain, lifeMs: life, servers };
    this.#signer = new SignerProcess(settings.directory, limits, clock, log);
    await this.#signer.start();
    await this.#openAudit(loaded);
    this.#identity = new IdentityResolver({ policy: this.#policy, clock, log, readMaterial });
    await this.#listen();
    this.#watch = new FileWatch({
      paths: settings.policy,
      seen,
      fingerprint: () => this.#files.fingerprint(),
      changed: () => this.reload(),
      clock,
      log,
    });
  }

  async #openAudit({ sources }: LoadedPolicy): Promise<void> {
    const { settings, clock, log } = this.#o;
    const { directory, reserve, segment } = settings.audit;
    this.#audit = await openFileAudit({
      directory,
      instance: settings.instance,
      clock,
      log,
      signer: signerOptions(settings),
      limits: { reserveBytes: reserve, segmentBytes: segment },
    });
    this.#refusals = new RefusalLog(this.#audit, clock, () => this.#ids.decision());
    this.#store = new PolicyStore(directory);
    this.#recordPolicy('at start', sources);
    const rules = () => retentionRules(settings, this.#policy);
    this.#retention = new RetentionTask({ clock, log, audit: this.#audit, rules });
  }

  async #listen(): Promise<void> {
    const { settings, clock, log } = this.#o;
    const paths = settings.tls ?? this.#directory.server;
    this.#certificates = await CertificateFiles.open(paths, {
      clock,
      log,
      changed: () => this.#listener.use(this.#certificates.current),
    });
    const issuance = new Issuance({
      audit: this.#audit,
      refusals: this.#refusals,
      clock,
      log,
      rate: new IssueRate(settings.perMinute, clock),
      cluster: settings.cluster,
      lifeMs: settings.life,
      policy: () => this.#policy,
      newId: () => this.#ids.decision(),
      verifyToken: (token) => this.#identity.verifyToken(token),
      sign: (order) => this.#signer.sign(order),
    });
    const api = authorityApi({
      issuance,
      bundle: () => readFileSync(this.#directory.bundle, 'utf8'),
      able: () => this.#signer.problem === undefined && this.#audit.accepting,
      log,
    });
    this.#listener = await listenWithTls(api, settings.listen, this.#certificates.current);
    log.info('the authority is up', {
      address: this.address,
      revision: this.#policy.revision,
    });
  }

  /** Reads the declaration again; a faulty one is refused and the old one stays. */
  async reload(): Promise<void> {
    const { log } = this.#o;
    const loaded = await this.#files.load();
    let policy: Policy;
    try {
      policy = this.#fit(loaded, this.#directory.state().trustDomain);
    } catch (cause) {
      log.error('the declaration was refused; the old revision stays', { cause });
      const detail = [problemText(cause), ...loaded.faults].join('\n').slice(0, 4_000);
      const { revision } = this.#policy;
      this.#audit.append({ event: 'gateway', what: 'policy-refused', detail, revision });
      return;
    }
    if (policy.revision === this.#policy.revision) return;
    this.#policy = policy;
    this.#identity.update(policy);
    this.#recordPolicy('reloaded', loaded.sources);
    log.info('the declaration was reloaded', { revision: policy.revision });
  }

  async stop(): Promise<void> {
    this.#watch?.stop();
    this.#retention?.stop();
    this.#certificates?.close();
    await this.#listener?.close();
    this.#signer?.close();
    this.#refusals?.flush();
    await this.#audit?.close();
  }

  /** Throws `policy-invalid`, or `usage` when the declaration and the authority differ. */
  #fit({ policy, faults }: LoadedPolicy, trustDomain: string): Policy {
    const { settings, log } = this.#o;
    if (!policy) {
      for (const fault of faults) log.error('fault in the declaration', { fault });
      throw new PosternError('policy-invalid', { count: faults.length });
    }
    const cluster = policy.clusters.get(settings.cluster);
    if (cluster?.trustDomain === trustDomain) return policy;
    const problem = cluster
      ? `Cluster ${cluster.name} has the trust domain ${cluster.trustDomain}, the authority in ${settings.directory} has ${trustDomain}.`
      : `The declaration has no Cluster ${settings.cluster}; the setting "cluster" names it.`;
    throw new PosternError('usage', { problem });
  }

  #recordPolicy(detail: string, read: LoadedPolicy['sources']): void {
    const { revision } = this.#policy;
    const sources = this.#store.save(revision, read, this.#o.clock.now());
    const what = 'policy-loaded';
    this.#audit.append({ event: 'gateway', what, detail, revision, ...(sources && { sources }) });
  }
}
