// SPDX-License-Identifier: Apache-2.0

import { createPrivateKey } from 'node:crypto';
import { request } from 'node:https';
import { findPath, readAll } from '../identity/certificate-path.ts';
import { parseWorkloadSpiffeId } from '../identity/spiffe-id.ts';
import { parseCertificates } from '../identity/trust-bundles.ts';
import { PosternError, problemText } from '../model/errors.ts';
import type { Secret } from '../model/secret.ts';
import type { Credentials } from './certificate-store.ts';
import { newKeyRequest } from './key-request.ts';

const CALL_TIMEOUT_MS = 15_000;
const LARGEST_ANSWER_BYTES = 1 << 20;

export interface AuthorityClientOptions {
  /** `https://host:port`. */
  readonly authority: URL;
  /** Roots (PEM) that vouch for it; read at each call. */
  readonly roots: () => readonly string[];
  /** The proof of identity; read at each call. */
  readonly token: () => Promise<Secret>;
  /** Such as `1h`; absent: what the authority gives. */
  readonly life?: string;
}

/** Asks a `postern ca` for certificates. Rejects with `authority-unreachable` or `-refused`. */
export class AuthorityClient {
  readonly #o: AuthorityClientOptions;

  constructor(options: AuthorityClientOptions) {
    this.#o = options;
  }

  /** A new key and its certificate, checked as the peers of the workload would. */
  async obtain(): Promise<Credentials> {
    const { keyPem, requestPem } = newKeyRequest();
    const { life } = this.#o;
    const path = life === undefined ? '' : `?life=${encodeURIComponent(life)}`;
    const text = await this.#call('POST', `/v1/certificates${path}`, requestPem);
    const answer = parseAnswer(text);
    const problem = answer ? unfitness(answer, keyPem) : 'its answer is not a certificate';
    if (!answer || problem !== undefined) throw this.#unreachable(problem);
    return { chainPem: answer.certificate, bundlePem: answer.bundle, keyPem };
  }

  async bundle(): Promise<string> {
    const text = await this.#call('GET', '/v1/bundle');
    try {
      parseCertificates(text);
      return text;
    } catch (cause) {
      throw this.#unreachable('its bundle cannot be read', cause);
    }
  }

  async #call(method: 'GET' | 'POST', path: string, body?: string): Promise<string> {
    // Before the connection: a token that is not there must not look like a broken network.
    const headers = method === 'POST' && { authorization: `Bearer ${await this.#token()}` };
    const url = new URL(path, this.#o.authority);
    const ca = [...this.#o.roots()];
    return new Promise((resolve, reject) => {
      const signal = AbortSignal.timeout(CALL_TIMEOUT_MS);
      const fail = (cause: unknown) => {
        const late = signal.aborted ? 'no answer in time' : undefined;
        reject(this.#unreachable(late ?? problemText(cause), cause));
      };
      const options = { method, ca, signal, agent: false, ...(headers && { headers }) };
      const sent = request(url, options, (answer) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        answer.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > LARGEST_ANSWER_BYTES) sent.destroy(new Error('the answer is too large'));
          else chunks.push(chunk);
        });
        answer.on('error', fail);
        answer.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          if (answer.statusCode === 200) resolve(text);
          else reject(this.#refused(answer.statusCode ?? 0, text));
        });
      });
      sent.on('error', fail);
      sent.end(body);
    });
  }

  async #token(): Promise<string> {
    const token = (await this.#o.token()).reveal();
    if (/^[\x21-\x7e]+$/.test(token)) return token;
    throw new PosternError('usage', {
      problem: 'The token is not one: it is empty or has spaces.',
    });
  }

  #refused(status: number, text: string): PosternError {
    const { error, decision } = (parseJson(text) ?? {}) as { error?: unknown; decision?: unknown };
    const told = typeof error === 'string' ? error : `status ${status}`;
    const problem = typeof decision === 'string' ? `${told} (decision ${decision})` : told;
    const isVerdict = status >= 400 && status < 500 && status !== 429;
    return isVerdict
      ? new PosternError('authority-refused', { problem })
      : this.#unreachable(problem);
  }

  #unreachable(problem = 'unknown', cause?: unknown): PosternError {
    const address = this.#o.authority.host;
    return new PosternError('authority-unreachable', { address, problem }, cause);
  }
}

interface Answer {
  readonly certificate: string;
  readonly bundle: string;
}

function parseAnswer(text: string): Answer | undefined {
  const answer = parseJson(text) as Partial<Answer> | null | undefined;
  return typeof answer?.certificate === 'string' && typeof answer.bundle === 'string'
    ? { certificate: answer.certificate, bundle: answer.bundle }
    : undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What would make it useless; undefined when peers that trust the bundle will accept it. */
function unfitness({ certificate, bundle }: Answer, keyPem: Secret): string | undefined {
  try {
    const [leaf, ...above] = readAll(parseCertificates(certificate)) ?? [];
    const roots = readAll(parseCertificates(bundle)) ?? [];
    if (!leaf) return 'its certificate cannot be read';
    if (!leaf.certificate.checkPrivateKey(createPrivateKey(keyPem.reveal()))) {
      return 'its certificate is for another key';
    }
    const [uri = '', ...more] = leaf.facts.uris;
    if (more.length > 0 || !parseWorkloadSpiffeId(uri)) return 'its certificate names no workload';
    if (!findPath(leaf, above, roots)) return 'its certificate does not chain to its own bundle';
    return undefined;
  } catch (cause) {
    return problemText(cause);
  }
}
