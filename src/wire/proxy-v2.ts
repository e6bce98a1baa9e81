// SPDX-License-Identifier: Apache-2.0
import { ByteReader } from './bytes.ts';

/**
 * A PROXY protocol header, version 2: what a proxy that ended the connection of a peer says about
 * it. Only the command PROXY over TCP is read; LOCAL says nothing about anybody.
 * https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt section 2.2
 */
export interface ProxyHeader {
  readonly source: ProxyAddress;
  readonly destination: ProxyAddress;
  /** In their order; a type may come more than once. */
  readonly fields: readonly { readonly type: number; readonly value: Buffer }[];
}

export interface ProxyAddress {
  /** IPv6 in eight groups without leading zeros, and never a mapped IPv4 address. */
  readonly ip: string;
  readonly port: number;
}

const SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
const FIXED_BYTES = 16;
/** A SPIFFE id has 2048 bytes at most; the rest is addresses and what other proxies add. */
export const MAX_PROXY_HEADER_BYTES = 4_096;

const COMMAND_PROXY = 0x21;
const TCP_OVER_IPV4 = 0x11;
const TCP_OVER_IPV6 = 0x21;

/**
 * How many bytes the header has, or undefined while that is not known. Throws as soon as the bytes
 * cannot be the beginning of an acceptable one.
 */
export function proxyHeaderBytes(bytes: Buffer): number | undefined {
  const reader = new ByteReader(bytes, 'PROXY header');
  const known = Math.min(bytes.length, SIGNATURE.length);
  if (!bytes.subarray(0, known).equals(SIGNATURE.subarray(0, known))) {
    reader.fail('the signature of version 2 is not there');
  }
  if (bytes.length < FIXED_BYTES) return undefined;
  const total = FIXED_BYTES + bytes.readUInt16BE(14);
  if (total > MAX_PROXY_HEADER_BYTES) reader.fail(`it has ${total} bytes`);
  return total;
}

/** Reads a whole header and nothing behind it. Throws `malformed-message`. */
export function decodeProxyHeader(bytes: Buffer): ProxyHeader {
  const reader = new ByteReader(bytes, 'PROXY header');
  if (proxyHeaderBytes(bytes) !== bytes.length) reader.fail('its length is not what it says');
  reader.skip(SIGNATURE.length);
  const command = reader.u8();
  if (command === 0x20) reader.fail('the command LOCAL names no peer');
  if (command !== COMMAND_PROXY) reader.fail(`0x${command.toString(16)} is not PROXY, version 2`);
  const family = reader.u8();
  if (family !== TCP_OVER_IPV4 && family !== TCP_OVER_IPV6) {
    reader.fail(`family 0x${family.toString(16)} is not TCP over IPv4 or IPv6`);
  }
  reader.skip(2);
  const readIp = family === TCP_OVER_IPV4 ? readIpv4 : readIpv6;
  const [sourceIp, destinationIp] = [readIp(reader), readIp(reader)];
  const source = { ip: sourceIp, port: u16(reader) };
  const destination = { ip: destinationIp, port: u16(reader) };
  const fields: { type: number; value: Buffer }[] = [];
  while (reader.remaining > 0) {
    const type = reader.u8();
    fields.push({ type, value: reader.take(u16(reader)) });
  }
  return { source, destination, fields };
}

/** Network byte order, unlike everything else here. */
function u16(reader: ByteReader): number {
  return reader.take(2).readUInt16BE(0);
}

function readIpv4(reader: ByteReader): string {
  return [...reader.take(4)].join('.');
}

function readIpv6(reader: ByteReader): string {
  const bytes = reader.take(16);
  const isMapped = bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff;
  if (isMapped && bytes[11] === 0xff) return [...bytes.subarray(12)].join('.');
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2));
  return groups.map((group) => group.toString(16)).join(':');
}

/** The inverse, for proxies of ours and for tests. */
export function encodeProxyHeader(header: ProxyHeader): Buffer {
  const { source, destination, fields } = header;
  const isIpv4 = !source.ip.includes(':');
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(source.port, 0);
  ports.writeUInt16BE(destination.port, 2);
  const parts = [addressBytes(source.ip), addressBytes(destination.ip), ports];
  for (const { type, value } of fields) {
    const head = Buffer.of(type, value.length >>> 8, value.length & 0xff);
    parts.push(head, value);
  }
  const rest = Buffer.concat(parts);
  const fixed = Buffer.concat([SIGNATURE, Buffer.alloc(4)]);
  fixed.writeUInt8(COMMAND_PROXY, 12);
  fixed.writeUInt8(isIpv4 ? TCP_OVER_IPV4 : TCP_OVER_IPV6, 13);
  fixed.writeUInt16BE(rest.length, 14);
  return Buffer.concat([fixed, rest]);
}

function addressBytes(ip: string): Buffer {
  if (!ip.includes(':')) return Buffer.from(ip.split('.').map(Number));
  const bytes = Buffer.alloc(16);
  for (const [index, group] of ip.split(':').entries()) {
    bytes.writeUInt16BE(Number.parseInt(group, 16), index * 2);
  }
  return bytes;
}
