// SPDX-License-Identifier: Apache-2.0
import { PosternError } from '../../model/errors.ts';
import { EOF_BYTES, EOF_HEADER } from './eof.ts';
import { ERR_HEADER, PROGRESS_ERRNO } from './err.ts';
import { HEADER_BYTES, MAX_PACKET_BYTES } from './framing.ts';
import { LOCAL_INFILE_HEADER } from './local-infile.ts';
import { OK_HEADER } from './ok.ts';
import {
  SERVER_MORE_RESULTS_EXISTS,
  SERVER_SESSION_STATE_CHANGED,
  SERVER_STATUS_CURSOR_EXISTS,
} from './status.ts';

/**
 * What answers a command: `query` (COM_QUERY, COM_PROCESS_INFO), `execute` (also bulk), `prepare`,
 * `fetch`, `field-list`, `statistics`, `simple` (one OK, EOF or ERR: ping, init-db, reset, ...).
 */
export type ResponseKind =
  | 'query'
  | 'execute'
  | 'prepare'
  | 'fetch'
  | 'field-list'
  | 'statistics'
  | 'simple';

/** Negotiated capabilities that change what a response looks like. */
export interface ResponseFormat {
  readonly deprecateEof: boolean;
  readonly sessionTrack: boolean;
  readonly cacheMetadata: boolean;
  /** Stop at OKs between result sets too, for a caller that rewrites every OK. */
  readonly stopAtOk?: boolean;
}

/** Told about every OK that carries session state, the ones inside a response too. */
export interface SessionStateObserver {
  /** The block is `chunk[start..end)`, for `decodeSessionTrack`; valid during the call. */
  sessionState(chunk: Buffer, start: number, end: number): void;
}

/**
 * `more`: send on what is before `position`, keep the rest and put it in front of the next chunk.
 * `ended`: the last packet of the response is `chunk[position..packetEnd)`, complete.
 * `result-ended` (with `stopAtOk`): the same for the OK of a result that another one follows; walk
 * on from `packetEnd`.
 * `local-infile`: the same for a LOCAL INFILE request; the response goes on after the file.
 * `row-limit`: the row that would be one too many starts at `position`.
 */
export type WalkResult = 'more' | 'ended' | 'result-ended' | 'local-infile' | 'row-limit';

export type TerminalKind = 'ok' | 'eof' | 'err' | 'prepared' | 'statistics';

type State =
  | 'idle'
  | 'first'
  | 'definitions'
  | 'definitions-end'
  | 'rows'
  | 'prepare-first'
  | 'prepare-definitions'
  | 'prepare-definitions-end'
  | 'field-list'
  | 'statistics';

/** OK, ERR and the like must be whole before they are judged; honest ones are far smaller. */
const MAX_HELD_BYTES = 1 << 20;

/** Every column definition starts with the catalog `def`, length-encoded. */
const DEFINITION_HEADER = 0x03;

/**
 * Follows a response by its packet headers, without copying and without allocating per packet: rows
 * and column definitions are passed over, and only the packet that ends the response is held back,
 * so that an outcome can be recorded before it is sent on. One instance serves a whole session.
 *
 * The caller re-presents undecided bytes (at most one header or one small packet), so nothing
 * here remembers bytes; within a row or definition only a count of bytes to pass over is kept.
 */
export class ResponseWalker {
  /** See WalkResult; offsets into the chunk of the last `walk`. */
  position = 0;
  packetEnd = 0;
  /** Rows seen since `begin`, over all result sets. */
  rows = 0;
  /** Sum over the OK packets since `begin`. */
  affectedRows = 0;
  /** Status flags of the last OK or EOF. */
  status = 0;
  warnings = 0;
  /**
   * Since `begin` a packet said that session state changed without saying how: an EOF cannot, and
   * the server does not make up for it later.
   */
  unreportedChange = false;
  /** Valid after `ended`. */
  terminal: TerminalKind = 'ok';
  /** Of the ERR that ended the response, else 0. */
  errno = 0;
  /** Valid from PREPARE_OK on. */
  statementId = 0;
  parameters = 0;
  columns = 0;

  readonly #format: ResponseFormat;
  readonly #observer: SessionStateObserver;
  #kind: ResponseKind = 'simple';
  #state: State = 'idle';
  #rowLimit = Number.POSITIVE_INFINITY;
  #sequence = 0;
  /** Bytes of the current packet still to be passed over; whether the next packet continues it. */
  #skipBytes = 0;
  #continues = false;
  /** Definitions still to come in the current group; columns of a prepare wait behind it. */
  #definitions = 0;
  #columnsPending = 0;
  /** Cursor of the field readers. */
  #at = 0;

