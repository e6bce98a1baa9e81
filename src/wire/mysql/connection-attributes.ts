// SPDX-License-Identifier: Apache-2.0
import type { ByteReader } from '../bytes.ts';
import { ByteWriter } from '../bytes.ts';

/** What servers accept in all (performance_schema's limit of the protocol, 64 KiB). */
const MAX_ATTRIBUTES_BYTES = 65_536;

/**
 * Connection attributes: key/value pairs that the peer says about itself. Unverified. A repeated
 * key keeps its first value, so that a later one cannot cover what was said before.
 */
export function readAttributes(reader: ByteReader): Readonly<Record<string, string>> {
  const length = reader.lenencInt();
  if (length > MAX_ATTRIBUTES_BYTES) reader.fail('the connection attributes exceed 64 KiB');
  const end = reader.offset + length;
  if (end > reader.end) reader.fail('the connection attributes end early');
  const attributes = new Map<string, string>();
  while (reader.offset < end) {
    const key = reader.lenencText();
    const value = reader.lenencText();
    if (!attributes.has(key)) attributes.set(key, value);
  }
  if (reader.offset > end) reader.fail('an attribute crosses the end of the attributes');
  return Object.fromEntries(attributes);
}

export function writeAttributes(
  writer: ByteWriter,
  attributes: Readonly<Record<string, string>>,
): void {
  const pairs = new ByteWriter();
  for (const [key, value] of Object.entries(attributes)) pairs.lenencText(key).lenencText(value);
  writer.lenencBytes(pairs.finish());
}
