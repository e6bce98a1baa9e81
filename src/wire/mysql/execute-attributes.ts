// SPDX-License-Identifier: Apache-2.0
import { ByteReader, ByteWriter } from '../bytes.ts';
import { type BinaryParameter, binaryValueBytes, readBinaryValue } from './binary-value.ts';
import { EXECUTE_HEAD_BYTES, PARAMETER_COUNT_AVAILABLE } from './com-stmt-execute.ts';
import type { UpstreamPayload } from './payload.ts';

/** COM_STMT_EXECUTE under CLIENT_QUERY_ATTRIBUTES, taken apart. */
export interface AttributedExecute {
  /** The same command as it is without that capability. */
  readonly plain: UpstreamPayload;
  readonly attributes: readonly BinaryParameter[];
}

/** As in COM_QUERY. */
const MAX_PARAMETERS = 65_535 * 2;
const FLAGS_AT = 5;

/**
 * Downstream to upstream. The statement's own parameters come first, the attributes behind them as
 * further ones with names. `sentAhead` are parameters whose values are not in the message.
 * https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_stmt_execute.html
 */
export function decodeAttributedExecute(
  payload: Buffer,
  parameters: number,
  sentAhead: ReadonlySet<number>,
): AttributedExecute {
  const reader = new ByteReader(payload, 'COM_STMT_EXECUTE', EXECUTE_HEAD_BYTES);
  if (payload.length < EXECUTE_HEAD_BYTES) reader.fail('it ends early');
  const head = Buffer.from(payload.subarray(0, EXECUTE_HEAD_BYTES));
  const flags = head.readUInt8(FLAGS_AT);
  head.writeUInt8(flags & ~PARAMETER_COUNT_AVAILABLE, FLAGS_AT);
  const writer = new ByteWriter(payload.length).put(head);
  const finish = (attributes: readonly BinaryParameter[]): AttributedExecute => ({
    plain: writer.finish() as UpstreamPayload,
    attributes,
  });
  if (parameters === 0 && (flags & PARAMETER_COUNT_AVAILABLE) === 0) {
    reader.finish();
    return finish([]);
  }
  const count = reader.lenencInt();
  if (count < parameters || count > MAX_PARAMETERS) {
    reader.fail(`${count} parameters for a statement with ${parameters}`);
  }
  if (count === 0) {
    reader.finish();
    return finish([]);
  }
  const nulls = reader.take((count + 7) >> 3);
  const typed = reader.u8();
  if (parameters > 0) writer.put(firstBits(nulls, parameters)).u8(typed);
  if (typed === 0) {
    if (count > parameters) reader.fail('attributes come without their types');
    writer.put(reader.rest());
    return finish([]);
  }
  if (typed !== 1) reader.fail(`${typed} is neither 0 nor 1`);
  const types = readTypes(reader, count);
  for (const { type, flag } of types.slice(0, parameters)) writer.u8(type).u8(flag);
  if (count === parameters) {
    writer.put(reader.rest());
    return finish([]);
  }
  const values = reader.offset;
  for (let index = 0; index < parameters; index++) {
    if (isNull(nulls, index) || sentAhead.has(index)) continue;
    reader.skip(binaryValueBytes(reader, types[index]?.type ?? 0));
  }
  writer.put(payload.subarray(values, reader.offset));
  const attributes = types.slice(parameters).map(({ type, flag, name }, index) => {
    const value = isNull(nulls, parameters + index) ? null : readBinaryValue(reader, type);
    return { type, unsigned: flag !== 0, name, value };
  });
  reader.finish();
  return finish(attributes);
}

function readTypes(reader: ByteReader, count: number) {
  const types: { type: number; flag: number; name: string }[] = [];
  for (let index = 0; index < count; index++) {
    types.push({ type: reader.u8(), flag: reader.u8(), name: reader.lenencText() });
  }
  return types;
}

function isNull(nulls: Buffer, index: number): boolean {
  return (((nulls[index >> 3] ?? 0) >> (index & 7)) & 1) === 1;
}

/** The bitmap of the first `count` alone. */
function firstBits(bitmap: Buffer, count: number): Buffer {
  const bits = Buffer.from(bitmap.subarray(0, (count + 7) >> 3));
  const last = bits.length - 1;
  const used = count & 7;
  if (used !== 0) bits.writeUInt8(bits.readUInt8(last) & ((1 << used) - 1), last);
  return bits;
}
