// SPDX-License-Identifier: Apache-2.0
import type { Payload } from './payload.ts';

export const HEADER_BYTES = 4;
/** A packet of exactly this length is continued by the next one, which may be empty. */
export const MAX_PACKET_BYTES = 0xffffff;

/** How many packets a payload takes, and so how far the sequence id moves. */
export function packetCount(payloadBytes: number): number {
  return Math.floor(payloadBytes / MAX_PACKET_BYTES) + 1;
}

export function writeHeader(target: Buffer, at: number, length: number, sequence: number): void {
  target.writeUIntLE(length, at, 3);
  target.writeUInt8(sequence & 0xff, at + 3);
}

/** The payload as packets, ready to be written; `sequence` is the first packet's id. */
export function frame(payload: Payload, sequence: number): Buffer {
  const count = packetCount(payload.length);
  const framed = Buffer.allocUnsafe(payload.length + count * HEADER_BYTES);
  let at = 0;
  for (let index = 0; index < count; index++) {
    const start = index * MAX_PACKET_BYTES;
    const length = Math.min(payload.length - start, MAX_PACKET_BYTES);
    writeHeader(framed, at, length, sequence + index);
    payload.copy(framed, at + HEADER_BYTES, start, start + length);
    at += HEADER_BYTES + length;
  }
  return framed;
}
