// SPDX-License-Identifier: Apache-2.0
import type { Socket } from 'node:net';
import { PosternError } from '../../model/errors.ts';
import { type DialTls, type Endpoint, startTls } from '../../net/dial.ts';
import { frame, packetCount } from '../../wire/mysql/framing.ts';
import { PacketAssembler } from '../../wire/mysql/packet-assembler.ts';
import type { UpstreamPayload } from '../../wire/mysql/payload.ts';

interface Waiter {
  resolve(): void;
  reject(reason: unknown): void;
}

/** What an upstream may have sent without being asked; more is a flood. */
const MAX_UNREAD_BYTES = 1 << 20;

/**
 * Messages to and from an upstream, read one at a time. A socket that fails or is aborted rejects
 * the read under way and all later ones with the same error.
 */
export class PacketStream {
  #socket: Socket;
  readonly #assembler = new PacketAssembler();
  #waiter: Waiter | undefined;
  #failure: unknown;
  readonly #onData = (chunk: Buffer) => this.#received(chunk);
  readonly #onError = (error: Error) => this.abort(error);
  readonly #onClose = () => this.abort(new Error('it closed the connection'));

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', this.#onData).on('error', this.#onError).on('close', this.#onClose);
  }

  get socket(): Socket {
    return this.#socket;
  }

  get closed(): boolean {
    return this.#failure !== undefined;
  }

  /** Ends everything with `reason`, which may be any error; the first one wins. */
  abort(reason: unknown): void {
    this.#failure ??= reason;
    this.#socket.destroy();
    this.#waiter?.reject(this.#failure);
    this.#waiter = undefined;
  }

  /** Waits for `event` of the socket, such as `connect`. */
  async event(name: 'connect' | 'secureConnect'): Promise<void> {
    const wake = () => this.#wake();
    this.#socket.once(name, wake);
    try {
      await this.#wait();
    } finally {
      this.#socket.off(name, wake);
    }
  }

  /** The payload of the next message. */
  async read(maxPayloadBytes: number): Promise<Buffer> {
    for (;;) {
      const message = this.#assembler.next(maxPayloadBytes);
      if (message === 'too-large') {
        throw new PosternError('malformed-message', {
          message: 'packet header',
          offset: 0,
          problem: `more than ${maxPayloadBytes} bytes are announced`,
        });
      }
      if (message) return message.payload;
      await this.#wait();
    }
  }

  /** Answers in the running exchange: goes on with its sequence ids. */
  reply(payload: UpstreamPayload): void {
    const sequence = this.#assembler.sequence;
    this.#socket.write(frame(payload, sequence));
    this.#assembler.expectSequence(sequence + packetCount(payload.length));
  }

  /** Starts a new exchange. */
  command(payload: UpstreamPayload): void {
    this.#assembler.expectSequence(0);
    this.reply(payload);
  }

  /**
   * Continues over TLS. Bytes already received would be plaintext that an attacker in the middle
   * put in front of the encrypted ones: refused.
   */
  async upgrade(tls: DialTls, endpoint: Endpoint): Promise<void> {
    if (this.#assembler.bufferedBytes > 0) {
      throw new PosternError('unexpected-message', {
        message: 'plaintext',
        state: 'TLS was starting',
      });
    }
    const plain = this.#socket;
    this.#unlisten();
    this.#socket = startTls(plain, tls, endpoint);
    this.#socket.on('error', this.#onError).on('close', this.#onClose);
    await this.event('secureConnect');
    this.#socket.on('data', this.#onData);
  }

  /** Hands the socket over: paused, with the bytes that came but were not read. */
  detach(): { socket: Socket; pending: Buffer } {
    this.#socket.pause();
    this.#unlisten();
    // Until its new owner listens, an error must not end the process; `close` follows it anyway.
    this.#socket.on('error', () => undefined);
    return { socket: this.#socket, pending: this.#assembler.leftover() };
  }

  /** Sends `last` and closes once it is written; does not wait for a target that may hang. */
  end(last: UpstreamPayload): void {
    this.#socket.write(frame(last, 0));
    this.#socket.destroySoon();
  }

  #unlisten(): void {
    this.#socket.off('data', this.#onData).off('error', this.#onError).off('close', this.#onClose);
  }

  #received(chunk: Buffer): void {
    this.#assembler.push(chunk);
    if (this.#waiter) this.#wake();
    else if (this.#assembler.bufferedBytes > MAX_UNREAD_BYTES) {
      this.abort(new Error('it sent data nobody asked for'));
    }
  }

  #wake(): void {
    this.#waiter?.resolve();
    this.#waiter = undefined;
  }

  #wait(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject };
    });
  }
}
