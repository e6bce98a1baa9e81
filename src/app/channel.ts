// SPDX-License-Identifier: Apache-2.0
import type { Serializable } from 'node:child_process';
import type { Socket } from 'node:net';
import { type ErrorCode, type ErrorFacts, PosternError, toPosternError } from '../model/errors.ts';

/** What the two processes answer to; asynchronous or not. */
export type Answers<Side> = {
  readonly [Name in keyof Side]: Side[Name] extends (...args: infer Args) => infer Out
    ? (...args: Args) => Out | Promise<Awaited<Out>>
    : never;
};

type Method<Side, Name extends keyof Side> = Side[Name] extends (...args: infer Args) => infer Out
  ? { args: Args; out: Awaited<Out> }
  : never;

/** Of `node:child_process`, either end. Must use the `advanced` serialization. */
export interface Pipe {
  readonly connected: boolean;
  send?(message: Serializable, socket?: Socket): boolean;
  on(event: 'message', listener: (message: unknown, socket?: unknown) => void): unknown;
}

interface Failure {
  readonly code: ErrorCode;
  readonly facts: ErrorFacts;
  readonly problem: string;
}

interface Call {
  readonly call: string;
  readonly id: number;
  readonly args: readonly unknown[];
}

type Message =
  | Call
  | { readonly answer: number; readonly value?: unknown }
  | { readonly failed: number; readonly failure: Failure }
  | { readonly socket: string };

interface Waiting {
  resolve(value: unknown): void;
  reject(error: PosternError): void;
}

/**
 * Calls between a gateway's own processes, both ways, and the sockets that go with them. Values
 * are cloned: plain data, buffers, maps. What fails there fails here with the same code and facts.
 */
export class Channel<Remote, Local> {
  readonly #pipe: Pipe;
  readonly #local: Answers<Local>;
  readonly #waiting = new Map<number, Waiting>();
  readonly #accepted: ((name: string, socket: Socket) => void) | undefined;
  #calls = 0;
  #closed = false;

  constructor(
    pipe: Pipe,
    local: Answers<Local>,
    accepted?: (name: string, socket: Socket) => void,
  ) {
    this.#pipe = pipe;
    this.#local = local;
    this.#accepted = accepted;
    pipe.on('message', (message, socket) => this.#take(message as Message, socket));
  }

  /** Rejects with what the other side threw, or `internal` when it has gone. */
  call<Name extends keyof Remote & string>(
    name: Name,
    ...args: Method<Remote, Name>['args']
  ): Promise<Method<Remote, Name>['out']> {
    return new Promise((resolve, reject) => {
      if (this.#closed || !this.#pipe.connected) return reject(gone(name));
      this.#calls += 1;
      this.#waiting.set(this.#calls, { resolve: resolve as Waiting['resolve'], reject });
      this.#send({ call: name, id: this.#calls, args });
    });
  }

  /** Gives an accepted connection to the other process. */
  hand(name: string, socket: Socket): void {
    if (this.#closed || !this.#pipe.connected) socket.destroy();
    else this.#pipe.send?.({ socket: name }, socket);
  }

  /** The other process has gone: nothing is answered any more. */
  close(): void {
    this.#closed = true;
    for (const { reject } of this.#waiting.values()) reject(gone('the call'));
    this.#waiting.clear();
  }

  #send(message: Message): void {
    if (this.#pipe.connected) this.#pipe.send?.(message as Serializable);
  }

  #take(message: Message, socket: unknown): void {
    if ('socket' in message) {
      // A peer that was gone before it came over leaves no handle.
      if (socket) this.#accepted?.(message.socket, socket as Socket);
      return;
    }
    if ('call' in message) return void this.#answer(message);
    const id = 'answer' in message ? message.answer : message.failed;
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if ('answer' in message) return waiting?.resolve(message.value);
    const { code, facts, problem } = message.failure;
    waiting?.reject(new PosternError(code, facts, problem));
  }

  async #answer({ call, id, args }: Call): Promise<void> {
    try {
      // biome-ignore lint/complexity/noBannedTypes: any method of the own side
      const method = this.#local[call as keyof Local] as Function;
      const value: unknown = await method.apply(this.#local, args);
      this.#send({ answer: id, value });
    } catch (thrown) {
      const { code, facts, message, cause } = toPosternError(thrown, 'another process');
      const problem = cause instanceof Error ? (cause.stack ?? cause.message) : message;
      this.#send({ failed: id, failure: { code, facts, problem } });
    }
  }
}

function gone(what: string): PosternError {
  return new PosternError('internal', { correlation: `${what}: the other process has gone` });
}
