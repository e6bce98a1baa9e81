// SPDX-License-Identifier: Apache-2.0
import { ByteReader, ByteWriter } from '../bytes.ts';
import {
  type Capabilities,
  hasCapability,
  MARIADB_CLIENT_EXTENDED_METADATA,
} from './capabilities.ts';
import type { DownstreamPayload } from './payload.ts';

/**
 * ColumnDefinition41: upstream to downstream.
 * https://mariadb.com/kb/en/result-set-packets/#column-definition-packet
 */
export interface ColumnDefinition {
  readonly schema: string;
  readonly table: string;
  readonly originalTable: string;
  readonly name: string;
  readonly originalName: string;
  /** MariaDB's type details, verbatim; needs MARIADB_CLIENT_EXTENDED_METADATA. */
  readonly extended?: Buffer;
  readonly charset: number;
  readonly columnLength: number;
  readonly type: number;
  readonly flags: number;
  readonly decimals: number;
}

const CATALOG = 'def';
const FIXED_BYTES = 12;

export function decodeColumnDefinition(
  payload: Buffer,
  capabilities: Capabilities,
): ColumnDefinition {
  const reader = new ByteReader(payload, 'ColumnDefinition41');
  if (reader.lenencText() !== CATALOG) reader.fail('the catalog is not `def`');
  const schema = reader.lenencText();
  const table = reader.lenencText();
  const originalTable = reader.lenencText();
  const name = reader.lenencText();
  const originalName = reader.lenencText();
  const extended = hasCapability(capabilities, MARIADB_CLIENT_EXTENDED_METADATA)
    ? { extended: reader.lenencBytes() }
    : undefined;
  if (reader.lenencInt() !== FIXED_BYTES) reader.fail('the fixed part has not 12 bytes');
  const charset = reader.u16();
  const columnLength = reader.u32();
  const type = reader.u8();
  const flags = reader.u16();
  const decimals = reader.u8();
  reader.skip(2);
  // Behind it, only an answer to COM_FIELD_LIST holds one more thing: the default value.
  if (reader.remaining > 0 && reader.peekU8() !== 0xfb) reader.lenencBytes();
  else if (reader.remaining > 0) reader.skip(1);
  reader.finish();
  return {
    ...{ schema, table, originalTable, name, originalName, ...extended },
    ...{ charset, columnLength, type, flags, decimals },
  };
}

export function encodeColumnDefinition(
  column: ColumnDefinition,
  capabilities: Capabilities,
): DownstreamPayload {
  const writer = new ByteWriter()
    .lenencText(CATALOG)
    .lenencText(column.schema)
    .lenencText(column.table)
    .lenencText(column.originalTable)
    .lenencText(column.name)
    .lenencText(column.originalName);
  if (hasCapability(capabilities, MARIADB_CLIENT_EXTENDED_METADATA)) {
    writer.lenencBytes(column.extended ?? Buffer.alloc(0));
  }
  return writer
    .lenencInt(FIXED_BYTES)
    .u16(column.charset)
    .u32(column.columnLength)
    .u8(column.type)
    .u16(column.flags)
    .u8(column.decimals)
    .zeros(2)
    .finish() as DownstreamPayload;
}
