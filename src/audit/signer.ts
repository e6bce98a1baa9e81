// SPDX-License-Identifier: Apache-2.0
// Entry point of the signer process: the only one that reads the signing key. It talks to the
// gateway over IPC only, and ends when that channel does, so that the last head of a gateway that
// is stopped (or killed) is still signed and still witnessed.
import { systemClock, type Timer } from '../model/clock.ts';
import { problemText } from '../model/errors.ts';
import type { StreamPosition } from './chain.ts';
import { HeadWriter } from './head-writer.ts';
import { isStreamPosition, PUBLIC_KEY_FILE, type Retirement } from './heads.ts';
import { type RetirementReport, retire } from './retire.ts';
import type { RetentionRules } from './retirement.ts';
import { openSigningKey, publishKey } from './signing-key.ts';
import { WitnessFeed } from './witness-feed.ts';
import { type WitnessOptions, witnessPlace } from './witness-place.ts';

/** How the process is told to work: its only argument, as JSON. */
export interface SignerSettings {
  readonly directory: string;
  readonly keyPath: string;
  readonly witness?: WitnessOptions;
  /** A file of heads ends at about this size. */
  readonly headsFileBytes?: number;
}

/** What the gateway sends: where its streams end, or what is to be removed. */
export type SignerRequest =
  | { readonly type: 'sign'; readonly streams: readonly StreamPosition[] }
  | {
      readonly type: 'retire';
      readonly rules: RetentionRules;
      /** Streams that are being written, as the gateway knows them: a signer may be new. */
      readonly live: readonly string[];
    };

/** What the signer answers; `failed` with `fatal` is followed by its exit. */
export type SignerReply =
  | { readonly type: 'ready'; readonly key: string }
  | { readonly type: 'signed'; readonly head: number; readonly time: string }
  | { readonly type: 'failed'; readonly problem: string; readonly fatal: boolean }
  | { readonly type: 'witnessed'; readonly head: number; readonly problem?: string }
  | { readonly type: 'retired'; readonly report?: RetirementReport; readonly problem?: string };

/** A witness that could not be reached is tried again without waiting for a new head. */
const WITNESS_RETRY_MS = 5_000;

function reply(message: SignerReply): void {
  if (process.connected) process.send?.(message);
}

class Signer {
  readonly #settings: SignerSettings;
  readonly #writer: HeadWriter;
  readonly #feed: WitnessFeed | undefined;
  #streams: readonly StreamPosition[] = [];
  #retry: Timer | undefined;

  constructor(settings: SignerSettings) {
    this.#settings = settings;
    const key = openSigningKey(settings.keyPath);
    publishKey(`${settings.directory}/${PUBLIC_KEY_FILE}`, key);
    this.#writer = new HeadWriter(settings.directory, key, settings.headsFileBytes);
    if (settings.witness) {
      const place = witnessPlace(settings.witness);
      this.#feed = new WitnessFeed(settings.directory, place);
    }
    reply({ type: 'ready', key: key.id });
    this.#tellWitness();
  }

  take(message: unknown): void {
    try {
      const request = message as Partial<SignerRequest> | null;
      if (request?.type === 'retire' && request.rules && request.live) {
        return this.#retire(request.rules, request.live);
      }
      if (request?.type !== 'sign' || !request.streams?.every(isStreamPosition)) {
        throw new Error('not a request to sign');
      }
      this.#streams = request.streams;
      const time = this.#sign({});
      reply({ type: 'signed', head: this.#writer.position.head, time });
      this.#tellWitness();
    } catch (cause) {
      reply({ type: 'failed', problem: problemText(cause), fatal: false });
    }
  }

  /** What is on its way to the witness is not waited for: the next signer brings it. */
  close(): void {
    this.#writer.close();
  }

  #sign(retirement: Retirement): string {
    const time = new Date(systemClock.now()).toISOString();
    this.#writer.append(time, this.#streams, retirement);
    return time;
  }

  #tellWitness(): void {
    const feed = this.#feed;
    feed?.deliver().then(
      () => reply({ type: 'witnessed', head: feed.acknowledged.head }),
      (cause: unknown) => {
        reply({ type: 'witnessed', head: feed.acknowledged.head, problem: problemText(cause) });
        this.#retry?.stop();
        this.#retry = systemClock.after(WITNESS_RETRY_MS, () => this.#tellWitness());
      },
    );
  }

  #retire(rules: RetentionRules, live: readonly string[]): void {
    const feed = this.#feed;
    const run = retire(this.#settings.directory, rules, {
      now: () => systemClock.now(),
      live: () => new Set([...live, ...this.#streams.map(({ stream }) => stream)]),
      sign: (retirement) => {
        this.#sign(retirement);
        return this.#writer.position.head;
      },
      witness: async () => {
        await feed?.deliver();
        return feed?.acknowledged;
      },
    });
    run.then(
      (report) => reply({ type: 'retired', report }),
      (cause: unknown) => reply({ type: 'retired', problem: problemText(cause) }),
    );
  }
}

// A Ctrl-C reaches the whole process group; the gateway decides when the signer is done.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);
try {
  const signer = new Signer(JSON.parse(process.argv[2] ?? '{}') as SignerSettings);
  process.on('message', (message: unknown) => signer.take(message));
  process.on('disconnect', () => signer.close());
} catch (cause) {
  reply({ type: 'failed', problem: problemText(cause), fatal: true });
  process.disconnect();
  process.exitCode = 1;
}
