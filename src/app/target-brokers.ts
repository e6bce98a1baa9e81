// SPDX-License-Identifier: Apache-2.0
import { X509Certificate } from 'node:crypto';
import type { AuditLog } from '../audit/record.ts';
import { installationName } from '../broker/account-name.ts';
import { Broker } from '../broker/broker.ts';
import { certificateNames } from '../broker/distinguished-name.ts';
import type { Settings } from '../config/settings.ts';
import type { Clock } from '../model/clock.ts';
import { problemText } from '../model/errors.ts';
import type { Log } from '../model/log.ts';
import { Secret } from '../model/secret.ts';
import type { MysqlSystem, Policy, Target } from '../policy/policy.ts';
import { openAdminConnection } from '../target/mysql/session.ts';
import type { Handshake } from '../wire/mysql/handshake.ts';
import { readMaterial } from './material.ts';
import { routeOf, wayTo } from './target-routes.ts';

interface Brokered {
  readonly broker: Broker;
  /** A target that is reached in another way needs a new broker. */
  readonly way: string;
  greeting: Handshake | undefined;
}

interface TargetBrokersOptions {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly log: Log;
  readonly audit: AuditLog;
  /** Readiness, problem or greeting of a target may be others now. */
  readonly changed: (targetId: string) => void;
}

/** The brokers of the MySQL-family targets of the current policy. */
export class TargetBrokers {
  /** By target id. */
  readonly all = new Map<string, Broker>();
  readonly #options: TargetBrokersOptions;
  readonly #brokered = new Map<string, Brokered>();

  constructor(options: TargetBrokersOptions) {
    this.#options = options;
  }

  /** As the target greeted at the last good login; undefined before the first. */
  greeting(targetId: string): Handshake | undefined {
    return this.#brokered.get(targetId)?.greeting;
  }

  /**
   * Follows the policy: brokers of new or changed targets are started (not waited for: a target
   * that hangs delays nobody), those of removed ones stopped, and their leases end with them.
   */
  async follow(policy: Policy): Promise<void> {
    const stopping: Promise<void>[] = [];
    for (const [id, { broker, way }] of this.#brokered) {
      const target = policy.targets.get(id);
      if (target && wayTo(target) === way) {
        broker.policyChanged(policy, target);
        continue;
      }
      this.#brokered.delete(id);
      this.all.delete(id);
      this.#options.changed(id);
      stopping.push(broker.stop());
    }
    // One way to a target ends before another begins: they share the names of accounts.
    await Promise.all(stopping);
    for (const target of policy.targets.values()) {
      const { system } = target;
      if (this.#brokered.has(target.id)) continue;
      if (system.type === 'mariadb' || system.type === 'mysql') this.#add(policy, target, system);
    }
  }

  async stop(): Promise<void> {
    await Promise.all([...this.all.values()].map((broker) => broker.stop()));
  }

  #add(policy: Policy, target: Target, system: MysqlSystem): void {
    const { log } = this.#options;
    try {
      const brokered = this.#create(policy, target, system);
      this.#brokered.set(target.id, brokered);
      this.all.set(target.id, brokered.broker);
      // What is wrong the broker has logged; it goes on trying by itself.
      brokered.broker
        .start()
        .catch((cause: unknown) =>
          log.debug('a target is not ready yet', { target: target.id, cause }),
        );
    } catch (cause) {
      log.error('a target cannot be served', { target: target.id, problem: problemText(cause) });
    }
  }

  #create(policy: Policy, target: Target, system: MysqlSystem): Brokered {
    const { settings, clock, log, audit, changed } = this.#options;
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
        brokered.greeting = connection.greeting;
        return connection;
      },
      ...(names && { clientCertificate: names }),
      clock,
      log,
      audit,
      idleTtlMs: settings.lease.idle,
      changed: () => changed(target.id),
    });
    const brokered: Brokered = { broker, way: wayTo(target), greeting: undefined };
    return brokered;
  }
}
