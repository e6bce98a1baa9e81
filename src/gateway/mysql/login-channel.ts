// SPDX-License-Identifier: Apache-2.0
import type { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { type SecureContext, TLSSocket } from 'node:tls';
import type { Clock } from '../../model/clock.ts';
import { PosternError, problemText } from '../../model/errors.ts';
import { presentedChain } from '../../net/tls.ts';
import { frame } from '../../wire/mysql/framing.ts';
import { type Message, PacketAssembler } from '../../wire/mysql/packet-assembler.ts';
import type { DownstreamPayload } from '../../wire/mysql/payload.ts';

/** Before a peer is known it may not make us hold more than this (a token is at most 16 KiB). */
const MAX_LOGIN_PAYLOAD_BYTES = 65_536;

/**
 * The downstream connection while it logs in: one message at a time, one deadline for all of it.
 * Rejects with `peer-closed`, `timeout`, `malformed-message` or `tls-failed`.
 */
export class LoginChannel {
  #socket: Socket | TLSSocket;
  readonly #assembler = new PacketAssembler();
  readonly #deadlineAt: number;
  readonly #limitMs: number;
  readonly #clock: Clock;
  #sequence = 0;
  #waiting: (() => void) | undefined;
  #failure: PosternError | undefined;
  readonly #onData = (chunk: Buffer) => {
    // Nobody may fill memory by sending on without waiting for answers: what comes after a failure
    // is read, so that an ERR reaches the peer, and thrown away.
    if (this.#failure) return;
    this.#assembler.push(chunk);
    if (this.#assembler.bufferedBytes > 2 * MAX_LOGIN_PAYLOAD_BYTES) this.#fail('too much data');
    this.#waiting?.();
  };
  readonly #onEnd = () => this.#fail('end of stream');
  readonly #onError = (cause: Error) => this.#fail(problemText(cause));

  constructor(socket: Socket | TLSSocket, clock: Clock, limitMs: number) {
    this.#socket = socket;
    this.#clock = clock;
    this.#limitMs = limitMs;
    this.#deadlineAt = clock.monotonic() + limitMs;
    this.#listen();
  }

  get encrypted(): boolean {
    return this.#socket instanceof TLSSocket;
  }

  /** What the peer presented, leaf first; it holds the leaf's key, and that is all that is known. */
  get peerChain(): readonly X509Certificate[] {
    return this.#socket instanceof TLSSocket ? presentedChain(this.#socket) : [];
  }

  get socket(): Socket | TLSSocket {
    return this.#socket;
  }

  /** Sequence id of the next message in either direction. */
  get sequence(): number {
    return this.#sequence;
  }

  write(payload: DownstreamPayload): void {
    const framed = frame(payload, this.#sequence);
    this.#sequence = (this.#sequence + 1) & 0xff;
    this.#socket.write(framed);
  }

  async read(state: string): Promise<Message> {
    const message = await this.readUnlessTooLarge(state);
    if (message !== 'too-large') return message;
    throw new PosternError('malformed-message', {
      message: state,
      offset: 0,
      problem: `longer than ${MAX_LOGIN_PAYLOAD_BYTES} bytes`,
    });
  }

  /** After `too-large` only a last answer can be written. */
  async readUnlessTooLarge(state: string): Promise<Message | 'too-large'> {
    this.#assembler.expectSequence(this.#sequence);
    for (;;) {
      if (this.#failure) throw this.#failure;
      const message = this.#assembler.next(MAX_LOGIN_PAYLOAD_BYTES);
      if (message === 'too-large') {
        this.#sequence = (this.#sequence + 1) & 0xff;
        this.#fail('too much data');
        return message;
      }
      if (message) {
        this.#sequence = message.nextSequence;
        return message;
      }
      await this.#more(state);
    }
  }

  /**
   * Goes over to TLS as its server; a certificate of the peer is asked for, never insisted on, so
   * that its refusal can be told in the protocol and explained in the audit. Bytes that came behind the request belong to the TLS stream,
   * never to the protocol: injected plaintext makes the TLS handshake fail.
   */
  async upgrade(secureContext: SecureContext, askCertificate: boolean): Promise<void> {
    const plain = this.#socket;
    this.#unlisten();
    plain.pause();
    const early = this.#assembler.leftover();
    if (early.length > 0) plain.unshift(early);
    const secure = new TLSSocket(plain, {
      ...{ isServer: true, secureContext },
      ...{ requestCert: askCertificate, rejectUnauthorized: false },
    });
    this.#socket = secure;
    await this.#within('TLS handshake', (resolve, reject) => {
      secure.once('secure', resolve);
      secure.once('error', (cause: Error) =>
        reject(new PosternError('tls-failed', { peer: 'the peer', problem: problemText(cause) })),
      );
      secure.once('close', () =>
        reject(new PosternError('peer-closed', { peer: 'peer', state: 'starting TLS' })),
      );
    });
    secure.removeAllListeners('secure');
    secure.removeAllListeners('error');
    secure.removeAllListeners('close');
    this.#listen();
  }

  /**
   * Gives the connection to its next owner, paused, with the bytes that came too early; undefined
   * when the peer has left (or sent too much) since it was last read from.
   */
  release(): { socket: Socket | TLSSocket; early: Buffer } | undefined {
    if (this.#failure) return undefined;
    this.#unlisten();
    this.#socket.pause();
    return { socket: this.#socket, early: this.#assembler.leftover() };
  }

  #listen(): void {
    this.#socket.on('data', this.#onData);
    this.#socket.on('end', this.#onEnd);
    this.#socket.on('close', this.#onEnd);
    this.#socket.on('error', this.#onError);
    this.#socket.resume();
  }

  #unlisten(): void {
    this.#socket.off('data', this.#onData);
    this.#socket.off('end', this.#onEnd);
    this.#socket.off('close', this.#onEnd);
    this.#socket.off('error', this.#onError);
  }

  #fail(problem: string): void {
    this.#failure ??= new PosternError('peer-closed', { peer: 'peer', state: problem });
    this.#waiting?.();
  }

  #more(state: string): Promise<void> {
    return this.#within(state, (resolve) => {
      this.#waiting = resolve;
    }).finally(() => {
      this.#waiting = undefined;
    });
  }

  #within(
    action: string,
    start: (resolve: () => void, reject: (error: PosternError) => void) => void,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = this.#clock.after(this.#deadlineAt - this.#clock.monotonic(), () =>
        reject(new PosternError('timeout', { action, limitMs: this.#limitMs })),
      );
      start(
        () => {
          timer.stop();
          resolve();
        },
        (error) => {
          timer.stop();
          reject(error);
        },
      );
    });
  }
}
