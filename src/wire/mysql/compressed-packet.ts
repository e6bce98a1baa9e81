// SPDX-License-Identifier: Apache-2.0
import { ByteReader, ByteWriter } from '../bytes.ts';
import { MAX_PACKET_BYTES } from './framing.ts';

/**
 * The header around a piece of the stream under CLIENT_COMPRESS, in both directions. Pieces are cut
 * anywhere: what they hold, put together, are ordinary packets.
 * https://mariadb.com/kb/en/0-packet/#compressed-packet
 */
export interface CompressedHeader {
  /** As they travel behind the header. */
  readonly bodyBytes: number;
  /** Counted apart from the ids of the packets inside. */
  readonly sequence: number;
  /** Before compression; 0 when the body is not compressed. */
  readonly plainBytes: number;
}

export const COMPRESSED_HEADER_BYTES = 7;

export function decodeCompressedHeader(bytes: Buffer): CompressedHeader {
  const reader = new ByteReader(bytes, 'compressed packet header');
  const header = { bodyBytes: reader.u24(), sequence: reader.u8(), plainBytes: reader.u24() };
  reader.finish();
  if (header.bodyBytes === 0) reader.fail('it announces an empty body');
  if (header.plainBytes > header.bodyBytes * MAX_RATIO) reader.fail('no data shrinks so much');
  return header;
}

/** Deflate makes at most 258 bytes of 2 bits; a header that claims more lies. */
const MAX_RATIO = 1_040;

export function encodeCompressedHeader(header: CompressedHeader): Buffer {
  return new ByteWriter(COMPRESSED_HEADER_BYTES)
    .u24(header.bodyBytes)
    .u8(header.sequence)
    .u24(header.plainBytes)
    .finish();
}

/** A body never holds more. */
export const MAX_COMPRESSED_BYTES = MAX_PACKET_BYTES;
