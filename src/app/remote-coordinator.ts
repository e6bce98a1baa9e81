// SPDX-License-Identifier: Apache-2.0
import type { LendRequest } from '../broker/broker.ts';
import type { TargetProblem } from '../broker/target-health.ts';
import type { Lender } from '../gateway/parts.ts';
import type { LimitKeeper } from '../gateway/shared-limits.ts';
import type { Lease } from '../model/lease.ts';
import type { Log } from '../model/log.ts';
import { Secret } from '../model/secret.ts';
import type { Channel } from './channel.ts';
import type { CoordinatorSide, TargetState, WorkerSide } from './sides.ts';

export type ToCoordinator = Channel<CoordinatorSide, WorkerSide>;

/** The targets as the coordinator tells of them, with the way to their brokers. */
export class RemoteTargets {
  readonly lenders = new Map<string, Lender>();
  readonly #coordinator: ToCoordinator;
  readonly #log: Log;
  readonly #states = new Map<string, TargetState>();

  constructor(coordinator: ToCoordinator, log: Log) {
    this.#coordinator = coordinator;
    this.#log = log;
  }

  greeting(target: string) {
    return this.#states.get(target)?.greeting;
  }

  /** Without a state the target is served no longer. */
  set(target: string, state: TargetState | undefined): void {
    if (!state) {
      this.#states.delete(target);
      this.lenders.delete(target);
      return;
    }
    this.#states.set(target, state);
    if (this.lenders.has(target)) return;
    const now = () => this.#states.get(target);
    this.lenders.set(target, new RemoteLender(target, now, this.#coordinator, this.#log));
  }
}

class RemoteLender implements Lender {
  readonly #target: string;
  readonly #state: () => TargetState | undefined;
  readonly #coordinator: ToCoordinator;
  readonly #log: Log;
  readonly #loans = new WeakMap<Lease, number>();

  constructor(
    target: string,
    state: () => TargetState | undefined,
    coordinator: ToCoordinator,
    log: Log,
  ) {
    this.#target = target;
    this.#state = state;
    this.#coordinator = coordinator;
    this.#log = log;
  }

  get ready(): boolean {
    return this.#state()?.ready === true;
  }

  get problem(): TargetProblem | undefined {
    return this.#state()?.problem;
  }

  async lend({ principal, access, ttlMs }: LendRequest): Promise<Lease> {
    const { privilegeSetId, roleIds } = access;
    const request = { principal, access: { privilegeSetId, roleIds }, ttlMs };
    const { loan, password, ...facts } = await this.#coordinator.call(
      'lend',
      this.#target,
      request,
    );
    const lease = { ...facts, password: new Secret(password) };
    this.#loans.set(lease, loan);
    return lease;
  }

  release(lease: Lease): void {
    const loan = this.#loans.get(lease);
    this.#loans.delete(lease);
    if (loan !== undefined) this.#tell(this.#coordinator.call('release', loan));
  }

  loginRefused(lease: Lease): void {
    const loan = this.#loans.get(lease);
    if (loan !== undefined) this.#tell(this.#coordinator.call('loginRefused', loan));
  }

  revoke(account: string): Promise<void> {
    return this.#coordinator.call('revoke', this.#target, account);
  }

  /** What cannot be told is settled by the coordinator when this process ends. */
  #tell(told: Promise<void>): void {
    told.catch((cause: unknown) => this.#log.warn('the coordinator was not told', { cause }));
  }
}

/** Budgets that the coordinator keeps. */
export function remoteLimits(coordinator: ToCoordinator, log: Log): LimitKeeper {
  const tell = (told: Promise<void>) => {
    told.catch((cause: unknown) => log.warn('the coordinator was not told', { cause }));
  };
  return {
    takeConnection: (key, limit) => coordinator.call('takeConnection', key, limit),
    returnConnection: (key) => tell(coordinator.call('returnConnection', key)),
    takeRequests: (key, perSecond, wanted) =>
      coordinator.call('takeRequests', key, perSecond, wanted),
    returnRequests: (key, count) => tell(coordinator.call('returnRequests', key, count)),
  };
}
