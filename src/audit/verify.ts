// SPDX-License-Identifier: Apache-2.0
import { hash as digest, type KeyObject } from 'node:crypto';
import { type Fault, FaultList } from './fault.ts';
import { HEADS_FILE, PUBLIC_KEY_FILE } from './heads.ts';
import { readPublicKeys } from './signing-key.ts';
import { type AuditSource, POLICIES_DIRECTORY } from './source.ts';
import {
  checkHeads,
  type HeadMark,
  type NamedStream,
  namedPositions,
  type RetiredNote,
  readWitness,
} from './verify-heads.ts';
import { type CheckedStream, type PolicyInForce, StreamCheck } from './verify-stream.ts';

export interface VerifyOptions {
  /** Heads kept elsewhere: what they name cannot be cut off or replaced unnoticed. */
  readonly witness?: { readonly file: string; readonly chunks: Iterable<Buffer> };
  /** Public keys (PEM) to trust instead of those beside the audit. */
  readonly trustedKeys?: string;
  /** What the auditor expects: records that were removed sooner are a fault. */
  readonly leastRetentionMs?: number;
}

export interface VerifiedStream extends Omit<CheckedStream, 'policies'> {
  readonly signed: boolean;
}

export interface Verification {
  readonly faults: readonly Fault[];
  /** May exceed `faults.length`. */
  readonly faultCount: number;
  readonly records: number;
  readonly streams: readonly VerifiedStream[];
  readonly heads: number;
  readonly lastHead?: HeadMark;
  readonly lastWitnessed?: HeadMark;
  /** What was removed because its retention was over. */
  readonly retired: readonly RetiredNote[];
}

/**
 * Reads everything once and reports every fault. Memory does not grow with the records. What it
 * cannot see: a cut within the open window, which is why heads go to a witness.
 */
export function verifyAudit(source: AuditSource, options: VerifyOptions = {}): Verification {
  const faults = new FaultList();
  const keys = publicKeys(source, options.trustedKeys, faults);
  const witness = options.witness && readWitness(options.witness.file, options.witness.chunks);
  const heads = checkHeads(source, keys, witness, faults);
  const streams: VerifiedStream[] = [];
  const inForce = new Map<string, PolicyInForce>();
  const names = new Set([...source.streams(), ...heads.streams.keys()]);
  const present = new Set(source.streams());
  for (const stream of [...names].sort()) {
    const named = heads.streams.get(stream);
    const retired = heads.retired.get(stream);
    if (retired) checkRetired(source, retired, named, options.leastRetentionMs, faults);
    if (!present.has(stream)) {
      const gone = retired && named && named.lastSigned.seq <= retired.seq;
      if (!gone) faults.add('head-unmet', stream, 0, 'the whole stream is missing');
      continue;
    }
    const positions = named ? namedPositions(source, stream, named) : [];
    const protectedSeq = (witness ? named?.lastWitnessed : named?.lastSigned)?.seq ?? 0;
    const facts = { protectedSeq, ...(retired && { retired }) };
    const { policies, ...rest } = new StreamCheck(source, stream, positions, facts, faults).run();
    for (const policy of policiesOf(retired)) {
      inForce.set(`${policy.revision} ${policy.sources}`, policy);
    }
    for (const policy of policies) {
      inForce.set(`${policy.revision} ${policy.sources}`, policy);
    }
    streams.push({ ...rest, signed: named !== undefined });
  }
  checkPolicies(source, inForce.values(), faults);
  return {
    faults: faults.faults,
    faultCount: faults.count,
    records: streams.reduce((sum, { records }) => sum + records, 0),
    streams,
    heads: heads.count,
    ...(heads.last && { lastHead: heads.last }),
    ...(heads.lastWitnessed && { lastWitnessed: heads.lastWitnessed }),
    retired: [...heads.retired.values()],
  };
}

/** Records are written a little before the head that names them, and clocks are set. */
const CLOCK_SLACK_MS = 60_000;

/** That what was removed had been kept as long as it is said, as far as heads can tell. */
function checkRetired(
  source: AuditSource,
  note: RetiredNote,
  named: NamedStream | undefined,
  leastMs: number | undefined,
  faults: FaultList,
): void {
  const { stream, seq, time, retention, head } = note;
  const removedAt = Date.parse(note.headTime);
  const wanted = Math.max(retention, leastMs ?? 0);
  let early = !(removedAt - Date.parse(time) >= wanted);
  // The last head before the newest record that was removed: the record cannot be older.
  for (const position of named ? namedPositions(source, stream, named) : []) {
    if (position.seq >= seq) break;
    early ||= Date.parse(position.headTime) - CLOCK_SLACK_MS > Date.parse(time);
  }
  if (early) faults.add('retired-early', stream, 0, `head ${head}, up to record ${seq}`);
}

function policiesOf(retired: RetiredNote | undefined): readonly PolicyInForce[] {
  const { policies = [], head = 0 } = retired ?? {};
  return policies.map((kept) => ({ ...kept, file: `${HEADS_FILE} head ${head}`, line: 0 }));
}

function publicKeys(
  source: AuditSource,
  trusted: string | undefined,
  faults: FaultList,
): ReadonlyMap<string, KeyObject> {
  const kept = source.exists(PUBLIC_KEY_FILE);
  const pem =
    trusted ?? (kept ? Buffer.concat([...source.chunks(PUBLIC_KEY_FILE)]).toString() : '');
  try {
    return readPublicKeys(pem);
  } catch {
    faults.add('head-key', PUBLIC_KEY_FILE, 0, 'not a public key');
    return new Map();
  }
}

/** A policy that was in force is kept as it was when its record was written (invariant 8). */
function checkPolicies(
  source: AuditSource,
  policies: Iterable<PolicyInForce>,
  faults: FaultList,
): void {
  for (const { revision, sources, file, line } of policies) {
    const kept = `${POLICIES_DIRECTORY}/${revision}.json`;
    const from = `${file}:${line}`;
    if (!source.exists(kept)) faults.add('policy-missing', kept, 0, from);
    else if (digest('sha256', Buffer.concat([...source.chunks(kept)]), 'hex') !== sources) {
      faults.add('policy-changed', kept, 0, from);
    }
  }
}
