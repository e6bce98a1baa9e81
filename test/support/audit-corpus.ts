// SPDX-License-Identifier: Apache-2.0
import { createHash, generateKeyPairSync } from 'node:crypto';
import type { StreamPosition } from '../../src/audit/chain.ts';
import { FileLog } from '../../src/audit/file-log.ts';
import { HEADS_FILE, HEADS_START, headHash, keyId, signHead } from '../../src/audit/heads.ts';
import { silentLog } from '../../src/model/log.ts';
import { intentOf, outcomeOf, REVISION } from './audit-events.ts';
import { ManualClock } from './manual-clock.ts';
import { MemoryDisk } from './memory-audit.ts';

export interface Corpus {
  readonly files: ReadonlyMap<string, Buffer>;
  /** The public key, kept where a forger cannot reach it. */
  readonly publicKey: string;
  /** What a witness holds: every head. */
  readonly witness: Buffer;
}

/** A small audit made by the real log: two streams, several segments, heads that name every end. */
export async function makeCorpus(): Promise<Corpus> {
  const disk = new MemoryDisk();
  const signer = new Signer();
  const policy = Buffer.from(`${JSON.stringify({ v: 1, revision: REVISION, files: [] })}\n`);
  const sources = createHash('sha256').update(policy).digest('hex');
  for (const boot of ['1', '2']) await writeStream(disk, `postern.0.${boot}`, sources, signer);
  const files = new Map(disk.files);
  files.delete('.reserve');
  files.set(HEADS_FILE, Buffer.from(signer.text));
  files.set(`policies/${REVISION}.json`, policy);
  return { files, publicKey: signer.publicKey, witness: Buffer.from(signer.text) };
}

class Signer {
  readonly publicKey: string;
  text = '';
  #position = HEADS_START;
  readonly #key;

  constructor() {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    this.publicKey = publicKey.export({ type: 'spki', format: 'pem' }).toString();
    this.#key = { id: keyId(publicKey), privateKey };
  }

  sign(position: StreamPosition): void {
    const line = signHead(this.#position, '2027-01-01T00:00:00.000Z', [position], this.#key);
    this.text += `${line}\n`;
    this.#position = { head: this.#position.head + 1, hash: headHash(line) };
  }
}

async function writeStream(
  disk: MemoryDisk,
  stream: string,
  sources: string,
  signer: Signer,
): Promise<void> {
  const clock = new ManualClock();
  const log = new FileLog(
    {
      directory: stream,
      stream,
      reservePath: '.reserve',
      reserveBytes: 1,
      segmentBytes: 4_000,
      segmentAgeMs: 3_600_000,
      disk,
      clock,
      log: silentLog,
      durable: (position) => signer.sign(position),
    },
    { event: 'gateway', what: 'started', detail: 'corpus' },
  );
  log.append({ event: 'gateway', what: 'policy-loaded', revision: REVISION, sources, detail: 'x' });
  for (let number = 0; number < 12; number += 1) {
    log.append(intentOf(`${stream}-${number}`));
    await new Promise<void>((resolve) => {
      log.append(outcomeOf(`${stream}-${number}`), () => resolve());
    });
    if (number % 5 === 4) {
      clock.advance(1_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  log.append({ event: 'gateway', what: 'stopped', detail: 'corpus' });
  await log.close();
}
