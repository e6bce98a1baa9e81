// SPDX-License-Identifier: Apache-2.0

/** What verification found wrong, each with one sentence on what it means. */
export const FAULT_MEANINGS = {
  'file-unexpected': 'a file that Postern does not write here',
  'record-malformed': 'not a record of this stream: the line was edited, moved or damaged',
  'record-changed': 'the content does not match its hash: the record was edited',
  'record-unlinked':
    'it does not follow the record before it: something was removed, added or moved',
  'record-number': 'the numbering has a gap or goes back: something was removed, added or moved',
  'stream-start': 'a stream must begin with record 1, "gateway started"',
  'segment-name': 'a segment must be named after its first record',
  'segment-torn': 'it ends inside a line although a later segment exists',
  'segment-empty': 'it is empty although a later segment exists',
  'head-missing': 'there are public keys but no signed heads: the file was removed',
  'head-malformed': 'not a head: the line was edited or damaged',
  'head-number': 'the numbering of heads has a gap or goes back',
  'head-unlinked': 'it does not follow the head before it: a head was removed, added or moved',
  'head-key': 'signed by a key that is not among the public keys',
  'head-signature': 'the signature does not hold: the head was edited or forged',
  'head-unmet': 'a signed head names a record that is not there as it was signed',
  'retired-early': 'records were removed as if their retention had been over; it was not',
  'witness-empty': 'the witness holds no head',
  'witness-differs': 'the witnessed head is not the one kept here: heads were replaced',
  'witness-ahead': 'the witness saw a head that is not kept here: the end was cut off',
  'witness-forked': 'the witness saw two heads of one number: somebody else signed as well',
  'witness-gap': 'heads are missing in the witness: they were removed there, or edited',
  'policy-missing': 'the policy that was in force is not kept any more',
  'policy-changed': 'the kept policy is not the one that was in force',
} as const;

export type FaultCode = keyof typeof FAULT_MEANINGS;

export interface Fault {
  readonly code: FaultCode;
  /** Relative to the audit directory. */
  readonly file: string;
  /** From 1; 0 when it concerns the file as a whole. */
  readonly line: number;
  readonly meaning: string;
}

/** Beyond this many only the count goes on: one missing line can unhinge a million. */
const MAX_KEPT = 1_000;

export class FaultList {
  readonly faults: Fault[] = [];
  count = 0;

  add(code: FaultCode, file: string, line: number, detail?: string): void {
    this.count += 1;
    if (this.faults.length >= MAX_KEPT) return;
    const meaning = FAULT_MEANINGS[code];
    this.faults.push({ code, file, line, meaning: detail ? `${meaning} (${detail})` : meaning });
  }
}
