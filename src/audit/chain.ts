// SPDX-License-Identifier: Apache-2.0
import type { AuditEvent } from './record.ts';

/** Version of the line format; a reader refuses what it does not know. */
export const RECORD_VERSION = 1;

/** What the first record of a stream names as its predecessor. */
export const NO_HASH = '0'.repeat(64);

/** `,"hash":"` + 64 hex digits + `"}`: what is cut off a line to get the bytes that were hashed. */
export const HASH_SUFFIX_LENGTH = 75;

/** `,"prev":"` + 64 hex digits + `"`: the end of the hashed bytes, before their closing. */
export const PREV_LENGTH = 74;

/** The fields of the chain around an event. */
export interface ChainFields {
  readonly v: typeof RECORD_VERSION;
  readonly stream: string;
  /** From 1, without a gap within a stream. */
  readonly seq: number;
  /** RFC 3339 in UTC with milliseconds: when the record was written. */
  readonly time: string;
  /** `hash` of the record before it in the stream; 64 zeros in the first. */
  readonly prev: string;
  /** SHA-256 (hex) of the line up to and without `,"hash":...`. */
  readonly hash: string;
}

export type AuditRecord = ChainFields & AuditEvent;

/** Where a stream stands: its last record. */
export interface ChainPosition {
  readonly seq: number;
  readonly hash: string;
}

/** The end of a stream, as signed heads name it. */
export interface StreamPosition extends ChainPosition {
  readonly stream: string;
  readonly segment: string;
  /** Size of the segment up to and with this record. */
  readonly bytes: number;
}

export const CHAIN_START: ChainPosition = { seq: 0, hash: NO_HASH };

/** The start of every line of a stream up to its sequence number; verification compares it. */
export function linePrefix(stream: string): string {
  return `{"v":${RECORD_VERSION},"stream":"${stream}","seq":`;
}

/** What is hashed of the line behind `position`. */
export function chainedText(
  prefix: string,
  { seq, hash }: ChainPosition,
  time: string,
  eventFields: string,
): string {
  return `${prefix}${seq + 1},"time":"${time}",${eventFields},"prev":"${hash}"`;
}

/** The rest of a line, without its newline. */
export function hashSuffix(hash: string): string {
  return `,"hash":"${hash}"}`;
}
