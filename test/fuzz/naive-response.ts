// SPDX-License-Identifier: Apache-2.0
import { PosternError } from '../../src/model/errors.ts';
import {
  type Capabilities,
  CLIENT_SESSION_TRACK,
  MARIADB_CLIENT_CACHE_METADATA,
} from '../../src/wire/mysql/capabilities.ts';
import { decodeColumnCount } from '../../src/wire/mysql/column-count.ts';
import { decodeColumnDefinition } from '../../src/wire/mysql/column-definition.ts';
import { decodePrepareOk } from '../../src/wire/mysql/com-stmt-prepare.ts';
import { decodeEof } from '../../src/wire/mysql/eof.ts';
import { decodeErr } from '../../src/wire/mysql/err.ts';
import { MAX_PACKET_BYTES } from '../../src/wire/mysql/framing.ts';
import { decodeOk } from '../../src/wire/mysql/ok.ts';
import type {
  ResponseFormat,
  ResponseKind,
  TerminalKind,
} from '../../src/wire/mysql/response-walker.ts';
import {
  SERVER_MORE_RESULTS_EXISTS,
  SERVER_STATUS_CURSOR_EXISTS,
} from '../../src/wire/mysql/status.ts';

export interface NaiveResponse {
  readonly rows: number;
  readonly terminal: TerminalKind | 'local-infile';
  readonly errno: number;
  /** Where the last packet starts and ends. */
  readonly start: number;
  readonly end: number;
}

interface Whole {
  readonly payload: Buffer;
  readonly start: number;
  readonly end: number;
}

function malformed(problem: string): never {
  throw new PosternError('malformed-message', { message: 'naive', offset: 0, problem });
}

/**
 * Reads a response the plain way: all of it at once, every message taken apart by its decoder. Slow
 * and obvious, to judge the walker by.
 */
export class NaiveReader {
  readonly #bytes: Buffer;
  readonly #format: ResponseFormat;
  readonly #capabilities: Capabilities;
  #at = 0;
  #sequence: number;
  #rows = 0;
  #last: Whole = { payload: Buffer.alloc(0), start: 0, end: 0 };

  constructor(bytes: Buffer, format: ResponseFormat, sequence: number) {
    this.#bytes = bytes;
    this.#format = format;
    this.#sequence = sequence;
    this.#capabilities =
      (format.sessionTrack ? CLIENT_SESSION_TRACK : 0n) |
      (format.cacheMetadata ? MARIADB_CLIENT_CACHE_METADATA : 0n);
  }

  read(kind: ResponseKind): NaiveResponse {
    switch (kind) {
      case 'prepare':
        return this.#prepare();
      case 'fetch':
        return this.#rowsUntilEnd(kind) ?? malformed('more results for a fetch');
      case 'field-list':
        for (;;) {
          const { payload } = this.#next();
          if (payload[0] === 0xff) return this.#err();
          if (payload[0] === 0xfe) return this.#end(this.#ending(payload).terminal);
          decodeColumnDefinition(payload, 0n);
        }
      case 'statistics':
        return this.#next().payload[0] === 0xff ? this.#err() : this.#end('statistics');
      case 'simple': {
        const { payload } = this.#next();
        if (payload[0] === 0xff) return this.#err();
        return this.#end(this.#ending(payload).terminal);
      }
      default:
        return this.#results(kind);
    }
  }

  #results(kind: ResponseKind): NaiveResponse {
    for (;;) {
      const { payload } = this.#next();
      if (payload[0] === 0xff) return this.#err();
      if (payload[0] === 0xfb) return this.#end('local-infile');
      if (payload[0] === 0x00) {
        const { status } = this.#ending(payload);
        if ((status & SERVER_MORE_RESULTS_EXISTS) === 0) return this.#end('ok');
        continue;
      }
      const count = decodeColumnCount(payload, this.#capabilities);
      const err = count.metadataFollows ? this.#definitions(count.columns) : false;
      if (err) return this.#err();
      if (!this.#format.deprecateEof) {
        const { payload: between } = this.#next();
        if (between[0] === 0xff) return this.#err();
        const { status } = decodeEof(between);
        if (kind === 'execute' && status & SERVER_STATUS_CURSOR_EXISTS) return this.#end('eof');
      }
      const ended = this.#rowsUntilEnd(kind);
      if (ended) return ended;
    }
  }

  /** True when an ERR came instead of one. */
  #definitions(count: number): boolean {
    for (let index = 0; index < count; index++) {
      const { payload } = this.#next();
      if (payload[0] === 0xff) return true;
      decodeColumnDefinition(payload, 0n);
    }
    return false;
  }

  #rowsUntilEnd(kind: ResponseKind): NaiveResponse | undefined {
    for (;;) {
      const { payload } = this.#next();
      if (payload[0] === 0xff) return this.#err();
      if (payload[0] === 0xfe && payload.length < MAX_PACKET_BYTES) {
        const { terminal, status } = this.#ending(payload);
        const more = (status & SERVER_MORE_RESULTS_EXISTS) !== 0 && kind !== 'fetch';
        return more ? undefined : this.#end(terminal);
      }
      this.#rows++;
    }
  }

  #prepare(): NaiveResponse {
    const { payload } = this.#next();
    if (payload[0] === 0xff) return this.#err();
    const { parameters, columns } = decodePrepareOk(payload);
    for (const count of [parameters, columns]) {
      if (count === 0) continue;
      if (this.#definitions(count)) return this.#err();
      if (!this.#format.deprecateEof) decodeEof(this.#next().payload);
    }
    return this.#end('prepared');
  }

  #ending(payload: Buffer): { terminal: 'ok' | 'eof'; status: number } {
    if (payload[0] === 0xfe && payload.length === 5) {
      return { terminal: 'eof', status: decodeEof(payload).status };
    }
    if (payload[0] === 0xfe && !this.#format.deprecateEof) malformed('an EOF of another length');
    return { terminal: 'ok', status: decodeOk(payload, this.#capabilities).status };
  }

  #err(): NaiveResponse {
    return { ...this.#end('err'), errno: decodeErr(this.#last.payload).errno };
  }

  #end(terminal: NaiveResponse['terminal']): NaiveResponse {
    return { rows: this.#rows, terminal, errno: 0, start: this.#last.start, end: this.#last.end };
  }

  /** The next whole message that is not a progress report. */
  #next(): Whole {
    const start = this.#at;
    const pieces: Buffer[] = [];
    for (;;) {
      if (this.#bytes.length - this.#at < 4) malformed('a header is missing');
      const length = this.#bytes.readUIntLE(this.#at, 3);
      if (this.#bytes.readUInt8(this.#at + 3) !== this.#sequence) malformed('out of order');
      this.#sequence = (this.#sequence + 1) & 0xff;
      const end = this.#at + 4 + length;
      if (end > this.#bytes.length) malformed('a packet is cut');
      pieces.push(this.#bytes.subarray(this.#at + 4, end));
      this.#at = end;
      if (length < MAX_PACKET_BYTES) break;
    }
    const payload = Buffer.concat(pieces);
    if (payload.length === 0) malformed('an empty message');
    if (payload.length >= 3 && payload.readUIntBE(0, 3) === 0xffffff) return this.#next();
    this.#last = { payload, start, end: this.#at };
    return this.#last;
  }
}
