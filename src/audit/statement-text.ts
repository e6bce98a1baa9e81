// SPDX-License-Identifier: Apache-2.0
import { isUtf8 } from 'node:buffer';
import type { HashKeys } from './hash-key.ts';
import type { RequestIntent } from './record.ts';

/** Of a longer statement only so much is recorded, beside the hash of all of it. */
const MAX_RECORDED_BYTES = 65_536;

export type StatementMode = 'Text' | 'Normalised' | 'None';

/** What must be known of a statement; an `Analysis` is one. */
export interface StatementFacts {
  readonly features: { readonly mayHoldCredentials: boolean };
  /** Absent when the statement could not be analysed: then nothing is known to be a literal. */
  readonly normalised?: string;
}

/** The fields of an intent that speak of the text. */
export type StatementText = Pick<
  RequestIntent,
  'statement' | 'statementEncoding' | 'statementCutFrom' | 'statementBytes' | 'statementHash'
>;

/**
 * What the audit says of a statement's text, as `Target.audit.statements` asks for. A statement
 * whose literals may be credentials, and one that was not understood where literals are to be left
 * out, leaves only its length and its hash. `Text` is lossless: bytes that are no UTF-8 are recorded
 * one character per byte and marked.
 */
export function statementText(
  bytes: Buffer,
  facts: StatementFacts,
  mode: StatementMode,
  keys: HashKeys,
): StatementText {
  const statementHash = keys.hash(bytes);
  const { normalised } = facts;
  if (mode === 'Text' && mayBeRead(facts, mode)) return { ...exactText(bytes), statementHash };
  if (!mayBeRead(facts, mode) || normalised === undefined) {
    return { statementBytes: bytes.length, statementHash };
  }
  return { ...exactText(Buffer.from(normalised, 'utf8')), statementHash };
}

/** Whether a piece of the text, such as the place that was not understood, may be recorded. */
export function mayBeQuoted(facts: StatementFacts, mode: StatementMode): boolean {
  return mode === 'Text' && mayBeRead(facts, mode);
}

function mayBeRead({ features }: StatementFacts, mode: StatementMode): boolean {
  return mode !== 'None' && !features.mayHoldCredentials;
}

function exactText(bytes: Buffer): Omit<StatementText, 'statementHash'> {
  const utf8 = isUtf8(bytes);
  const end = utf8 ? utf8End(bytes, MAX_RECORDED_BYTES) : MAX_RECORDED_BYTES;
  return {
    statement: bytes.toString(utf8 ? 'utf8' : 'latin1', 0, end),
    ...(!utf8 && { statementEncoding: 'latin1' as const }),
    ...(bytes.length > end && { statementCutFrom: bytes.length }),
  };
}

/** The largest end up to `limit` that does not split a character. */
function utf8End(bytes: Buffer, limit: number): number {
  let end = Math.min(limit, bytes.length);
  while (end < bytes.length && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return end;
}
