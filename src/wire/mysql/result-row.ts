// SPDX-License-Identifier: Apache-2.0
import { ByteReader, ByteWriter } from '../bytes.ts';
import type { DownstreamPayload } from './payload.ts';

/** A row of the text protocol: upstream to downstream. NULL is null. */
export type TextRow = readonly (Buffer | null)[];

export const NULL_VALUE = 0xfb;

export function decodeTextRow(payload: Buffer, columns: number): TextRow {
  const reader = new ByteReader(payload, 'text row');
  const values: (Buffer | null)[] = [];
  for (let column = 0; column < columns; column++) {
    if (reader.peekU8() === NULL_VALUE) {
      reader.skip(1);
      values.push(null);
    } else {
      values.push(reader.lenencBytes());
    }
  }
  reader.finish();
  return values;
}

export function encodeTextRow(row: TextRow): DownstreamPayload {
  const writer = new ByteWriter();
  for (const value of row) {
    if (value === null) writer.u8(NULL_VALUE);
    else writer.lenencBytes(value);
  }
  return writer.finish() as DownstreamPayload;
}
