// SPDX-License-Identifier: Apache-2.0
import {
  closeSync,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  readSync,
  writeSync,
} from 'node:fs';
import { request } from 'node:https';
import { Secret } from '../model/secret.ts';

/** Where witnessed heads go. */
export interface WitnessOptions {
  /** `stdout`, an `https:` URL, or a file to append to. */
  readonly place: string;
  /** File with the bearer token that the URL demands; read anew for every request. */
  readonly tokenPath?: string;
  /** PEM file with the authorities that may vouch for the URL; default: those of Node. */
  readonly caPath?: string;
}

export interface WitnessPlace {
  /** Whole lines; rejects unless the witness has them. */
  send(lines: Buffer): Promise<void>;
}

/** A collector that takes longer is asked again later. */
const REQUEST_LIMIT_MS = 10_000;

export function witnessPlace(options: WitnessOptions): WitnessPlace {
  const { place } = options;
  if (place === 'stdout') return { send: writeToStdout };
  if (/^https:/.test(place)) return { send: (lines) => post(new URL(place), options, lines) };
  return { send: async (lines) => appendTo(place, lines) };
}

/** Durable when it returns. What an earlier failure cut short becomes a line of its own. */
function appendTo(path: string, lines: Buffer): void {
  const file = openSync(path, 'a+', 0o600);
  try {
    const { size } = fstatSync(file);
    const last = Buffer.from('\n');
    if (size > 0) readSync(file, last, 0, 1, size - 1);
    const bytes = last[0] === 0x0a ? lines : Buffer.concat([Buffer.from('\n'), lines]);
    for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function writeToStdout(lines: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(lines, (cause) => (cause ? reject(cause) : resolve()));
  });
}

/** One POST of JSON lines; any 2xx means that the collector has stored them. */
function post(url: URL, { tokenPath, caPath }: WitnessOptions, lines: Buffer): Promise<void> {
  const token = tokenPath && new Secret(readFileSync(tokenPath, 'utf8').trim());
  const headers = {
    'content-type': 'application/x-ndjson',
    'content-length': lines.length,
    ...(token && { authorization: `Bearer ${token.reveal()}` }),
  };
  const ca = caPath && readFileSync(caPath);
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(REQUEST_LIMIT_MS);
    const options = { method: 'POST', headers, signal, agent: false, ...(ca && { ca }) };
    const call = request(url, options, (response) => {
      response.resume();
      const status = response.statusCode ?? 0;
      response.on('error', reject);
      response.on('end', () => {
        if (status >= 200 && status < 300) resolve();
        else reject(new Error(`the witness answered with status ${status}`));
      });
    });
    call.on('error', reject);
    call.end(lines);
  });
}
