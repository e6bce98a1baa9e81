// SPDX-License-Identifier: Apache-2.0
import { ByteReader, ByteWriter } from '../bytes.ts';
import {
  type Capabilities,
  CLIENT_MYSQL,
  CLIENT_PLUGIN_AUTH,
  CLIENT_SECURE_CONNECTION,
  hasCapability,
  splitCapabilities,
} from './capabilities.ts';
import type { DownstreamPayload } from './payload.ts';

/**
 * HandshakeV10, the greeting: upstream to downstream. `authData` is the scramble without its
 * closing NUL (20 bytes from every server in use).
 * https://mariadb.com/kb/en/connection/#initial-handshake-packet
 */
export interface Handshake {
  readonly serverVersion: string;
  readonly connectionId: number;
  readonly authData: Buffer;
  readonly capabilities: Capabilities;
  readonly charset: number;
  readonly status: number;
  readonly authPlugin: string;
}

const PROTOCOL_VERSION = 10;
const FIRST_AUTH_BYTES = 8;

export function decodeHandshake(payload: Buffer): Handshake {
  const reader = new ByteReader(payload, 'HandshakeV10');
  const version = reader.u8();
  if (version !== PROTOCOL_VERSION) reader.fail(`protocol version ${version} instead of 10`);
  const serverVersion = reader.nulText();
  const connectionId = reader.u32();
  const firstAuthData = reader.take(FIRST_AUTH_BYTES);
  reader.skip(1);
  const lower = reader.u16();
  const charset = reader.u8();
  const status = reader.u16();
  const base = lower + reader.u16() * 0x10000;
  const authDataBytes = reader.u8();
  reader.skip(6);
  const extended = reader.u32();
  const isMysql = hasCapability(BigInt(base), CLIENT_MYSQL);
  const capabilities = BigInt(base) | (isMysql ? 0n : BigInt(extended) << 32n);
  let authData = firstAuthData;
  if (hasCapability(capabilities, CLIENT_SECURE_CONNECTION)) {
    // The documents say max(13, length - 8) bytes, the last a NUL that belongs to no scramble.
    const second = reader.take(Math.max(13, authDataBytes - FIRST_AUTH_BYTES));
    const end = second.at(-1) === 0 ? second.length - 1 : second.length;
    authData = Buffer.concat([firstAuthData, second.subarray(0, end)]);
  }
  const authPlugin = hasCapability(capabilities, CLIENT_PLUGIN_AUTH) ? readPlugin(reader) : '';
  reader.finish();
  return { serverVersion, connectionId, authData, capabilities, charset, status, authPlugin };
}

/** MySQL before 5.5.10 and 5.6.2 forgot the NUL behind the name (Bug#59453). */
function readPlugin(reader: ByteReader): string {
  return reader.bytes.at(-1) === 0 ? reader.nulText() : reader.restText();
}

export function encodeHandshake(handshake: Handshake): DownstreamPayload {
  const { base, mariadb } = splitCapabilities(handshake.capabilities);
  const { authData } = handshake;
  if (authData.length < 20 || authData.length > 254) {
    throw new RangeError('a scramble has 20 to 254 bytes');
  }
  return new ByteWriter()
    .u8(PROTOCOL_VERSION)
    .nulText(handshake.serverVersion)
    .u32(handshake.connectionId)
    .put(authData.subarray(0, FIRST_AUTH_BYTES))
    .u8(0)
    .u16(base & 0xffff)
    .u8(handshake.charset)
    .u16(handshake.status)
    .u16(base >>> 16)
    .u8(authData.length + 1)
    .zeros(6)
    .u32(hasCapability(handshake.capabilities, CLIENT_MYSQL) ? 0 : mariadb)
    .put(authData.subarray(FIRST_AUTH_BYTES))
    .u8(0)
    .nulText(handshake.authPlugin)
    .finish() as DownstreamPayload;
}

const REPLICATION_PREFIX = '5.5.5-';

/**
 * MariaDB before 11 says `5.5.5-10.11.19-MariaDB` in the greeting, because old replicas refused a
 * first digit above 5; this is the version without that prefix, as `SELECT VERSION()` has it.
 */
export function plainServerVersion(serverVersion: string): string {
  return serverVersion.startsWith(REPLICATION_PREFIX) && serverVersion.includes('MariaDB')
    ? serverVersion.slice(REPLICATION_PREFIX.length)
    : serverVersion;
}