  constructor(format: ResponseFormat, observer: SessionStateObserver) {
    this.#format = format;
    this.#observer = observer;
  }

  /** The id the next packet must have; after `row-limit` the one for an ERR of our own. */
  get sequence(): number {
    return this.#sequence;
  }

  get active(): boolean {
    return this.#state !== 'idle';
  }

  /** Starts a response whose first packet has the id `sequence` (1 after a one-packet command). */
  begin(kind: ResponseKind, sequence: number, rowLimit = Number.POSITIVE_INFINITY): void {
    this.#kind = kind;
    this.#state = FIRST_STATE[kind];
    this.#sequence = sequence & 0xff;
    this.#rowLimit = rowLimit;
    this.#skipBytes = 0;
    this.#continues = false;
    this.rows = 0;
    this.affectedRows = 0;
    this.errno = 0;
    this.unreportedChange = false;
  }

  /** Goes on behind a LOCAL file whose last packet had the id before `sequence`. */
  resume(sequence: number): void {
    this.#sequence = sequence & 0xff;
  }

  /** Lets rows beyond the limit through, for a caller that discards them. */
  liftRowLimit(): void {
    this.#rowLimit = Number.POSITIVE_INFINITY;
  }

  /** Reads on from `start`; throws `malformed-message` on anything a response cannot contain. */
  walk(chunk: Buffer, start: number): WalkResult {
    let at = start;
    for (;;) {
      if (this.#skipBytes > 0) {
        const inside = Math.min(this.#skipBytes, chunk.length - at);
        at += inside;
        this.#skipBytes -= inside;
      }
      this.position = at;
      if (chunk.length - at < HEADER_BYTES) return 'more';
      const header = chunk.readUInt32LE(at);
      const length = header & 0xffffff;
      if (header >>> 24 !== this.#sequence) this.#outOfOrder(header >>> 24, at);
      if (!this.#continues) {
        if (chunk.length - at === HEADER_BYTES && length > 0) return 'more';
        if (this.#mustBeWhole(chunk, at, length)) {
          if (length > MAX_HELD_BYTES) this.#fail(at, `a packet of ${length} bytes has to be held`);
          if (chunk.length - at < HEADER_BYTES + length) return 'more';
          this.packetEnd = at + HEADER_BYTES + length;
          this.#sequence = (this.#sequence + 1) & 0xff;
          const result = this.#control(chunk, at + HEADER_BYTES, this.packetEnd);
          if (result !== undefined) return result;
          at = this.packetEnd;
          continue;
        }
        if (this.#state === 'rows') {
          if (this.rows >= this.#rowLimit) return 'row-limit';
          this.rows++;
        } else this.#definition();
      }
      this.#sequence = (this.#sequence + 1) & 0xff;
      this.#continues = length === MAX_PACKET_BYTES;
      this.#skipBytes = length;
      at += HEADER_BYTES;
    }
  }

  /** Whether the packet at `at` is one to be read, and not a row or definition to be passed over. */
  #mustBeWhole(chunk: Buffer, at: number, length: number): boolean {
    if (length === 0) return this.#fail(at, 'a packet is empty');
    const first = chunk.readUInt8(at + HEADER_BYTES);
    switch (this.#state) {
      case 'rows':
        if (first === EOF_HEADER) return this.#endsRows(at, length);
        return first === ERR_HEADER;
      case 'definitions':
      case 'field-list':
        return first !== DEFINITION_HEADER;
      case 'prepare-definitions':
        return first !== DEFINITION_HEADER || this.#isLastDefinition();
      case 'idle':
        return this.#fail(at, 'no response is expected');
      default:
        return true;
    }
  }

  /** A text row starts with 0xfe when its first value exceeds 16 MB, so fills its first packet. */
  #endsRows(at: number, length: number): boolean {
    if (length === MAX_PACKET_BYTES) return false;
    if (this.#format.deprecateEof || length === EOF_BYTES) return true;
    return this.#fail(at, `an EOF has ${length} bytes`);
  }

  /** With CLIENT_DEPRECATE_EOF nothing follows the last definition of a prepare. */
  #isLastDefinition(): boolean {
    return this.#format.deprecateEof && this.#definitions === 1 && this.#columnsPending === 0;
  }

  /** One column definition passes by. */
  #definition(): void {
    if (this.#state === 'field-list') return;
    this.#definitions--;
    if (this.#definitions > 0) return;
    if (this.#state === 'definitions') {
      this.#state = this.#format.deprecateEof ? 'rows' : 'definitions-end';
    } else if (!this.#format.deprecateEof) {
      this.#state = 'prepare-definitions-end';
    } else {
      // The last one of all was held back, so this ended the parameters.
      this.#definitions = this.#columnsPending;
      this.#columnsPending = 0;
    }
  }

  /** Reads the whole packet `chunk[start..end)`; undefined when the response goes on. */
  #control(chunk: Buffer, start: number, end: number): WalkResult | undefined {
    const first = chunk.readUInt8(start);
    if (first === ERR_HEADER) return this.#err(chunk, start, end);
    switch (this.#state) {
      case 'first':
        return this.#first(chunk, start, end, first);
      case 'definitions-end':
        return this.#definitionsEnd(chunk, start, end);
      case 'rows':
      case 'field-list':
        if (first === EOF_HEADER) return this.#endOfRows(chunk, start, end);
        break;
      case 'prepare-first':
        return this.#prepareOk(chunk, start, end, first);
      case 'prepare-definitions':
        if (first === DEFINITION_HEADER) return this.#end('prepared');
        break;
      case 'prepare-definitions-end':
        return this.#prepareDefinitionsEnd(chunk, start, end);
      case 'statistics':
        return this.#end('statistics');
    }
    return this.#fail(start, `0x${first.toString(16)} starts no packet that may come here`);
  }

  #end(terminal: TerminalKind): WalkResult {
    this.terminal = terminal;
    this.#state = 'idle';
    return 'ended';
  }

