// SPDX-License-Identifier: Apache-2.0
// Decodes what an OTLP/HTTP exporter posts, from opentelemetry-proto 1.x (collector/trace/v1,
// collector/metrics/v1, common/v1, resource/v1, trace/v1, metrics/v1), by hand and strictly: a
// field that is not in the tables, a wrong wire type or a message that is cut off throws.

type Scalar = 'string' | 'hex' | 'varint' | 'bool' | 'fixed64' | 'fixed32' | 'double';
interface Field {
  readonly name: string;
  readonly type: Scalar | Message;
  readonly many?: boolean;
}
type Message = Readonly<Record<number, Field>>;
export interface Decoded {
  readonly [name: string]: unknown;
}

const many = (name: string, type: Scalar | Message): Field => ({ name, type, many: true });
const one = (name: string, type: Scalar | Message): Field => ({ name, type });

const ARRAY: Record<number, Field> = {};
const ANY_VALUE: Message = {
  1: one('value', 'string'),
  2: one('value', 'bool'),
  3: one('value', 'varint'),
  4: one('value', 'double'),
  5: one('value', ARRAY),
};
ARRAY[1] = many('values', ANY_VALUE);
const KEY_VALUE: Message = { 1: one('key', 'string'), 2: one('value', ANY_VALUE) };
const RESOURCE: Message = { 1: many('attributes', KEY_VALUE), 2: one('dropped', 'varint') };
const SCOPE: Message = { 1: one('name', 'string'), 2: one('version', 'string') };
const EVENT: Message = {
  1: one('time', 'fixed64'),
  2: one('name', 'string'),
  3: many('attributes', KEY_VALUE),
  4: one('dropped', 'varint'),
};
const LINK: Message = {
  1: one('traceId', 'hex'),
  2: one('spanId', 'hex'),
  3: one('traceState', 'string'),
  4: many('attributes', KEY_VALUE),
  5: one('dropped', 'varint'),
  6: one('flags', 'fixed32'),
};
const SPAN: Message = {
  1: one('traceId', 'hex'),
  2: one('spanId', 'hex'),
  3: one('traceState', 'string'),
  4: one('parentSpanId', 'hex'),
  5: one('name', 'string'),
  6: one('kind', 'varint'),
  7: one('start', 'fixed64'),
  8: one('end', 'fixed64'),
  9: many('attributes', KEY_VALUE),
  10: one('droppedAttributes', 'varint'),
  11: many('events', EVENT),
  12: one('droppedEvents', 'varint'),
  13: many('links', LINK),
  14: one('droppedLinks', 'varint'),
  15: one('status', { 2: one('message', 'string'), 3: one('code', 'varint') }),
  16: one('flags', 'fixed32'),
};
const NUMBER_POINT: Message = {
  7: many('attributes', KEY_VALUE),
  2: one('start', 'fixed64'),
  3: one('time', 'fixed64'),
  4: one('value', 'double'),
  8: one('flags', 'varint'),
};
const HISTOGRAM_POINT: Message = {
  9: many('attributes', KEY_VALUE),
  2: one('start', 'fixed64'),
  3: one('time', 'fixed64'),
  4: one('count', 'fixed64'),
  5: one('sum', 'double'),
  6: many('counts', 'fixed64'),
  7: many('bounds', 'double'),
  10: one('flags', 'varint'),
};
const METRIC: Message = {
  1: one('name', 'string'),
  2: one('description', 'string'),
  3: one('unit', 'string'),
  5: one('gauge', { 1: many('points', NUMBER_POINT) }),
  7: one('sum', {
    1: many('points', NUMBER_POINT),
    2: one('temporality', 'varint'),
    3: one('monotonic', 'bool'),
  }),
  9: one('histogram', { 1: many('points', HISTOGRAM_POINT), 2: one('temporality', 'varint') }),
};
const request = (items: string, item: Message): Message => ({
  1: many('resources', {
    1: one('resource', RESOURCE),
    2: many('scopes', { 1: one('scope', SCOPE), 2: many(items, item), 3: one('schema', 'string') }),
    3: one('schema', 'string'),
  }),
});
export const TRACE_REQUEST = request('spans', SPAN);
export const METRICS_REQUEST = request('metrics', METRIC);

/** Attributes become an object; every other repeated field an array. */
export function decodeOtlp(bytes: Buffer, message: Message): Decoded {
  const found: Record<string, unknown> = {};
  for (const field of Object.values(message)) if (field.many) found[field.name] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at];
      if (byte === undefined || shift > 63n) throw new Error('a varint is cut off');
      at += 1;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return Number(BigInt.asIntN(64, value));
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    const field = message[tag >>> 3];
    if (!field) throw new Error(`field ${tag >>> 3} is not in the message`);
    const wire = tag & 7;
    const size = wire === 1 ? 8 : wire === 5 ? 4 : wire === 2 ? varint() : 0;
    if (wire === 0) {
      add(found, field, scalar(field, wire, varint()));
      continue;
    }
    if (at + size > bytes.length) throw new Error(`${field.name} is cut off`);
    const part = bytes.subarray(at, at + size);
    at += size;
    if (typeof field.type === 'object') add(found, field, nested(part, field.type, wire));
    else if (wire === 2 && field.many && field.type !== 'string') {
      for (let i = 0; i < part.length; i += 8) {
        add(found, field, scalar(field, 1, part.subarray(i, i + 8)));
      }
    } else add(found, field, scalar(field, wire, part));
  }
  return flattened(found);
}

function nested(part: Buffer, message: Message, wire: number): unknown {
  if (wire !== 2) throw new Error(`wire type ${wire} for a message`);
  const value = decodeOtlp(part, message);
  if (message === ANY_VALUE) return value['value'];
  return message === ARRAY ? value['values'] : value;
}

function scalar({ name, type }: Field, wire: number, raw: Buffer | number): unknown {
  if (typeof raw === 'number') {
    if (type === 'bool') return raw !== 0;
    if (type === 'varint') return raw;
  } else if (wire === 2) {
    if (type === 'string') return raw.toString('utf8');
    if (type === 'hex') return raw.toString('hex');
  } else if (wire === 1) {
    if (type === 'fixed64') return raw.readBigUInt64LE();
    if (type === 'double') return raw.readDoubleLE();
  } else if (wire === 5 && type === 'fixed32') return raw.readUInt32LE();
  throw new Error(`${name} has wire type ${wire}`);
}

function add(found: Record<string, unknown>, field: Field, value: unknown): void {
  if (field.many) (found[field.name] as unknown[]).push(value);
  else found[field.name] = value;
}

function flattened(found: Record<string, unknown>): Decoded {
  const pairs = found['attributes'] as { key: string; value: unknown }[] | undefined;
  if (!pairs) return found;
  const attributes = Object.fromEntries(pairs.map(({ key, value }) => [key, value]));
  if (Object.keys(attributes).length !== pairs.length) throw new Error('a key appears twice');
  return { ...found, attributes };
}
