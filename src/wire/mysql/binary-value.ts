// SPDX-License-Identifier: Apache-2.0
import type { ByteReader, ByteWriter } from '../bytes.ts';
import { FIELD_TYPE } from './field-types.ts';

/** A parameter of the binary protocol: its type as sent and the value's bytes, null for NULL. */
export interface BinaryParameter {
  readonly type: number;
  readonly unsigned: boolean;
  /** Only in query attributes; empty for a statement's placeholders. */
  readonly name: string;
  /** Without its length prefix; integers and floats little-endian as sent. */
  readonly value: Buffer | null;
}

const FIXED_BYTES: ReadonlyMap<number, number> = new Map([
  [FIELD_TYPE.NULL, 0],
  [FIELD_TYPE.TINY, 1],
  [FIELD_TYPE.SHORT, 2],
  [FIELD_TYPE.YEAR, 2],
  [FIELD_TYPE.LONG, 4],
  [FIELD_TYPE.INT24, 4],
  [FIELD_TYPE.FLOAT, 4],
  [FIELD_TYPE.LONGLONG, 8],
  [FIELD_TYPE.DOUBLE, 8],
]);

/** Types whose values are text (or bytes, which nobody can tell apart here). */
export const TEXT_TYPES: ReadonlySet<number> = new Set([
  FIELD_TYPE.VARCHAR,
  FIELD_TYPE.TINY_BLOB,
  FIELD_TYPE.MEDIUM_BLOB,
  FIELD_TYPE.LONG_BLOB,
  FIELD_TYPE.BLOB,
  FIELD_TYPE.VAR_STRING,
  FIELD_TYPE.STRING,
]);

/**
 * Reads a value's length, if it has one in front, and says how many bytes follow. It depends on the
 * type alone: dates and times have one length byte.
 */
export function binaryValueBytes(reader: ByteReader, type: number): number {
  const fixed = FIXED_BYTES.get(type);
  if (fixed !== undefined) return fixed;
  switch (type) {
    case FIELD_TYPE.DATE:
    case FIELD_TYPE.TIME:
    case FIELD_TYPE.DATETIME:
    case FIELD_TYPE.TIMESTAMP:
      return reader.u8();
    default:
      return reader.lenencInt();
  }
}

export function readBinaryValue(reader: ByteReader, type: number): Buffer {
  return reader.take(binaryValueBytes(reader, type));
}

export function writeBinaryValue(writer: ByteWriter, type: number, value: Buffer): void {
  const fixed = FIXED_BYTES.get(type);
  if (fixed === undefined) writer.lenencBytes(value);
  else if (fixed === value.length) writer.put(value);
  else throw new RangeError(`a value of type ${type} has ${fixed} bytes`);
}

const UNSIGNED_FLAG = 0x80;

/** NULL bitmap, types (with names in query attributes), values: one block in several messages. */
export function readParameters(
  reader: ByteReader,
  count: number,
  named: boolean,
): BinaryParameter[] {
  const nulls = reader.take((count + 7) >> 3);
  if (reader.u8() !== 1) reader.fail('the parameters come without their types');
  const types: { type: number; unsigned: boolean; name: string }[] = [];
  for (let index = 0; index < count; index++) {
    const type = reader.u8();
    const unsigned = (reader.u8() & UNSIGNED_FLAG) !== 0;
    types.push({ type, unsigned, name: named ? reader.lenencText() : '' });
  }
  return types.map((parameter, index) => {
    const isNull = (((nulls[index >> 3] ?? 0) >> (index & 7)) & 1) === 1;
    return { ...parameter, value: isNull ? null : readBinaryValue(reader, parameter.type) };
  });
}

export function writeParameters(
  writer: ByteWriter,
  parameters: readonly BinaryParameter[],
  named: boolean,
): void {
  const nulls = Buffer.alloc((parameters.length + 7) >> 3);
  for (const [index, { value }] of parameters.entries()) {
    if (value === null) nulls[index >> 3] = (nulls[index >> 3] ?? 0) | (1 << (index & 7));
  }
  writer.put(nulls).u8(1);
  for (const { type, unsigned, name } of parameters) {
    writer.u8(type).u8(unsigned ? UNSIGNED_FLAG : 0);
    if (named) writer.lenencText(name);
  }
  for (const { type, value } of parameters) {
    if (value !== null) writeBinaryValue(writer, type, value);
  }
}
