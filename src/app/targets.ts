// SPDX-License-Identifier: Apache-2.0
import { X509Certificate } from 'node:crypto';
import { type HashKeys, openHashKeys } from '../audit/hash-key.ts';
import type { AuditLog } from '../audit/record.ts';
import { installationName } from '../broker/account-name.ts';
import { Broker } from '../broker/broker.ts';
import { certificateNames } from '../broker/distinguished-name.ts';
import type { Settings } from '../config/settings.ts';
import type { MysqlTargetParts } from '../gateway/mysql/door.ts';
import { StatementCache } from '../gateway/mysql/statements.ts';
import type { UpstreamRoute } from '../gateway/mysql/upstream.ts';
import type { Clock } from '../model/clock.ts';
import { PosternError, problemText } from '../model/errors.ts';
import type { Log } from '../model/log.ts';
import { Secret } from '../model/secret.ts';
import type { MysqlSystem, Policy, Target } from '../policy/policy.ts';
import { openAdminConnection } from '../target/mysql/session.ts';
import type { Handshake } from '../wire/mysql/handshake.ts';
import { readMaterial } from './material.ts';
import { upstreamTlsSource } from './upstream-tls.ts';

interface ServedTarget extends MysqlTargetParts {
  readonly target: Target;
  readonly broker: Broker;
  /** What decides how it is reached; a change needs a new broker. */
  readonly fingerprint: string;
}

interface TargetsOptions {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly log: Log;
  readonly audit: AuditLog;
}

/** The MySQL-family targets of the current policy, each with its broker and statement cache. */
export class ServedTargets {
  readonly brokers = new Map<string, Broker>();
  readonly #options: TargetsOptions;
  readonly #hashKeys: HashKeys;
  readonly #served = new Map<string, ServedTarget>();

  /** Throws `file-unreadable` when the keys of statement hashes cannot be read or made. */
  constructor(options: TargetsOptions) {
    this.#options = options;
    this.#hashKeys = openHashKeys(options.settings.audit.hashKey);
  }

  get(target: Target): MysqlTargetParts {
    const served = this.#served.get(target.id);
    if (served) return served;
    throw new PosternError('target-unsupported', {
      target: target.id,
      problem: 'it is not served',
    });
  }

  /**
   * Follows the policy: brokers of new or changed targets are started (not waited for: a target
   * that hangs delays nobody), those of removed ones stopped. `replaced` is called before a broker
   * stops: the leases of its sessions end with it.
   */
  async follow(policy: Policy, replaced: (targetId: string) => void): Promise<void> {
    for (const [id, served] of this.#served) {
      const target = policy.targets.get(id);
      if (target && fingerprint(target) === served.fingerprint) {
        served.broker.policyChanged(policy, target);
        served.statements.follow(target);
        continue;
      }
      this.#served.delete(id);
      this.brokers.delete(id);
      replaced(id);
      await served.broker.stop();
    }
    for (const target of policy.targets.values()) {
      const { system } = target;
      if (this.#served.has(target.id)) continue;
      if (system.type !== 'mariadb' && system.type !== 'mysql') continue;
      const served = this.#create(policy, target, system);
      if (!served) continue;
      this.#served.set(target.id, served);
      this.brokers.set(target.id, served.broker);
      // What is wrong the broker has logged; it goes on trying by itself.
      served.broker
        .start()
        .catch((cause: unknown) =>
          this.#options.log.debug('a target is not ready yet', { target: target.id, cause }),
        );
    }
  }

  async stop(): Promise<void> {
    await Promise.all([...this.brokers.values()].map((broker) => broker.stop()));
  }

  #create(policy: Policy, target: Target, system: MysqlSystem): ServedTarget | undefined {
    const { settings, clock, log, audit } = this.#options;
    let greeting: Handshake | undefined;
    try {
      const route = routeOf(target, system, settings.limits.targetTimeout, clock);
      const { tls } = system;
      const bound = tls.mode === 'verified' ? tls.clientCertificate : undefined;
      const names = bound && certificateNames(new X509Certificate(readMaterial(bound.cert)));
      const broker = new Broker({
        installation: installationName(settings.instance, target.id),
        policy,
        target,
        connectAdmin: async () => {
          const connection = await openAdminConnection({
            ...route(),
            user: system.broker.user,
            password: new Secret(readMaterial(system.broker.password).trim()),
          });
          greeting = connection.greeting;
          return connection;
        },
        ...(names && { clientCertificate: names }),
        clock,
        log,
        audit,
        idleTtlMs: settings.lease.idle,
      });
      return {
        target,
        broker,
        fingerprint: fingerprint(target),
        route,
        greeting: () => greeting,
        statements: new StatementCache(target, settings.limits.analysisCache, this.#hashKeys),
      };
    } catch (cause) {
      log.error('a target cannot be served', { target: target.id, problem: problemText(cause) });
      return undefined;
    }
  }
}

/** Rotated certificates and passwords need no restart. */
function routeOf(
  target: Target,
  system: MysqlSystem,
  deadlineMs: number,
  clock: Clock,
): () => UpstreamRoute {
  const primary = system.endpoints.find(({ role }) => role === 'Primary') ?? system.endpoints[0];
  if (!primary) {
    throw new PosternError('target-unsupported', { target: target.id, problem: 'no endpoint' });
  }
  const endpoint = { host: primary.host, port: primary.port };
  const tls = upstreamTlsSource(system, clock);
  return () => ({ targetName: target.id, endpoint, tls: tls(), deadlineMs });
}

/**
 * How it is reached. Everything else (labels, schemas, enforcement, audit) may change without a new
 * broker: what that does to a session's rights, the rules say.
 */
function fingerprint({ system }: Target): string {
  if (!('endpoints' in system)) return JSON.stringify(system);
  const { schemas: _, caseInsensitiveNames: __, ...way } = system;
  return JSON.stringify(way);
}
