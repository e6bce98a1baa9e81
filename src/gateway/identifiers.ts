// SPDX-License-Identifier: Apache-2.0
import { randomBytes } from 'node:crypto';

/**
 * Connection ids shown to MySQL drivers start here, so they hardly ever equal a target's own; below
 * 2^31, because Connector/J takes them for signed and would KILL a negative number.
 */
const FIRST_CONNECTION_ID = 0x4000_0000;
/** As many processes as can have connection ids of their own. */
export const MAX_WORKERS = 64;
const CONNECTIONS_OF_A_WORKER = 0x4000_0000 / MAX_WORKERS;

/**
 * Ids of this process's life: unique across restarts by 60 random bits, ordered within one, and
 * cheap enough for every request.
 */
export class Identifiers {
  readonly #boot = BigInt(`0x${randomBytes(8).toString('hex')}`)
    .toString(36)
    .slice(0, 11);
  #decisions = 0;
  #sessions = 0;
  #connections = 0;
  readonly #worker: number;

  /** `worker`: which of the processes that share their ports, from 0. */
  constructor(worker = 0) {
    this.#worker = worker;
  }

  /** Decision id, e.g. `d1x9k2m4q7ab-2f`: what error messages show and `explain` takes. */
  decision(): string {
    this.#decisions += 1;
    return `d${this.#boot}-${this.#decisions.toString(36)}`;
  }

  session(): string {
    this.#sessions += 1;
    return `s${this.#boot}-${this.#sessions.toString(36)}`;
  }

  /** 32-bit connection id for a protocol greeting; another one in each worker. */
  connection(): number {
    this.#connections = (this.#connections + 1) % CONNECTIONS_OF_A_WORKER;
    return FIRST_CONNECTION_ID + this.#connections * MAX_WORKERS + this.#worker;
  }
}
