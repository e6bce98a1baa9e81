// SPDX-License-Identifier: Apache-2.0
import { request as requestPlain } from 'node:http';
import { type RequestOptions, request as requestTls } from 'node:https';

/** Real key sets are a few kB; a provider must not be able to fill our memory. */
export const MAX_DOCUMENT_BYTES = 1024 * 1024;
const TIMEOUT_MS = 5_000;

export interface FetchOptions {
  /** Root certificates (PEM) to trust besides the built-in ones. */
  readonly ca?: string;
  readonly timeoutMs?: number;
}

/** Gets a JSON document; rejects with an Error whose message says what went wrong. */
export type FetchJson = (url: string, options: FetchOptions) => Promise<unknown>;

/**
 * GET without redirects, proxies, cookies or connection reuse: https, or http to loopback. The
 * limits hold for the whole exchange.
 */
export const fetchJson: FetchJson = async (url, options) => {
  const ca = options.ca === undefined ? undefined : [...(await builtInRoots()), options.ca];
  return exchange(url, { method: 'GET' }, ca, options.timeoutMs ?? TIMEOUT_MS);
};

export interface PostOptions {
  /** The only root certificates (PEM) that are trusted. */
  readonly ca: string;
  readonly bearer: string;
  readonly body: unknown;
  readonly timeoutMs: number;
}

/** Posts JSON and gets JSON, with the same limits; what is sent is a secret, so https alone. */
export type PostJson = (url: string, options: PostOptions) => Promise<unknown>;

export const postJson: PostJson = async (url, { ca, bearer, body, timeoutMs }) => {
  if (!url.startsWith('https:')) throw new Error(`${url} is not https`);
  const headers = { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' };
  const sent = { method: 'POST' as const, headers, body: JSON.stringify(body) };
  return exchange(url, sent, [ca], timeoutMs);
};

interface Sent {
  readonly method: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

async function exchange(
  url: string,
  { method, headers, body }: Sent,
  ca: string[] | undefined,
  timeoutMs: number,
): Promise<unknown> {
  const address = permittedUrl(url);
  if (!address) throw new Error(`${url} is not https (http is for loopback only)`);
  const options = {
    agent: false,
    method,
    headers: { accept: 'application/json', ...headers },
    signal: AbortSignal.timeout(timeoutMs),
    ...(ca && { ca }),
  };
  const text = await call(address, options, body).catch((cause: unknown) => {
    const late = cause instanceof Error && cause.name === 'AbortError';
    throw late ? new Error(`${url} did not answer within ${timeoutMs} ms`, { cause }) : cause;
  });
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new Error(`${url} did not answer with JSON`, { cause });
  }
}

/** Undefined unless keys may be fetched from there. */
export function permittedUrl(text: string): URL | undefined {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  if (url.username !== '' || url.password !== '') return undefined;
  if (url.protocol === 'https:') return url;
  const loopback = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(url.hostname);
  return url.protocol === 'http:' && loopback ? url : undefined;
}

function call(url: URL, options: RequestOptions, body?: string): Promise<string> {
  const expected = options.method === 'POST' ? [200, 201] : [200];
  const request = url.protocol === 'https:' ? requestTls : requestPlain;
  return new Promise((resolve, reject) => {
    const sent = request(url, options, (response) => {
      const fail = (problem: string) => {
        reject(new Error(`${url.href} ${problem}`));
        sent.destroy();
      };
      const status = response.statusCode ?? 0;
      if (status >= 300 && status < 400) return fail('redirects, which is not followed');
      if (!expected.includes(status)) return fail(`answered HTTP status ${status}`);
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > MAX_DOCUMENT_BYTES) fail(`answered more than ${MAX_DOCUMENT_BYTES} bytes`);
        else chunks.push(chunk);
      });
      response.on('error', reject);
      response.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/** `ca` replaces the built-in roots, so adding to them means naming them. */
async function builtInRoots(): Promise<readonly string[]> {
  const { rootCertificates } = await import('node:tls');
  return rootCertificates;
}
