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
  const address = permittedUrl(url);
  if (!address) throw new Error(`${url} is not https (http is for loopback only)`);
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
  const text = await get(address, {
    agent: false,
    headers: { accept: 'application/json' },
    signal: AbortSignal.timeout(timeoutMs),
    ...(options.ca !== undefined && { ca: [...(await builtInRoots()), options.ca] }),
  }).catch((cause: unknown) => {
    const late = cause instanceof Error && cause.name === 'AbortError';
    throw late ? new Error(`${url} did not answer within ${timeoutMs} ms`, { cause }) : cause;
  });
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new Error(`${url} did not answer with JSON`, { cause });
  }
};

/** Undefined unless keys may be fetched from there. */
export function permittedUrl(text: string): URL | undefined {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  if (url.username !== '' || url.password !== '') return undefined;
  if (url.protocol === 'https:') return url;
  const loopback = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(url.hostname);
  return url.protocol === 'http:' && loopback ? url : undefined;
}

function get(url: URL, options: RequestOptions): Promise<string> {
  const request = url.protocol === 'https:' ? requestTls : requestPlain;
  return new Promise((resolve, reject) => {
    const sent = request(url, options, (response) => {
      const fail = (problem: string) => {
        reject(new Error(`${url.href} ${problem}`));
        sent.destroy();
      };
      const status = response.statusCode ?? 0;
      if (status >= 300 && status < 400) return fail('redirects, which is not followed');
      if (status !== 200) return fail(`answered HTTP status ${status}`);
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
    sent.end();
  });
}

/** `ca` replaces the built-in roots, so adding to them means naming them. */
async function builtInRoots(): Promise<readonly string[]> {
  const { rootCertificates } = await import('node:tls');
  return rootCertificates;
}
