// SPDX-License-Identifier: Apache-2.0
import {
  type Capabilities,
  CLIENT_SESSION_TRACK,
  MARIADB_CLIENT_CACHE_METADATA,
} from '../../src/wire/mysql/capabilities.ts';
import { encodeColumnCount } from '../../src/wire/mysql/column-count.ts';
import { encodeColumnDefinition } from '../../src/wire/mysql/column-definition.ts';
import { encodePrepareOk } from '../../src/wire/mysql/com-stmt-prepare.ts';
import { encodeEof } from '../../src/wire/mysql/eof.ts';
import { encodeErr } from '../../src/wire/mysql/err.ts';
import { frame, packetCount } from '../../src/wire/mysql/framing.ts';
import { encodeLocalInfile } from '../../src/wire/mysql/local-infile.ts';
import { encodeOk, OK_AS_EOF_HEADER, OK_HEADER } from '../../src/wire/mysql/ok.ts';
import type { DownstreamPayload } from '../../src/wire/mysql/payload.ts';
import { encodeProgress } from '../../src/wire/mysql/progress.ts';
import type { ResponseFormat, ResponseKind } from '../../src/wire/mysql/response-walker.ts';
import { encodeTextRow } from '../../src/wire/mysql/result-row.ts';
import {
  SERVER_MORE_RESULTS_EXISTS,
  SERVER_STATUS_CURSOR_EXISTS,
} from '../../src/wire/mysql/status.ts';
import type { Random } from '../support/random.ts';
import { randomBytes } from './mutate.ts';

export const RESPONSE_KINDS: readonly ResponseKind[] = [
  'query',
  'execute',
  'prepare',
  'fetch',
  'field-list',
  'statistics',
  'simple',
];

/** Writes random answers as a server could: every form of the protocol, small values. */
export class ResponseGenerator {
  readonly #random: Random;
  readonly #format: ResponseFormat;
  readonly #capabilities: Capabilities;
  readonly #frames: Buffer[] = [];
  #sequence: number;

  constructor(random: Random, format: ResponseFormat, sequence: number) {
    this.#random = random;
    this.#format = format;
    this.#sequence = sequence;
    this.#capabilities =
      (format.sessionTrack ? CLIENT_SESSION_TRACK : 0n) |
      (format.cacheMetadata ? MARIADB_CLIENT_CACHE_METADATA : 0n);
  }

  response(kind: ResponseKind): Buffer {
    const random = this.#random;
    if (random.chance(0.1)) this.#err();
    else if (kind === 'prepare') this.#prepare();
    else if (kind === 'fetch') this.#rows(0);
    else if (kind === 'statistics') this.#put(Buffer.from('Uptime: 1') as DownstreamPayload);
    else if (kind === 'field-list') {
      this.#definitions(random.below(4));
      this.#rowsEnd(0);
    } else if (kind === 'simple') {
      if (random.chance(0.7)) this.#ok(0);
      else this.#rowsEnd(0);
    } else this.#results(kind);
    return Buffer.concat(this.#frames);
  }

  #put(payload: DownstreamPayload): void {
    this.#frames.push(frame(payload, this.#sequence));
    this.#sequence = (this.#sequence + packetCount(payload.length)) & 0xff;
  }

  #results(kind: 'query' | 'execute'): void {
    const random = this.#random;
    for (let results = random.below(4); results >= 0; results--) {
      const status = results > 0 ? SERVER_MORE_RESULTS_EXISTS : 0;
      if (random.chance(0.2)) this.#progress();
      if (random.chance(0.1)) return this.#err();
      if (random.chance(0.4)) this.#ok(status);
      else if (kind === 'query' && results === 0 && random.chance(0.1)) {
        return this.#put(encodeLocalInfile({ fileName: randomBytes(random, random.below(9)) }));
      } else if (this.#resultSet(kind, status)) return;
    }
  }

  /** True when it was the end of the response, whatever was planned. */
  #resultSet(kind: 'query' | 'execute', status: number): boolean {
    const random = this.#random;
    const columns = 1 + random.below(random.chance(0.05) ? 300 : 4);
    const metadataFollows = !this.#format.cacheMetadata || random.chance(0.5);
    this.#put(encodeColumnCount({ columns, metadataFollows }, this.#capabilities));
    if (metadataFollows) this.#definitions(columns);
    if (!this.#format.deprecateEof) {
      const cursor = kind === 'execute' && random.chance(0.2);
      this.#eof(cursor ? SERVER_STATUS_CURSOR_EXISTS : 0);
      if (cursor) return true;
    }
    return this.#rows(status);
  }

  #rows(status: number): boolean {
    const random = this.#random;
    for (let rows = random.below(6); rows > 0; rows--) {
      if (random.chance(0.05)) {
        this.#err();
        return true;
      }
      if (random.chance(0.1)) this.#progress();
      // NULL first (0xfb), a text, or what a binary row starts with.
      const first = random.pick([null, randomBytes(random, random.below(300)), Buffer.alloc(0)]);
      this.#put(encodeTextRow([first, randomBytes(random, random.below(20))]));
    }
    this.#rowsEnd(status);
    return false;
  }

  #definitions(count: number): void {
    for (let index = 0; index < count; index++) {
      const names = { schema: 's', table: 't', originalTable: 't', name: 'n', originalName: 'n' };
      const rest = { charset: 45, columnLength: 4, type: 3, flags: 0, decimals: 0 };
      this.#put(encodeColumnDefinition({ ...names, ...rest }, 0n));
    }
  }

  #prepare(): void {
    const random = this.#random;
    const [columns, parameters] = [random.below(4), random.below(4)];
    this.#put(encodePrepareOk({ statementId: 7, columns, parameters, warnings: 0 }));
    for (const count of [parameters, columns]) {
      this.#definitions(count);
      if (count > 0 && !this.#format.deprecateEof) this.#eof(0);
    }
  }

  #rowsEnd(status: number): void {
    if (this.#format.deprecateEof) this.#ok(status, OK_AS_EOF_HEADER);
    else this.#eof(status);
  }

  #ok(status: number, header: typeof OK_HEADER | typeof OK_AS_EOF_HEADER = OK_HEADER): void {
    const random = this.#random;
    const changes = random.chance(0.3) ? [{ type: 'schema', name: 'shop' } as const] : [];
    const affectedRows = random.pick([0, 1, 0xfb, 0x10000]);
    const counts = { affectedRows, lastInsertId: BigInt(random.pick([0, 0xffff, 2 ** 40])) };
    const text = { warnings: 0, info: random.chance(0.3) ? 'Rows matched: 1' : '' };
    this.#put(encodeOk({ header, ...counts, status, ...text, changes }, this.#capabilities));
  }

  #eof(status: number): void {
    this.#put(encodeEof({ warnings: this.#random.below(3), status }));
  }

  #err(): void {
    this.#put(
      encodeErr({ errno: 1000 + this.#random.below(999), sqlState: 'HY000', message: 'no' }),
    );
  }

  #progress(): void {
    this.#put(encodeProgress({ stage: 1, maxStage: 2, progress: 5, text: 'copy' }));
  }
}
