// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import {
  createServer,
  type IncomingHttpHeaders,
  type RequestListener,
  type Server,
} from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { decodeOtlp, METRICS_REQUEST, TRACE_REQUEST } from './otlp-message.ts';

export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly start: bigint;
  readonly end: bigint;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly events: readonly { readonly name: string }[];
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly status: { readonly code?: number; readonly message?: string };
}

interface Point {
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly value?: number;
  readonly count?: bigint;
  readonly counts?: readonly bigint[];
  readonly bounds?: readonly number[];
}

export interface ReceivedMetric {
  readonly name: string;
  readonly gauge?: { readonly points: readonly Point[] };
  readonly sum?: { readonly points: readonly Point[]; readonly monotonic?: boolean };
  readonly histogram?: { readonly points: readonly Point[] };
}

/** `hang`: takes the request and never answers. */
export type CollectorManner = 'answer' | 'refuse' | 'hang';

interface CollectorTls {
  readonly cert: string;
  readonly key: string;
}

/** A collector that accepts OTLP/HTTP in protobuf and nothing that does not decode. */
export class OtlpCollector {
  manner: CollectorManner = 'answer';
  readonly spans: ReceivedSpan[] = [];
  /** Of the last export. */
  metrics: readonly ReceivedMetric[] = [];
  readonly resources: Readonly<Record<string, unknown>>[] = [];
  readonly headers: IncomingHttpHeaders[] = [];
  /** What did not decode; a test ends by looking here. */
  readonly faults: string[] = [];
  requests = 0;
  readonly #server: Server;

  readonly #scheme: string;

  private constructor(tls: CollectorTls | undefined) {
    const answer: RequestListener = (request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        this.requests += 1;
        this.headers.push(request.headers);
        if (this.manner === 'hang') return;
        const status =
          this.manner === 'refuse' ? 400 : this.#take(request.url, Buffer.concat(parts));
        response.writeHead(status, { 'content-type': 'application/x-protobuf' }).end();
      });
    };
    this.#scheme = tls ? 'https' : 'http';
    this.#server = tls ? createTlsServer(tls, answer) : createServer(answer);
  }

  static async start(tls?: CollectorTls): Promise<OtlpCollector> {
    const collector = new OtlpCollector(tls);
    await new Promise<void>((resolve) => collector.#server.listen(0, '127.0.0.1', resolve));
    return collector;
  }

  get endpoint(): string {
    return `${this.#scheme}://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  #take(path: string | undefined, body: Buffer): number {
    try {
      assert.equal(this.headers.at(-1)?.['content-type'], 'application/x-protobuf');
      const message = path === '/v1/traces' ? TRACE_REQUEST : METRICS_REQUEST;
      assert.ok(path === '/v1/traces' || path === '/v1/metrics', path);
      const metrics: ReceivedMetric[] = [];
      for (const { resource, scopes } of decodeOtlp(body, message)['resources'] as Resource[]) {
        this.resources.push(resource.attributes);
        for (const scope of scopes) {
          this.spans.push(...(scope.spans ?? []));
          metrics.push(...(scope.metrics ?? []));
        }
      }
      if (path === '/v1/metrics') this.metrics = metrics;
      return 200;
    } catch (thrown) {
      this.faults.push(String(thrown));
      return 400;
    }
  }
}

interface Resource {
  readonly resource: { readonly attributes: Readonly<Record<string, unknown>> };
  readonly scopes: readonly { spans?: ReceivedSpan[]; metrics?: ReceivedMetric[] }[];
}
