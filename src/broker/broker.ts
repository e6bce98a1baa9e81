// SPDX-License-Identifier: Apache-2.0
import { randomBytes } from 'node:crypto';
import type { AuditLog } from '../audit/record.ts';
import { rolesOf } from '../compile/sql/desired.ts';
import { baseRoleName } from '../compile/sql/role-name.ts';
import type { Clock, Timer } from '../model/clock.ts';
import type { DenialReason } from '../model/decision.ts';
import { PosternError, toPosternError } from '../model/errors.ts';
import type { Lease } from '../model/lease.ts';
import type { Log } from '../model/log.ts';
import type { Principal } from '../model/principal.ts';
import type { DataRole, Policy, Target } from '../policy/policy.ts';
import type { AdminConnection } from '../target/mysql/connection.ts';
import { accountName } from './account-name.ts';
import { AdminLink } from './admin-link.ts';
import { leaseDialect } from './dialect-of.ts';
import type { CertificateNames } from './distinguished-name.ts';
import type { LeaseDialect } from './lease-dialect.ts';
import { LeaseIssuer } from './lease-issuer.ts';
import { type LeaseEntry, LeaseTable } from './lease-table.ts';
import { Registry, type SweepResult } from './registry.ts';
import { TargetHealth, type TargetProblem } from './target-health.ts';

export interface BrokerOptions {
  /** Of all processes that serve this Target; each adds its own boot id. */
  readonly installation: string;
  readonly policy: Policy;
  readonly target: Target;
  /** Logs in as the broker account; called again whenever the connection was lost. */
  readonly connectAdmin: () => Promise<AdminConnection>;
  /** What leases are bound to; absent only when the Target declares no client certificate. */
  readonly clientCertificate?: CertificateNames;
  readonly clock: Clock;
  readonly log: Log;
  readonly audit: AuditLog;
  /** A lease nobody used for so long is dropped. */
  readonly idleTtlMs: number;
  /** `ready` or `problem` may be another now. */
  readonly changed?: () => void;
}

export interface LendRequest {
  readonly principal: Principal;
  readonly access: { readonly privilegeSetId: string; readonly roleIds: readonly string[] };
  readonly ttlMs: number;
}

/** Longest wait for a lease (design: issuing has a 2 s deadline). */
const LEND_DEADLINE_MS = 2_000;
const REVOKE_DEADLINE_MS = 2_000;
const SWEEP_DEADLINE_MS = 4_000;
const HEARTBEAT_MS = 10_000;
/** How soon an unready target is looked at again; the link's backoff may make it later. */
const RETRY_MS = 500;
/** Six missed heartbeats: then another process may clean up after this one. */
const DEAD_AFTER_SECONDS = 60;

/** Lends accounts on one target. Everything it can do there is three procedures. */
export class Broker {
  readonly #options: BrokerOptions;
  readonly #instance: string;
  readonly #link: AdminLink;
  readonly #table = new LeaseTable();
  readonly #entryOf = new WeakMap<Lease, LeaseEntry>();
  /** Accounts being removed that nobody here lent any more. */
  readonly #revokingOrphans = new Map<string, Promise<void>>();
  readonly #health: TargetHealth;
  readonly #dialect: LeaseDialect;
  readonly #issuer: LeaseIssuer;
  /** Base role by DataRole id, under the policy of now. */
  #roleNames: ReadonlyMap<string, string>;
  #serverVersion: string | undefined;
  #timer: Timer | undefined;
  #stopped = false;

