// SPDX-License-Identifier: Apache-2.0
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { PosternError, problemText } from '../model/errors.ts';
import type { KubeConnection } from './connection.ts';

export interface ApiCall {
  readonly method: 'GET' | 'PATCH' | 'POST' | 'DELETE';
  /** Absolute, with its query. */
  readonly path: string;
  readonly body?: string;
  readonly contentType?: string;
  /** Until the last byte of an answer, or the first one of a stream. */
  readonly limitMs: number;
}

export interface ApiAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A page of 500 large objects stays well below. */
const MAX_ANSWER_BYTES = 32 * 1024 * 1024;
const MAX_SOCKETS = 8;

/** HTTPS to one API server. Whatever fails says at which hop. */
export class Transport {
  readonly #connection: KubeConnection;
  readonly #agent: Agent;
  /** For messages: it has no credentials in it. */
  readonly server: string;

  constructor(connection: KubeConnection) {
    this.#connection = connection;
    const { ca, certificate, key, serverName } = connection.tls;
    this.#agent = new Agent({
      keepAlive: true,
      maxSockets: MAX_SOCKETS,
      minVersion: 'TLSv1.2',
      ...(ca !== undefined && { ca }),
      ...(certificate !== undefined && { cert: certificate }),
      ...(key && { key: key.reveal() }),
      ...(serverName !== undefined && { servername: serverName }),
    });
    this.server = connection.server.origin;
  }

  async send(call: ApiCall): Promise<ApiAnswer> {
    const signal = AbortSignal.timeout(call.limitMs);
    const response = await this.#open(call, signal);
    const chunks: Buffer[] = [];
    let size = 0;
    try {
      for await (const chunk of response as AsyncIterable<Buffer>) {
        size += chunk.length;
        if (size > MAX_ANSWER_BYTES) {
          throw this.#unreachable(`its answer is larger than ${MAX_ANSWER_BYTES} bytes`);
        }
        chunks.push(chunk);
      }
    } catch (cause) {
      throw this.#failure(cause, signal, call);
    }
    const body = Buffer.concat(chunks).toString('utf8');
    return { status: response.statusCode ?? 0, headers: response.headers, body };
  }

  /** The head of an answer whose body is read as it comes; `stop` ends it. */
  async stream(call: ApiCall, stop: AbortSignal): Promise<IncomingMessage> {
    const overdue = new AbortController();
    const timer = setTimeout(() => overdue.abort(), call.limitMs);
    try {
      return await this.#open(call, AbortSignal.any([stop, overdue.signal]));
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends connections that are kept for later. */
  close(): void {
    this.#agent.destroy();
  }

  async #open(call: ApiCall, signal: AbortSignal): Promise<IncomingMessage> {
    const { server } = this.#connection;
    const token = this.#connection.token?.();
    const headers = {
      accept: 'application/json',
      'user-agent': 'postern',
      ...(token && { authorization: `Bearer ${token.reveal()}` }),
      ...(call.body !== undefined && {
        'content-type': call.contentType ?? 'application/json',
        'content-length': Buffer.byteLength(call.body),
      }),
    };
    const url = new URL(server.pathname.replace(/\/$/, '') + call.path, server);
    try {
      return await new Promise<IncomingMessage>((resolve, reject) => {
        const options = { method: call.method, headers, signal, agent: this.#agent };
        const out = request(url, options, resolve);
        out.on('error', reject);
        out.end(call.body);
      });
    } catch (cause) {
      throw this.#failure(cause, signal, call);
    }
  }

  #failure(cause: unknown, signal: AbortSignal, call: ApiCall): PosternError {
    if (cause instanceof PosternError) return cause;
    if (signal.aborted) {
      return this.#unreachable(`no answer within ${call.limitMs} ms`, cause);
    }
    const { code = '' } = cause as NodeJS.ErrnoException;
    if (/CERT|SELF_SIGNED|UNABLE_TO|ALTNAME|SSL|TLS/.test(code)) {
      const problem = `TLS: ${problemText(cause)}; ${this.#connection.origin} names the CA`;
      return this.#unreachable(problem, cause);
    }
    return this.#unreachable(problemText(cause), cause);
  }

  #unreachable(problem: string, cause?: unknown): PosternError {
    return new PosternError('cluster-unreachable', { server: this.server, problem }, cause);
  }
}
