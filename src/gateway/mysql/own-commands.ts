// SPDX-License-Identifier: Apache-2.0
import type { Clock, Timer } from '../../model/clock.ts';
import type { UpstreamPayload } from '../../wire/mysql/payload.ts';
import { InternalExchange } from './internal-exchange.ts';

/** Runs commands of the gateway's own on a principal's connection, between two of the principal's. */
export class OwnCommands {
  readonly #deprecateEof: boolean;
  readonly #send: (bytes: Buffer) => void;
  readonly #clock: Clock;
  #exchange: InternalExchange | undefined;
  #done: ((exchange: InternalExchange) => void) | undefined;
  #timer: Timer | undefined;

  constructor(deprecateEof: boolean, send: (bytes: Buffer) => void, clock: Clock) {
    this.#deprecateEof = deprecateEof;
    this.#send = send;
    this.#clock = clock;
  }

  run(
    commands: readonly UpstreamPayload[],
    limitMs: number,
    late: () => void,
    done: (exchange: InternalExchange) => void,
  ): void {
    this.#exchange = new InternalExchange(commands.length, this.#deprecateEof);
    this.#done = done;
    this.#timer = this.#clock.after(limitMs, late);
    this.#send(InternalExchange.encode(commands));
  }

  /** Throws `malformed-message` when the target answers anything odd. */
  feed(chunk: Buffer): void {
    if (!this.#exchange?.feed(chunk)) return;
    const exchange = this.#exchange;
    const done = this.#done;
    this.stop();
    done?.(exchange);
  }

  stop(): void {
    this.#timer?.stop();
    this.#exchange = undefined;
    this.#done = undefined;
  }
}
