// SPDX-License-Identifier: Apache-2.0
import { ByteReader, ByteWriter } from '../bytes.ts';
import { type Capabilities, CLIENT_SSL, hasCapability } from './capabilities.ts';
import { readCapabilities, writeCapabilities } from './handshake-response.ts';
import type { UpstreamPayload } from './payload.ts';

/** The head of a HandshakeResponse41, sent alone to ask for TLS: downstream to upstream. */
export interface SslRequest {
  readonly capabilities: Capabilities;
  readonly maxPacketBytes: number;
  readonly charset: number;
}

const SSL_REQUEST_BYTES = 32;

/** Tells it from a HandshakeResponse41, which is longer and comes in the same place. */
export function isSslRequest(payload: Buffer): boolean {
  return (
    payload.length === SSL_REQUEST_BYTES &&
    hasCapability(BigInt(payload.readUInt32LE(0)), CLIENT_SSL)
  );
}

export function decodeSslRequest(payload: Buffer): SslRequest {
  const reader = new ByteReader(payload, 'SSLRequest');
  const request = readCapabilities(reader);
  if (!hasCapability(request.capabilities, CLIENT_SSL)) reader.fail('CLIENT_SSL is not set');
  reader.finish();
  return request;
}

export function encodeSslRequest(request: SslRequest): UpstreamPayload {
  const writer = new ByteWriter(SSL_REQUEST_BYTES);
  writeCapabilities(writer, request);
  return writer.finish() as UpstreamPayload;
}
