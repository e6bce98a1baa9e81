// SPDX-License-Identifier: Apache-2.0
import { ByteReader, ByteWriter } from '../bytes.ts';
import {
  type Capabilities,
  CLIENT_CONNECT_ATTRS,
  CLIENT_CONNECT_WITH_DB,
  CLIENT_MYSQL,
  CLIENT_PLUGIN_AUTH,
  CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA,
  CLIENT_PROTOCOL_41,
  CLIENT_SECURE_CONNECTION,
  CLIENT_ZSTD_COMPRESSION_ALGORITHM,
  hasCapability,
  joinCapabilities,
  splitCapabilities,
} from './capabilities.ts';
import { readAttributes, writeAttributes } from './connection-attributes.ts';
import type { UpstreamPayload } from './payload.ts';

/**
 * HandshakeResponse41, the login: downstream to upstream. The older response without
 * CLIENT_PROTOCOL_41 is refused.
 * https://mariadb.com/kb/en/connection/#client-handshake-response
 */
export interface HandshakeResponse {
  readonly capabilities: Capabilities;
  readonly maxPacketBytes: number;
  readonly charset: number;
  readonly user: string;
  readonly authResponse: Buffer;
  /** Present when CLIENT_CONNECT_WITH_DB is set and the name is not empty. */
  readonly database?: string;
  /** Empty when CLIENT_PLUGIN_AUTH is not set. */
  readonly authPlugin: string;
  readonly attributes: Readonly<Record<string, string>>;
}

export interface ResponseHead {
  readonly capabilities: Capabilities;
  readonly maxPacketBytes: number;
  readonly charset: number;
}

/** The 32 bytes that SSLRequest and HandshakeResponse41 have in common. */
export function readCapabilities(reader: ByteReader): ResponseHead {
  const base = reader.u32();
  if (!hasCapability(BigInt(base), CLIENT_PROTOCOL_41)) {
    reader.fail('CLIENT_PROTOCOL_41 is not set');
  }
  const maxPacketBytes = reader.u32();
  const charset = reader.u8();
  reader.skip(19);
  return { capabilities: joinCapabilities(base, reader.u32()), maxPacketBytes, charset };
}

export function writeCapabilities(writer: ByteWriter, head: ResponseHead): void {
  const { base, mariadb } = splitCapabilities(head.capabilities);
  const isMysql = hasCapability(head.capabilities, CLIENT_MYSQL);
  writer
    .u32(base)
    .u32(head.maxPacketBytes)
    .u8(head.charset)
    .zeros(19)
    .u32(isMysql ? 0 : mariadb);
}

export function decodeHandshakeResponse(payload: Buffer): HandshakeResponse {
  const reader = new ByteReader(payload, 'HandshakeResponse41');
  const head = readCapabilities(reader);
  const user = reader.nulText();
  const authResponse = readAuthResponse(reader, head.capabilities);
  // Every part from here on may be missing altogether: old drivers stop early with the flag set.
  const database = readOptionalText(reader, head.capabilities, CLIENT_CONNECT_WITH_DB);
  const authPlugin = readOptionalText(reader, head.capabilities, CLIENT_PLUGIN_AUTH);
  const withAttributes = hasCapability(head.capabilities, CLIENT_CONNECT_ATTRS);
  const attributes = withAttributes && reader.remaining > 0 ? readAttributes(reader) : {};
  if (hasCapability(head.capabilities, CLIENT_ZSTD_COMPRESSION_ALGORITHM) && reader.remaining > 0) {
    reader.skip(1);
  }
  // Servers ignore what may follow, and so do we: nothing of this message is passed on.
  return { ...head, user, authResponse, ...(database && { database }), authPlugin, attributes };
}

function readAuthResponse(reader: ByteReader, capabilities: Capabilities): Buffer {
  if (hasCapability(capabilities, CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA)) {
    return reader.lenencBytes();
  }
  if (hasCapability(capabilities, CLIENT_SECURE_CONNECTION)) return reader.take(reader.u8());
  return reader.nulBytes();
}

function readOptionalText(
  reader: ByteReader,
  capabilities: Capabilities,
  flag: Capabilities,
): string {
  if (!hasCapability(capabilities, flag) || reader.remaining === 0) return '';
  return reader.nulText();
}

/** The flags decide which parts are written; a part without its flag is a mistake of the caller. */
export function encodeHandshakeResponse(response: HandshakeResponse): UpstreamPayload {
  const { capabilities, database, authResponse } = response;
  const writer = new ByteWriter(256);
  writeCapabilities(writer, response);
  writer.nulText(response.user);
  if (hasCapability(capabilities, CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA)) {
    writer.lenencBytes(authResponse);
  } else {
    writer.u8(authResponse.length).put(authResponse);
  }
  if (hasCapability(capabilities, CLIENT_CONNECT_WITH_DB)) writer.nulText(database ?? '');
  if (hasCapability(capabilities, CLIENT_PLUGIN_AUTH)) writer.nulText(response.authPlugin);
  if (hasCapability(capabilities, CLIENT_CONNECT_ATTRS)) {
    writeAttributes(writer, response.attributes);
  }
  return writer.finish() as UpstreamPayload;
}
