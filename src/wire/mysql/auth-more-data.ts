// SPDX-License-Identifier: Apache-2.0
import { ByteReader, ByteWriter } from '../bytes.ts';
import type { DownstreamPayload } from './payload.ts';

/** AuthMoreData: a plugin goes on talking, upstream to downstream. */
export interface AuthMoreData {
  readonly data: Buffer;
}

export const AUTH_MORE_DATA_HEADER = 0x01;

export function decodeAuthMoreData(payload: Buffer): AuthMoreData {
  const reader = new ByteReader(payload, 'AuthMoreData');
  if (reader.u8() !== AUTH_MORE_DATA_HEADER) reader.fail('the header is not 0x01');
  return { data: reader.rest() };
}

export function encodeAuthMoreData(more: AuthMoreData): DownstreamPayload {
  return new ByteWriter().u8(AUTH_MORE_DATA_HEADER).put(more.data).finish() as DownstreamPayload;
}
