// SPDX-License-Identifier: Apache-2.0
import { ByteReader, ByteWriter } from '../bytes.ts';
import type { DownstreamPayload } from './payload.ts';

/**
 * LOCAL INFILE request, upstream to downstream: send me this file. The answer is the file in
 * packets that continue the sequence ids, closed by an empty packet.
 */
export interface LocalInfile {
  /** Bytes in the session's charset; a name the upstream chose, so to be distrusted. */
  readonly fileName: Buffer;
}

export const LOCAL_INFILE_HEADER = 0xfb;

export function decodeLocalInfile(payload: Buffer): LocalInfile {
  const reader = new ByteReader(payload, 'LOCAL INFILE request');
  if (reader.u8() !== LOCAL_INFILE_HEADER) reader.fail('the header is not 0xfb');
  return { fileName: reader.rest() };
}

export function encodeLocalInfile(request: LocalInfile): DownstreamPayload {
  return new ByteWriter()
    .u8(LOCAL_INFILE_HEADER)
    .put(request.fileName)
    .finish() as DownstreamPayload;
}
