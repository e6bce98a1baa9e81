// SPDX-License-Identifier: Apache-2.0
import type { Capabilities } from '../../../src/wire/mysql/capabilities.ts';
import type { ResponseKind, TerminalKind } from '../../../src/wire/mysql/response-walker.ts';

/** Literal bytes of one message. */
export interface Vector {
  readonly name: string;
  /** Where the bytes are from. */
  readonly source: string;
  readonly payload: Buffer;
  /** Needed to read it; none when absent. */
  readonly capabilities?: Capabilities;
}

/** Literal bytes of the whole answer to one command. */
export interface ResponseVector {
  readonly name: string;
  readonly kind: ResponseKind;
  readonly deprecateEof: boolean;
  readonly cacheMetadata: boolean;
  /** Id of the first packet. */
  readonly sequence: number;
  readonly rows: number;
  readonly terminal: TerminalKind | 'local-infile';
  /** Where the last packet starts. */
  readonly end: number;
  readonly bytes: Buffer;
}

export function hex(...pieces: readonly string[]): Buffer {
  return Buffer.from(pieces.join(''), 'hex');
}
