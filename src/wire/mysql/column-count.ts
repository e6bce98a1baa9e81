// SPDX-License-Identifier: Apache-2.0
import { ByteReader, ByteWriter } from '../bytes.ts';
import { type Capabilities, hasCapability, MARIADB_CLIENT_CACHE_METADATA } from './capabilities.ts';
import type { DownstreamPayload } from './payload.ts';

/** The first packet of a result set: upstream to downstream. */
export interface ColumnCount {
  readonly columns: number;
  /** False when the server knows that its peer has the column definitions from last time. */
  readonly metadataFollows: boolean;
}

export function decodeColumnCount(payload: Buffer, capabilities: Capabilities): ColumnCount {
  const reader = new ByteReader(payload, 'column count');
  const columns = reader.lenencInt();
  if (columns === 0) reader.fail('a result set has no columns');
  let metadataFollows = true;
  if (hasCapability(capabilities, MARIADB_CLIENT_CACHE_METADATA)) {
    metadataFollows = reader.u8() !== 0;
  }
  reader.finish();
  return { columns, metadataFollows };
}

export function encodeColumnCount(
  count: ColumnCount,
  capabilities: Capabilities,
): DownstreamPayload {
  const writer = new ByteWriter(16).lenencInt(count.columns);
  if (hasCapability(capabilities, MARIADB_CLIENT_CACHE_METADATA)) {
    writer.u8(count.metadataFollows ? 1 : 0);
  }
  return writer.finish() as DownstreamPayload;
}