  #err(chunk: Buffer, start: number, end: number): WalkResult | undefined {
    if (end - start < 3) this.#fail(start, 'an ERR is too short');
    const errno = chunk.readUInt16LE(start + 1);
    if (errno === PROGRESS_ERRNO) return undefined;
    this.errno = errno;
    return this.#end('err');
  }

  #first(chunk: Buffer, start: number, end: number, first: number): WalkResult | undefined {
    if (first === OK_HEADER) {
      this.#readOk(chunk, start, end);
      return this.#endUnlessMore('ok');
    }
    if (this.#kind === 'simple') {
      if (first !== EOF_HEADER) this.#fail(start, `0x${first.toString(16)} is no plain answer`);
      return this.#endOfRows(chunk, start, end);
    }
    if (first === LOCAL_INFILE_HEADER) {
      if (this.#kind !== 'query') this.#fail(start, 'only COM_QUERY may ask for a file');
      return 'local-infile';
    }
    this.#at = start;
    this.#definitions = this.#lenenc(chunk, end);
    if (this.#definitions === 0) this.#fail(start, 'a result set has no columns');
    this.#state = 'definitions';
    if (this.#format.cacheMetadata) {
      if (this.#at >= end) this.#fail(start, 'a column count lacks its metadata flag');
      const metadataFollows = chunk.readUInt8(this.#at) !== 0;
      this.#at++;
      if (!metadataFollows) this.#state = this.#format.deprecateEof ? 'rows' : 'definitions-end';
    }
    if (this.#at !== end) this.#fail(this.#at, 'a column count is too long');
    return undefined;
  }

  /** The EOF between definitions and rows; with a cursor there are no rows, they get fetched. */
  #definitionsEnd(chunk: Buffer, start: number, end: number): WalkResult | undefined {
    this.#readEof(chunk, start, end);
    if (this.#kind === 'execute' && (this.status & SERVER_STATUS_CURSOR_EXISTS) !== 0) {
      return this.#end('eof');
    }
    this.#state = 'rows';
    return undefined;
  }

  #endOfRows(chunk: Buffer, start: number, end: number): WalkResult | undefined {
    if (end - start === EOF_BYTES) {
      this.#readEof(chunk, start, end);
      return this.#endUnlessMore('eof');
    }
    if (!this.#format.deprecateEof) this.#fail(start, `an EOF has ${end - start} bytes`);
    this.#readOk(chunk, start, end);
    return this.#endUnlessMore('ok');
  }

  #endUnlessMore(terminal: TerminalKind): WalkResult | undefined {
    const more = (this.status & SERVER_MORE_RESULTS_EXISTS) !== 0;
    if (!more || (this.#kind !== 'query' && this.#kind !== 'execute')) return this.#end(terminal);
    this.#state = 'first';
    return terminal === 'ok' && this.#format.stopAtOk ? 'result-ended' : undefined;
  }

  #prepareOk(chunk: Buffer, start: number, end: number, first: number): WalkResult | undefined {
    if (first !== OK_HEADER || end - start < 12) this.#fail(start, 'a PREPARE_OK is wrong');
    this.statementId = chunk.readUInt32LE(start + 1);
    this.columns = chunk.readUInt16LE(start + 5);
    this.parameters = chunk.readUInt16LE(start + 7);
    this.warnings = chunk.readUInt16LE(start + 10);
    if (this.parameters + this.columns === 0) return this.#end('prepared');
    this.#definitions = this.parameters > 0 ? this.parameters : this.columns;
    this.#columnsPending = this.parameters > 0 ? this.columns : 0;
    this.#state = 'prepare-definitions';
    return undefined;
  }

  #prepareDefinitionsEnd(chunk: Buffer, start: number, end: number): WalkResult | undefined {
    this.#readEof(chunk, start, end);
    if (this.#columnsPending === 0) return this.#end('prepared');
    this.#definitions = this.#columnsPending;
    this.#columnsPending = 0;
    this.#state = 'prepare-definitions';
    return undefined;
  }

  #readEof(chunk: Buffer, start: number, end: number): void {
    if (chunk.readUInt8(start) !== EOF_HEADER || end - start !== EOF_BYTES) {
      this.#fail(start, 'an EOF is wrong');
    }
    this.warnings = chunk.readUInt16LE(start + 1);
    this.status = chunk.readUInt16LE(start + 3);
    if ((this.status & SERVER_SESSION_STATE_CHANGED) !== 0) this.unreportedChange = true;
  }

  #readOk(chunk: Buffer, start: number, end: number): void {
    this.#at = start + 1;
    this.affectedRows += this.#lenenc(chunk, end);
    this.#passLenenc(chunk, end);
    if (end - this.#at < 4) this.#fail(this.#at, 'an OK is too short');
    this.status = chunk.readUInt16LE(this.#at);
    this.warnings = chunk.readUInt16LE(this.#at + 2);
    this.#at += 4;
    if ((this.status & SERVER_SESSION_STATE_CHANGED) === 0) return;
    if (this.#format.sessionTrack && this.#at < end) this.#passString(chunk, end);
    if (!this.#format.sessionTrack || this.#at === end) {
      this.unreportedChange = true;
      return;
    }
    const length = this.#lenenc(chunk, end);
    if (length !== end - this.#at) this.#fail(this.#at, 'session state has the wrong length');
    this.#observer.sessionState(chunk, this.#at, end);
  }

  #lenenc(chunk: Buffer, end: number): number {
    const start = this.#at;
    if (start >= end) this.#fail(start, 'an integer is missing');
    const first = chunk.readUInt8(start);
    if (first < 0xfb) {
      this.#at = start + 1;
      return first;
    }
    this.#passLenenc(chunk, end);
    const bytes = this.#at - start - 1;
    if (bytes < 8) return chunk.readUIntLE(start + 1, bytes);
    const value = Number(chunk.readBigUInt64LE(start + 1));
    return value <= Number.MAX_SAFE_INTEGER ? value : this.#fail(start, 'an integer is too large');
  }

  #passLenenc(chunk: Buffer, end: number): void {
    if (this.#at >= end) this.#fail(this.#at, 'an integer is missing');
    const first = chunk.readUInt8(this.#at);
    if (first < 0xfb) this.#at += 1;
    else if (first === 0xfc) this.#at += 3;
    else if (first === 0xfd) this.#at += 4;
    else if (first === 0xfe) this.#at += 9;
    else this.#fail(this.#at, `0x${first.toString(16)} starts no length-encoded integer`);
    if (this.#at > end) this.#fail(end, 'an integer is cut off');
  }

  #passString(chunk: Buffer, end: number): void {
    const length = this.#lenenc(chunk, end);
    if (length > end - this.#at) this.#fail(this.#at, 'a string is cut off');
    this.#at += length;
  }

  #outOfOrder(sequence: number, at: number): never {
    return this.#fail(at + 3, `sequence id ${sequence} instead of ${this.#sequence}`);
  }

  /** `offset` is within the chunk, not the message. */
  #fail(offset: number, problem: string): never {
    throw new PosternError('malformed-message', { message: 'response', offset, problem });
  }
}

const FIRST_STATE: Readonly<Record<ResponseKind, State>> = {
  query: 'first',
  execute: 'first',
  simple: 'first',
  prepare: 'prepare-first',
  fetch: 'rows',
  'field-list': 'field-list',
  statistics: 'statistics',
};
