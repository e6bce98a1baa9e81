// SPDX-License-Identifier: Apache-2.0
import { ByteReader, ByteWriter } from '../bytes.ts';
import { type BinaryParameter, readParameters, writeParameters } from './binary-value.ts';
import { type Capabilities, CLIENT_QUERY_ATTRIBUTES, hasCapability } from './capabilities.ts';
import { COM } from './commands.ts';
import type { UpstreamPayload } from './payload.ts';

/**
 * COM_QUERY: downstream to upstream. The statement stays bytes: only the session's charset says
 * what they mean. `attributes` need MySQL's CLIENT_QUERY_ATTRIBUTES.
 * https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query.html
 */
export interface ComQuery {
  readonly statement: Buffer;
  readonly attributes: readonly BinaryParameter[];
}

/** MySQL takes no more placeholders either; stops a count from making us allocate. */
const MAX_ATTRIBUTES = 65_535;

export function decodeComQuery(payload: Buffer, capabilities: Capabilities): ComQuery {
  const reader = new ByteReader(payload, 'COM_QUERY');
  if (reader.u8() !== COM.COM_QUERY) reader.fail('the command is not 0x03');
  if (!hasCapability(capabilities, CLIENT_QUERY_ATTRIBUTES)) {
    return { statement: reader.rest(), attributes: [] };
  }
  const count = reader.lenencInt();
  if (count > MAX_ATTRIBUTES) reader.fail(`${count} query attributes are too many`);
  if (reader.lenencInt() !== 1) reader.fail('there is not exactly one parameter set');
  const attributes = count > 0 ? readParameters(reader, count, true) : [];
  return { statement: reader.rest(), attributes };
}

export function encodeComQuery(query: ComQuery, capabilities: Capabilities): UpstreamPayload {
  const writer = new ByteWriter(query.statement.length + 16).u8(COM.COM_QUERY);
  if (hasCapability(capabilities, CLIENT_QUERY_ATTRIBUTES)) {
    writer.lenencInt(query.attributes.length).lenencInt(1);
    if (query.attributes.length > 0) writeParameters(writer, query.attributes, true);
  }
  return writer.put(query.statement).finish() as UpstreamPayload;
}
