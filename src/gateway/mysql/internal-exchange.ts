// SPDX-License-Identifier: Apache-2.0
import { PosternError } from '../../model/errors.ts';
import { ByteReader } from '../../wire/bytes.ts';
import { COM } from '../../wire/mysql/commands.ts';
import { frame } from '../../wire/mysql/framing.ts';
import { PacketAssembler } from '../../wire/mysql/packet-assembler.ts';
import type { UpstreamPayload } from '../../wire/mysql/payload.ts';

const MAX_ANSWER_BYTES = 1 << 20;

/** One answer to a command of ours. */
export type InternalAnswer =
  | { readonly ok: true; readonly row?: readonly (string | null)[]; readonly payload: Buffer }
  | { readonly ok: false; readonly errno: number; readonly problem: string };

/** A command of the gateway itself, as a payload. */
export function internalCommand(code: number, text = ''): UpstreamPayload {
  return Buffer.concat([Buffer.of(code), Buffer.from(text)]) as UpstreamPayload;
}

export function internalQuery(sql: string): UpstreamPayload {
  return internalCommand(COM.COM_QUERY, sql);
}

/**
 * Commands that the gateway sends on a principal's upstream connection between two of the
 * principal's (SET ROLE, tracking, state), all at once; feeds on the bytes that come back until
 * each is answered. Statements carry a `postern` comment, so logs of the target tell them apart.
 */
export class InternalExchange {
  readonly answers: InternalAnswer[] = [];
  readonly #expected: number;
  readonly #deprecateEof: boolean;
  readonly #assembler = new PacketAssembler();
  #columns = 0;
  #stage: 'first' | 'columns' | 'columns-end' | 'rows' = 'first';
  #row: (string | null)[] | undefined;

  constructor(expected: number, deprecateEof: boolean) {
    this.#expected = expected;
    this.#deprecateEof = deprecateEof;
    this.#assembler.expectSequence(1);
  }

  /** The bytes to send: every command starts a new sequence. */
  static encode(commands: readonly UpstreamPayload[]): Buffer {
    return Buffer.concat(commands.map((command) => frame(command, 0)));
  }

  /** True when every command has been answered. Throws `malformed-message` on anything odd. */
  feed(chunk: Buffer): boolean {
    this.#assembler.push(chunk);
    while (this.answers.length < this.#expected) {
      const message = this.#assembler.next(MAX_ANSWER_BYTES);
      if (message === undefined) return false;
      if (message === 'too-large') throw odd('an answer is too large');
      this.#take(message.payload);
    }
    if (this.#assembler.bufferedBytes > 0) throw odd('bytes after the last answer');
    return true;
  }

  #take(payload: Buffer): void {
    const first = payload[0];
    if (first === 0xff) return this.#finish(readError(payload));
    switch (this.#stage) {
      case 'first':
        if (first === 0x00 || first === 0xfe) return this.#finish({ ok: true, payload });
        this.#columns = new ByteReader(payload, 'column count').lenencInt();
        this.#stage = 'columns';
        return;
      case 'columns':
        this.#columns -= 1;
        if (this.#columns === 0) this.#stage = this.#deprecateEof ? 'rows' : 'columns-end';
        return;
      case 'columns-end':
        this.#stage = 'rows';
        return;
      case 'rows':
        if (first === 0xfe && payload.length < 0xffffff) {
          return this.#finish({ ok: true, payload, ...(this.#row && { row: this.#row }) });
        }
        this.#row = readTextRow(payload);
    }
  }

  #finish(answer: InternalAnswer): void {
    this.answers.push(answer);
    this.#stage = 'first';
    this.#row = undefined;
    this.#assembler.expectSequence(1);
  }
}

function readError(payload: Buffer): InternalAnswer {
  const reader = new ByteReader(payload, 'ERR');
  reader.skip(1);
  const errno = reader.u16();
  return { ok: false, errno, problem: reader.restText().replace(/^#.{5}/, '') };
}

function readTextRow(payload: Buffer): (string | null)[] {
  const reader = new ByteReader(payload, 'text row');
  const row: (string | null)[] = [];
  while (reader.remaining > 0) {
    if (reader.peekU8() === 0xfb) {
      reader.skip(1);
      row.push(null);
    } else row.push(reader.lenencText());
  }
  return row;
}

function odd(problem: string): PosternError {
  return new PosternError('malformed-message', { message: 'answer', offset: 0, problem });
}
