// SPDX-License-Identifier: Apache-2.0
import { type HashKeys, openHashKeys } from '../audit/hash-key.ts';
import type { Settings } from '../config/settings.ts';
import type { MysqlTargetParts } from '../gateway/mysql/door.ts';
import { StatementCache } from '../gateway/mysql/statements.ts';
import type { UpstreamRoute } from '../gateway/mysql/upstream.ts';
import type { Clock } from '../model/clock.ts';
import { PosternError, problemText } from '../model/errors.ts';
import type { Log } from '../model/log.ts';
import type { MysqlSystem, Policy, Target } from '../policy/policy.ts';
import type { Handshake } from '../wire/mysql/handshake.ts';
import { upstreamTlsSource } from './upstream-tls.ts';

interface RoutedTarget extends MysqlTargetParts {
  readonly way: string;
}

/** How sessions reach the MySQL-family targets of the current policy, with their statements. */
export class TargetRoutes {
  readonly #settings: Settings;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #greeting: (targetId: string) => Handshake | undefined;
  readonly #hashKeys: HashKeys;
  readonly #routed = new Map<string, RoutedTarget>();

  /** Throws `file-unreadable` when the keys of statement hashes cannot be read or made. */
  constructor(
    settings: Settings,
    clock: Clock,
    log: Log,
    greeting: (targetId: string) => Handshake | undefined,
  ) {
    this.#settings = settings;
    this.#clock = clock;
    this.#log = log;
    this.#greeting = greeting;
    this.#hashKeys = openHashKeys(settings.audit.hashKey);
  }

  get({ id }: Target): MysqlTargetParts {
    const routed = this.#routed.get(id);
    if (routed) return routed;
    throw new PosternError('target-unsupported', { target: id, problem: 'it is not served' });
  }

  /** `replaced` is called for each target that is gone or is reached in another way now. */
  follow(policy: Policy, replaced: (targetId: string) => void): void {
    for (const [id, routed] of this.#routed) {
      const target = policy.targets.get(id);
      if (target && wayTo(target) === routed.way) {
        routed.statements.follow(target);
        continue;
      }
      this.#routed.delete(id);
      replaced(id);
    }
    for (const target of policy.targets.values()) {
      const { id, system } = target;
      if (this.#routed.has(id)) continue;
      if (system.type !== 'mariadb' && system.type !== 'mysql') continue;
      try {
        this.#routed.set(id, this.#route(target, system));
      } catch (cause) {
        this.#log.error('a target cannot be reached', { target: id, problem: problemText(cause) });
      }
    }
  }

  #route(target: Target, system: MysqlSystem): RoutedTarget {
    const { limits } = this.#settings;
    return {
      way: wayTo(target),
      route: routeOf(target, system, limits.targetTimeout, this.#clock),
      greeting: () => this.#greeting(target.id),
      statements: new StatementCache(target, limits.analysisCache, this.#hashKeys),
    };
  }
}

/** Rotated certificates and passwords need no restart. */
export function routeOf(
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
 * What decides how it is reached. Everything else (labels, schemas, enforcement, audit) may change
 * without a new broker: what that does to a session's rights, the rules say.
 */
export function wayTo({ system }: Target): string {
  if (!('endpoints' in system)) return JSON.stringify(system);
  const { type, endpoints, tls, broker } = system;
  return JSON.stringify({ type, endpoints, tls, broker });
}
