// SPDX-License-Identifier: Apache-2.0
import { ByteReader, ByteWriter } from '../bytes.ts';
import {
  type Capabilities,
  CLIENT_CONNECT_ATTRS,
  CLIENT_PLUGIN_AUTH,
  hasCapability,
} from './capabilities.ts';
import { COM } from './commands.ts';
import { readAttributes, writeAttributes } from './connection-attributes.ts';
import type { UpstreamPayload } from './payload.ts';

/**
 * COM_CHANGE_USER, a new login on the same connection: downstream to upstream. The server may
 * answer with an AuthSwitchRequest. https://mariadb.com/kb/en/com_change_user/
 */
export interface ComChangeUser {
  readonly user: string;
  readonly authResponse: Buffer;
  /** Empty for none. */
  readonly database: string;
  /** Absent when the message stops before it, as it may. */
  readonly charset?: number;
  readonly authPlugin: string;
  readonly attributes: Readonly<Record<string, string>>;
}

export function decodeComChangeUser(payload: Buffer, capabilities: Capabilities): ComChangeUser {
  const reader = new ByteReader(payload, 'COM_CHANGE_USER');
  if (reader.u8() !== COM.COM_CHANGE_USER) reader.fail('the command is not 0x11');
  const user = reader.nulText();
  const authResponse = reader.take(reader.u8());
  const database = reader.nulText();
  if (reader.remaining === 0) {
    return { user, authResponse, database, authPlugin: '', attributes: {} };
  }
  const charset = reader.u16();
  const more = { user, authResponse, database, charset };
  const withPlugin = hasCapability(capabilities, CLIENT_PLUGIN_AUTH) && reader.remaining > 0;
  const authPlugin = withPlugin ? reader.nulText() : '';
  const withAttributes = hasCapability(capabilities, CLIENT_CONNECT_ATTRS) && reader.remaining > 0;
  const attributes = withAttributes ? readAttributes(reader) : {};
  return { ...more, authPlugin, attributes };
}

export function encodeComChangeUser(
  command: ComChangeUser,
  capabilities: Capabilities,
): UpstreamPayload {
  const writer = new ByteWriter()
    .u8(COM.COM_CHANGE_USER)
    .nulText(command.user)
    .u8(command.authResponse.length)
    .put(command.authResponse)
    .nulText(command.database);
  if (command.charset === undefined) return writer.finish() as UpstreamPayload;
  writer.u16(command.charset);
  if (hasCapability(capabilities, CLIENT_PLUGIN_AUTH)) writer.nulText(command.authPlugin);
  if (hasCapability(capabilities, CLIENT_CONNECT_ATTRS)) {
    writeAttributes(writer, command.attributes);
  }
  return writer.finish() as UpstreamPayload;
}
