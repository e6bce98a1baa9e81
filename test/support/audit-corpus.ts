// SPDX-License-Identifier: Apache-2.0
import { createHash, generateKeyPairSync } from 'node:crypto';
import type { StreamPosition } from '../../src/audit/chain.ts';
import { FileLog } from '../../src/audit/file-log.ts';
import {
  HEADS_FILE,
  HEADS_START,
  headHash,
  keyId,
  type RetiredStream,
  signHead,
} from '../../src/audit/heads.ts';
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
  const maker = new CorpusMaker();
  for (const boot of ['1', '2']) await (await maker.open(`postern.0.${boot}`)).stop();
  return maker.corpus();
}

/** Makes audits in memory, with the real log, one signer and a clock of their own. */
export class CorpusMaker {
  readonly clock = new ManualClock();
  readonly disk = new MemoryDisk();
  readonly #signer = new Signer();
  readonly #ends = new Map<string, StreamPosition>();

  get files(): Map<string, Buffer> {
    return this.disk.files;
  }

  /** A stream of 12 requests on `target`, with a rotation now and then. */
  async open(stream: string, target = 'data-orders/orders'): Promise<CorpusStream> {
    const policy = Buffer.from(`${JSON.stringify({ v: 1, revision: REVISION, files: [] })}\n`);
    const sources = createHash('sha256').update(policy).digest('hex');
    this.files.set(`policies/${REVISION}.json`, policy);
    const opened = new CorpusStream(this, stream, target);
    opened.log.append({
      event: 'gateway',
      what: 'policy-loaded',
      revision: REVISION,
      sources,
      detail: 'x',
    });
    for (let number = 0; number < 12; number += 1) await opened.request(number);
    await opened.settle();
    return opened;
  }

  durable(position: StreamPosition): void {
    this.#ends.set(position.stream, position);
    this.sign();
  }

  /** The next head: it names the ends of all streams, as the one signer of several workers does. */
  sign(retired: readonly RetiredStream[] = []): void {
    this.#signer.sign([...this.#ends.values()], this.clock.now(), retired);
  }

  ended(stream: string): void {
    this.#ends.delete(stream);
  }

  corpus(): Corpus {
    const files = new Map(this.files);
    files.delete('.reserve');
    files.set(HEADS_FILE, Buffer.from(this.#signer.text));
    const { publicKey, text } = this.#signer;
    return { files, publicKey, witness: Buffer.from(text) };
  }
}

export class CorpusStream {
  readonly log: FileLog;
  readonly #maker: CorpusMaker;
  readonly #stream: string;
  readonly #target: string;

  constructor(maker: CorpusMaker, stream: string, target: string) {
    this.#maker = maker;
    this.#stream = stream;
    this.#target = target;
    this.log = new FileLog(
      {
        directory: stream,
        stream,
        reservePath: '.reserve',
        reserveBytes: 1,
        segmentBytes: 4_000,
        segmentAgeMs: 3_600_000,
        disk: maker.disk,
        clock: maker.clock,
        log: silentLog,
        durable: (position) => maker.durable(position),
      },
      { event: 'gateway', what: 'started', detail: 'corpus' },
    );
  }

  async request(number: number): Promise<void> {
    const id = `${this.#stream}-${number}`;
    this.log.append(intentOf(id, { target: this.#target }));
    await new Promise<void>((resolve) => {
      this.log.append(outcomeOf(id), () => resolve());
    });
    if (number % 5 === 4) await this.settle();
  }

  /** Makes what was written durable, and has it signed. */
  async settle(): Promise<void> {
    this.#maker.clock.advance(1_000);
    await new Promise((resolve) => setImmediate(resolve));
  }

  async stop(): Promise<void> {
    this.log.append({ event: 'gateway', what: 'stopped', detail: 'corpus' });
    await this.log.close();
    this.#maker.ended(this.#stream);
  }

  /** As a kill inside a write leaves it: nothing said, and the last line cut short. */
  crash(): void {
    this.#maker.sign();
    const last = [...this.#maker.files.keys()]
      .filter((path) => path.startsWith(this.#stream))
      .at(-1);
    const bytes = this.#maker.files.get(last ?? '') ?? Buffer.alloc(0);
    this.#maker.files.set(last ?? '', Buffer.concat([bytes, Buffer.from('{"v":1,"str')]));
    this.#maker.ended(this.#stream);
  }
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

  sign(streams: readonly StreamPosition[], now: number, retired: readonly RetiredStream[]): void {
    const time = new Date(now).toISOString();
    const line = signHead(this.#position, time, streams, this.#key, { retired });
    this.text += `${line}\n`;
    this.#position = { head: this.#position.head + 1, hash: headHash(line) };
  }
}
