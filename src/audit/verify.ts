// SPDX-License-Identifier: Apache-2.0
import { hash as digest, type KeyObject } from 'node:crypto';
import { type Fault, FaultList } from './fault.ts';
import { PUBLIC_KEY_FILE } from './heads.ts';
import { readPublicKeys } from './signing-key.ts';
import { type AuditSource, POLICIES_DIRECTORY } from './source.ts';
import { checkHeads, type HeadMark, namedPositions, readWitness } from './verify-heads.ts';
import { type CheckedStream, type PolicyInForce, StreamCheck } from './verify-stream.ts';

export interface VerifyOptions {
  /** Heads kept elsewhere: what they name cannot be cut off or replaced unnoticed. */
  readonly witness?: { readonly file: string; readonly chunks: Iterable<Buffer> };
  /** Public keys (PEM) to trust instead of those beside the audit. */
  readonly trustedKeys?: string;
}

export interface VerifiedStream extends Omit<CheckedStream, 'policies'> {
  /** Records after the last signed (and, with a witness, witnessed) head: not yet protected. */
  readonly openWindow: number;
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
    if (!present.has(stream)) {
      faults.add('head-unmet', stream, 0, 'the whole stream is missing');
      continue;
    }
    const positions = named ? namedPositions(source, stream, named) : [];
    const checked = new StreamCheck(source, stream, positions, faults).run();
    const protectedAt = witness ? named?.lastWitnessed : named?.lastSigned;
    const { policies, ...rest } = checked;
    for (const policy of policies) {
      inForce.set(`${policy.revision} ${policy.sources}`, policy);
    }
    streams.push({
      ...rest,
      openWindow: Math.max(0, checked.lastSeq - (protectedAt?.seq ?? 0)),
      signed: named !== undefined,
    });
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
  };
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
