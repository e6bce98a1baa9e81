// SPDX-License-Identifier: Apache-2.0
import { createHash, hash as digest, type KeyObject, sign, verify } from 'node:crypto';
import { NO_HASH, type StreamPosition } from './chain.ts';

export const HEADS_FILE = 'heads.jsonl';
export const PUBLIC_KEY_FILE = 'signing-key.pub.pem';

const HEAD_VERSION = 1;

/** `,"signature":"` + base64 of 64 bytes + `"}`: what follows the signed bytes of a line. */
const SIGNATURE_SUFFIX_LENGTH = 104;

/**
 * What was removed of a stream because its retention was over. Signed before anything is deleted,
 * so that verification can tell it from what somebody else deleted.
 */
export interface RetiredStream {
  readonly stream: string;
  /** The last record that was removed, and its hash: what the first kept one links to. */
  readonly seq: number;
  readonly hash: string;
  /** RFC 3339: the newest time of a record that was removed. */
  readonly time: string;
  /** Milliseconds: the longest retention of any target whose records were removed. */
  readonly retention: number;
  /** Revisions that may still be meant by the records that follow, with their `sources`. */
  readonly policies: readonly { readonly revision: string; readonly sources: string }[];
}

/** What the signer vouches for: the ends of all streams that are being written. */
export interface Head {
  readonly v: typeof HEAD_VERSION;
  /** From 1, without a gap. */
  readonly head: number;
  /** RFC 3339, the signer's clock. */
  readonly time: string;
  /** SHA-256 (hex) of the public key's SPKI (DER). */
  readonly key: string;
  readonly streams: readonly StreamPosition[];
  /** Absent when this head retires nothing. */
  readonly retired?: readonly RetiredStream[];
  /** The last head that is removed with all before it. Absent when none is. */
  readonly retiredHeads?: HeadPosition;
  /** SHA-256 (hex) of the whole line before, without its newline; 64 zeros in the first. */
  readonly prev: string;
  /** Ed25519 over the line up to and without `,"signature":...`, base64. */
  readonly signature: string;
}

/** Where the chain of heads stands. */
export interface HeadPosition {
  readonly head: number;
  readonly hash: string;
}

/** What a head says is removed because it is kept no longer. */
export interface Retirement {
  readonly retired?: readonly RetiredStream[];
  readonly retiredHeads?: HeadPosition | undefined;
}

export const HEADS_START: HeadPosition = { head: 0, hash: NO_HASH };

export function keyId(publicKey: KeyObject): string {
  return createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex');
}

export function headHash(line: string): string {
  return digest('sha256', line, 'hex');
}

/** The next line of `heads.jsonl`, without its newline. */
export function signHead(
  after: HeadPosition,
  time: string,
  streams: readonly StreamPosition[],
  key: { readonly id: string; readonly privateKey: KeyObject },
  { retired = [], retiredHeads }: Retirement = {},
): string {
  const named = streams.map(({ stream, seq, hash, segment, bytes }) => ({
    stream,
    seq,
    hash,
    segment,
    bytes,
  }));
  const body = JSON.stringify({
    v: HEAD_VERSION,
    head: after.head + 1,
    time,
    key: key.id,
    streams: named,
    ...(retired.length > 0 && { retired }),
    ...(retiredHeads && { retiredHeads }),
    prev: after.hash,
  }).slice(0, -1);
  const signature = sign(null, Buffer.from(body), key.privateKey).toString('base64');
  return `${body},"signature":"${signature}"}`;
}

/** The line as a head; undefined when it is not one. The signature is not looked at. */
export function parseHead(line: string): Head | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  return isHead(value) ? value : undefined;
}

export function signatureHolds(line: string, head: Head, publicKey: KeyObject): boolean {
  const body = line.slice(0, -SIGNATURE_SUFFIX_LENGTH);
  const signature = Buffer.from(head.signature, 'base64');
  // Base64 has several spellings of one signature; only the one that was written is accepted.
  const suffix = `,"signature":"${signature.toString('base64')}"}`;
  if (line.slice(-SIGNATURE_SUFFIX_LENGTH) !== suffix) return false;
  return verify(null, Buffer.from(body), publicKey, signature);
}

function isHead(value: unknown): value is Head {
  const head = value as Partial<Head> | null;
  return (
    typeof head === 'object' &&
    head !== null &&
    head.v === HEAD_VERSION &&
    Number.isSafeInteger(head.head) &&
    [head.time, head.key, head.prev, head.signature].every((text) => typeof text === 'string') &&
    Array.isArray(head.streams) &&
    head.streams.every(isStreamPosition) &&
    (head.retired === undefined ||
      (Array.isArray(head.retired) && head.retired.every(isRetiredStream))) &&
    (head.retiredHeads === undefined || isHeadPosition(head.retiredHeads))
  );
}

function isHeadPosition(value: unknown): value is HeadPosition {
  const at = value as Partial<HeadPosition> | null;
  return Number.isSafeInteger(at?.head) && typeof at?.hash === 'string';
}

function isRetiredStream(value: unknown): value is RetiredStream {
  const at = value as Partial<RetiredStream> | null;
  return (
    typeof at === 'object' &&
    at !== null &&
    [at.stream, at.hash, at.time].every((text) => typeof text === 'string') &&
    Number.isSafeInteger(at.seq) &&
    Number.isSafeInteger(at.retention) &&
    Array.isArray(at.policies) &&
    at.policies.every(
      (kept: Partial<RetiredStream['policies'][number]> | null) =>
        typeof kept?.revision === 'string' && typeof kept.sources === 'string',
    )
  );
}

export function isStreamPosition(value: unknown): value is StreamPosition {
  const at = value as Partial<StreamPosition> | null;
  return (
    typeof at === 'object' &&
    at !== null &&
    [at.stream, at.hash, at.segment].every((text) => typeof text === 'string') &&
    Number.isSafeInteger(at.seq) &&
    Number.isSafeInteger(at.bytes)
  );
}
