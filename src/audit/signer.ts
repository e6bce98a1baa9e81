// SPDX-License-Identifier: Apache-2.0
// Entry point of the signer process: the only one that reads the signing key. It talks to the
// gateway over IPC only, and ends when that channel does, so that the last head of a gateway that
// is stopped (or killed) is still signed.
import { appendFileSync } from 'node:fs';
import { systemClock } from '../model/clock.ts';
import { problemText } from '../model/errors.ts';
import type { StreamPosition } from './chain.ts';
import { HeadWriter } from './head-writer.ts';
import { HEADS_FILE, isStreamPosition, PUBLIC_KEY_FILE } from './heads.ts';
import { openSigningKey, publishKey } from './signing-key.ts';

/** What the gateway sends: where its streams end. */
export interface SignRequest {
  readonly streams: readonly StreamPosition[];
}

/** What the signer answers; `failed` with `fatal` is followed by its exit. */
export type SignerReply =
  | { readonly type: 'ready'; readonly key: string }
  | { readonly type: 'signed'; readonly head: number; readonly time: string }
  | { readonly type: 'failed'; readonly problem: string; readonly fatal: boolean };

function reply(message: SignerReply): void {
  process.send?.(message);
}

function isSignRequest(message: unknown): message is SignRequest {
  const streams = (message as Partial<SignRequest> | null)?.streams;
  return Array.isArray(streams) && streams.every(isStreamPosition);
}

function witnessHead(witness: string, line: string): void {
  if (witness === 'stdout') process.stdout.write(`${line}\n`);
  else if (witness !== '') appendFileSync(witness, `${line}\n`, { mode: 0o600, flush: true });
}

function serve(directory: string, keyPath: string, witness: string): void {
  const key = openSigningKey(keyPath);
  publishKey(`${directory}/${PUBLIC_KEY_FILE}`, key);
  const writer = new HeadWriter(`${directory}/${HEADS_FILE}`, key);
  process.on('message', (message: unknown) => {
    try {
      if (!isSignRequest(message)) throw new Error('not a request to sign');
      const time = new Date(systemClock.now()).toISOString();
      const line = writer.append(time, message.streams);
      witnessHead(witness, line);
      reply({ type: 'signed', head: writer.position.head, time });
    } catch (cause) {
      reply({ type: 'failed', problem: problemText(cause), fatal: false });
    }
  });
  process.on('disconnect', () => writer.close());
  reply({ type: 'ready', key: key.id });
}

// A Ctrl-C reaches the whole process group; the gateway decides when the signer is done.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);
try {
  const [directory = '', keyPath = '', witness = ''] = process.argv.slice(2);
  serve(directory, keyPath, witness);
} catch (cause) {
  reply({ type: 'failed', problem: problemText(cause), fatal: true });
  process.disconnect();
  process.exitCode = 1;
}
