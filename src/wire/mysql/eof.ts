// SPDX-License-Identifier: Apache-2.0
import { ByteReader, ByteWriter } from '../bytes.ts';
import type { DownstreamPayload } from './payload.ts';

/** EOF, as sent without CLIENT_DEPRECATE_EOF: upstream to downstream. */
export interface Eof {
  readonly warnings: number;
  readonly status: number;
}

export const EOF_HEADER = 0xfe;
export const EOF_BYTES = 5;

export function decodeEof(payload: Buffer): Eof {
  const reader = new ByteReader(payload, 'EOF');
  if (reader.u8() !== EOF_HEADER) reader.fail('the header is not 0xfe');
  const eof = { warnings: reader.u16(), status: reader.u16() };
  reader.finish();
  return eof;
}

export function encodeEof(eof: Eof): DownstreamPayload {
  return new ByteWriter(16)
    .u8(EOF_HEADER)
    .u16(eof.warnings)
    .u16(eof.status)
    .finish() as DownstreamPayload;
}
