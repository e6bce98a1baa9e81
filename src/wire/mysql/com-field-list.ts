// SPDX-License-Identifier: Apache-2.0
import { ByteReader, ByteWriter } from '../bytes.ts';
import { COM } from './commands.ts';
import type { UpstreamPayload } from './payload.ts';

/** COM_FIELD_LIST, the columns of a table: downstream to upstream. Names in the session's charset. */
export interface ComFieldList {
  readonly table: Buffer;
  /** A LIKE pattern over column names; empty for all. */
  readonly wildcard: Buffer;
}

export function decodeComFieldList(payload: Buffer): ComFieldList {
  const reader = new ByteReader(payload, 'COM_FIELD_LIST');
  if (reader.u8() !== COM.COM_FIELD_LIST) reader.fail('the command is not 0x04');
  const table = reader.nulBytes();
  const wildcard = reader.rest();
  // Some drivers close the pattern with a NUL as well, and the server stops there.
  return { table, wildcard: wildcard.at(-1) === 0 ? wildcard.subarray(0, -1) : wildcard };
}

export function encodeComFieldList(command: ComFieldList): UpstreamPayload {
  if (command.table.includes(0)) throw new RangeError('a table name holds a NUL');
  return new ByteWriter()
    .u8(COM.COM_FIELD_LIST)
    .put(command.table)
    .u8(0)
    .put(command.wildcard)
    .finish() as UpstreamPayload;
}