  constructor(options: BrokerOptions) {
    this.#options = options;
    this.#instance = `${options.installation}.${randomBytes(4).toString('hex')}`;
    this.#link = new AdminLink({
      targetName: options.target.id,
      connect: options.connectAdmin,
      clock: options.clock,
    });
    const { target, policy, log, audit } = options;
    const roles = rolesOf(policy, target);
    this.#dialect = leaseDialect(target);
    this.#roleNames = this.#namesOf(roles);
    this.#health = new TargetHealth(target.id, roles, log, audit);
    this.#issuer = new LeaseIssuer({
      ...options,
      targetName: target.id,
      passwordHash: this.#dialect.passwordHash,
      lend: (call) => this.#run(LEND_DEADLINE_MS, (registry) => registry.lend(call)),
    });
  }

  /** What the target says it is; known after the first login. */
  get serverVersion(): string | undefined {
    return this.#serverVersion;
  }

  /** Whether new sessions can be served at all. */
  get ready(): boolean {
    return this.#health.admitted && !this.#stopped;
  }

  /** Why not; or, while `ready`, why no *new* lease can be had at this moment. */
  get problem(): TargetProblem | undefined {
    return this.#health.problem;
  }

  /**
   * Resolves when the target was reached, checked and swept. Rejects with the first failure; the
   * broker goes on trying by itself until `stop()`.
   */
  async start(): Promise<void> {
    await this.#beat();
    if (this.ready) return;
    const { id: target } = this.#options.target;
    const problem = this.problem?.detail ?? 'unknown';
    throw new PosternError('target-unsupported', { target, problem });
  }

  /** Leases of roles that are no longer declared are dropped as soon as nobody uses them. */
  policyChanged(policy: Policy, target: Target): void {
    const roles = rolesOf(policy, target);
    this.#roleNames = this.#namesOf(roles);
    this.#health.rolesChanged(roles);
    this.#options.changed?.();
    for (const entry of this.#table.idleFor(0, this.#options.clock.monotonic())) {
      if (!this.#isDeclared(entry)) this.#drop(entry);
    }
  }

  /**
   * The account of (principal, privilege set), created on first use and shared while in use. Rejects
   * with `lease-failed` (fact `reason` for a denial reason when there is one) or `audit-unwritable`.
   */
  async lend(request: LendRequest): Promise<Lease> {
    this.#refuseWhenUnfit();
    const { principal, access, ttlMs } = request;
    const roles = this.#baseRoles(access.roleIds);
    const identity = { instance: this.#instance, principalId: principal.id, roles };
    const account = accountName(identity, this.#dialect.sql.nameLimit);
    const revoking = this.#table.get(account)?.revoking ?? this.#revokingOrphans.get(account);
    if (revoking) await this.#soon(revoking);
    const entry = this.#table.add(
      {
        account,
        principalId: principal.id,
        privilegeSetId: access.privilegeSetId,
        roles,
        ttlMs,
        users: 0,
        idleSinceMs: this.#options.clock.monotonic(),
      },
      this.#options.target.id,
    );
    entry.ttlMs = Math.min(entry.ttlMs, ttlMs);
    // Counted before the wait, so that nothing drops it meanwhile.
    entry.users += 1;
    try {
      if (!this.#table.isFresh(entry, this.#options.clock.monotonic()))
        await this.#issuer.issue(entry);
      if (!entry.issued || entry.revoking) throw this.#failed('it was revoked meanwhile');
      const { password, issue, role } = entry.issued;
      const lease: Lease = {
        account,
        password,
        issue,
        role,
        targetName: this.#options.target.id,
        principalId: principal.id,
        privilegeSetId: access.privilegeSetId,
      };
      this.#entryOf.set(lease, entry);
      return lease;
    } catch (thrown) {
      this.#leave(entry);
      if (!entry.issued && entry.users === 0) this.#table.remove(entry);
      throw thrown;
    }
  }

  /** Once per lease that was lent; again is harmless. */
  release(lease: Lease): void {
    const entry = this.#entryOf.get(lease);
    if (!entry) return;
    this.#entryOf.delete(lease);
    this.#leave(entry);
  }

  /**
   * `release` for a process that died: what it left running goes on at the target, which may not
   * notice. The account is dropped with it, unless others use it.
   */
  abandon(lease: Lease): void {
    const entry = this.#entryOf.get(lease);
    this.release(lease);
    if (entry?.users === 0 && entry.issued && !this.#stopped) this.#drop(entry);
  }

  /**
   * The target refused the lease's login: somebody removed or changed the account there. The next
   * `lend` makes it anew.
   */
  loginRefused(lease: Lease): void {
    const entry = this.#entryOf.get(lease);
    if (entry && entry.issued?.password === lease.password) delete entry.issued;
  }

  /**
   * LOCK, KILL, DROP on the target; resolves when the account is gone. Tried again until it works
   * or the broker stops; nobody else waits for it. Every session of the account ends.
   */
  revoke(account: string): Promise<void> {
    const entry = this.#table.get(account);
    if (!entry) return this.#revokeOrphan(account);
    entry.revoking ??= this.#revokeUntilDone(account).then(() => this.#table.remove(entry));
    return entry.revoking;
  }

  /** Drops what nobody uses; bounded by the revoke deadline. */
  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#timer?.stop();
    const idle = this.#table.all().filter((entry) => entry.users === 0 && entry.issued);
    const drops = idle.map(({ account }) => this.#revokeOnce(account));
    for (const result of await Promise.allSettled(drops)) {
      if (result.status === 'rejected') {
        // The account is bound to our certificate and its password forgotten; a later sweep drops it.
        this.#options.log.warn('a lease was not dropped', { cause: result.reason });
      }
    }
    await this.#link.close();
  }

  #refuseWhenUnfit(): void {
    if (this.#stopped) throw this.#failed('the gateway is stopping', 'draining');
    const { problem } = this;
    if (problem?.reason === 'lease-exceeds-policy') {
      throw this.#failed(problem.detail, problem.reason);
    }
  }

  #namesOf(roles: readonly DataRole[]): ReadonlyMap<string, string> {
    const { nameLimit } = this.#dialect.sql;
    return new Map(roles.map((role) => [role.id, baseRoleName(role, nameLimit)]));
  }

  #baseRoles(roleIds: readonly string[]): readonly string[] {
    const names = roleIds.map((id) => this.#roleNames.get(id));
    const roles = names.filter((name) => name !== undefined);
    if (roles.length !== roleIds.length || roles.length === 0) {
      throw this.#failed('the policy gives no role for it', 'lease-role-missing');
    }
    return [...new Set(roles)].sort();
  }

  #leave(entry: LeaseEntry): void {
    entry.users -= 1;
    if (entry.users > 0) return;
    entry.idleSinceMs = this.#options.clock.monotonic();
    if (!this.#stopped && entry.issued && !this.#isDeclared(entry)) this.#drop(entry);
  }

  /** False once a DataRole changed or is no longer granted: nobody will ask for this lease again. */
  #isDeclared(entry: LeaseEntry): boolean {
    const declared = [...this.#roleNames.values()];
    return entry.roles.every((role) => declared.includes(role));
  }

  #revokeOrphan(account: string): Promise<void> {
    const known = this.#revokingOrphans.get(account);
    if (known) return known;
    const revoking = this.#revokeUntilDone(account).finally(() =>
      this.#revokingOrphans.delete(account),
    );
    this.#revokingOrphans.set(account, revoking);
    return revoking;
  }

  async #revokeUntilDone(account: string): Promise<void> {
    for (;;) {
      try {
        await this.#revokeOnce(account);
        return;
      } catch (cause) {
        if (this.#stopped) throw cause;
        this.#options.log.warn('revoking a lease failed; trying again', { account, cause });
        await this.#pause(Math.max(RETRY_MS, this.#link.backoffMs));
      }
    }
  }

  async #revokeOnce(account: string): Promise<void> {
    await this.#run(REVOKE_DEADLINE_MS, (registry) => registry.revoke(account));
    this.#options.audit.append({ event: 'gateway', what: 'lease', detail: `dropped ${account}` });
  }

  /** An idle lease; a failure is logged and tried again by `revoke`. */
  #drop(entry: LeaseEntry): void {
    this.revoke(entry.account).catch((cause: unknown) =>
      this.#options.log.warn('a lease was not dropped', { account: entry.account, cause }),
    );
  }

  /** Heartbeat, sweep and upkeep; then again after a while. Never rejects. */
  async #beat(): Promise<void> {
    if (this.#stopped) return;
    const beganMs = this.#options.clock.monotonic();
    try {
      const swept = await this.#run(SWEEP_DEADLINE_MS, (registry) =>
        registry.sweep(DEAD_AFTER_SECONDS),
      );
      this.#health.swept(swept);
      this.#upkeep(swept, beganMs);
    } catch (thrown) {
      this.#health.unreachable(toPosternError(thrown));
    }
    this.#options.changed?.();
    if (this.#stopped) return;
    const delayMs = this.problem ? Math.max(RETRY_MS, this.#link.backoffMs) : HEARTBEAT_MS;
    this.#timer = this.#options.clock.after(delayMs, () => void this.#beat());
  }

  #upkeep({ accounts }: SweepResult, beganMs: number): void {
    const nowMs = this.#options.clock.monotonic();
    for (const entry of this.#table.lost(accounts, beganMs)) delete entry.issued;
    for (const account of this.#table.orphans(accounts)) {
      this.#revokeOrphan(account).catch((cause: unknown) =>
        this.#options.log.warn('a lease was not dropped', { account, cause }),
      );
    }
    for (const entry of this.#table.idleFor(this.#options.idleTtlMs, nowMs)) this.#drop(entry);
    for (const entry of this.#table.dueForRotation(nowMs)) {
      this.#issuer
        .issue(entry)
        .catch((cause: unknown) =>
          this.#options.log.warn('a lease was not rotated', { account: entry.account, cause }),
        );
    }
  }

  #run<T>(deadlineMs: number, use: (registry: Registry) => Promise<T>): Promise<T> {
    return this.#link.run(deadlineMs, (connection) => {
      this.#serverVersion = connection.serverVersion;
      return use(new Registry(connection, this.#instance, this.#options.target.id));
    });
  }

  /** `work`, but no longer than a lease may take. */
  #soon(work: Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = this.#options.clock.after(LEND_DEADLINE_MS, () =>
        reject(this.#failed('its revocation has not ended yet')),
      );
      work.then(resolve, reject).finally(() => timer.stop());
    });
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.#options.clock.after(delayMs, resolve));
  }

  #failed(problem: string, reason?: DenialReason): PosternError {
    const facts = { target: this.#options.target.id, problem, ...(reason && { reason }) };
    return new PosternError('lease-failed', facts);
  }
}
