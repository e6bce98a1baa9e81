// SPDX-License-Identifier: Apache-2.0
import type { ReadableSpan, SpanExporter, SpanProcessor } from '@opentelemetry/sdk-trace-base';
import { problemText } from '../model/errors.ts';
import type { Log } from '../model/log.ts';
import type { Metrics } from './metrics.ts';

/**
 * Counts what becomes of spans, and keeps a collector that hangs from filling the memory: what is
 * more than `maxWaiting` is dropped.
 */
export class SpanFates {
  readonly #maxWaiting: number;
  readonly #metrics: Pick<Metrics, 'spans'>;
  readonly #log: Log;
  #waiting = 0;
  #failing = false;

  constructor(maxWaiting: number, metrics: Pick<Metrics, 'spans'>, log: Log) {
    this.#maxWaiting = maxWaiting;
    this.#metrics = metrics;
    this.#log = log;
  }

  /** In front of the processor that collects batches. */
  bound(inner: SpanProcessor): SpanProcessor {
    return {
      onStart: (span, context) => inner.onStart(span, context),
      onEnd: (span) => {
        if (this.#waiting >= this.#maxWaiting) return this.#metrics.spans('dropped', 1);
        this.#waiting += 1;
        inner.onEnd(span);
      },
      forceFlush: () => inner.forceFlush(),
      shutdown: () => inner.shutdown(),
    };
  }

  /** Around the exporter that processor hands them to. */
  watch(inner: SpanExporter): SpanExporter {
    return {
      export: (spans: ReadableSpan[], done) => {
        this.#waiting -= spans.length;
        inner.export(spans, (result) => {
          this.#exported(spans.length, result.error);
          done(result);
        });
      },
      shutdown: () => inner.shutdown(),
    };
  }

  /** The log hears of an outage once, not of every batch. */
  #exported(count: number, error: Error | undefined): void {
    this.#metrics.spans(error ? 'failed' : 'exported', count);
    if (error && !this.#failing) {
      this.#log.warn('spans cannot be exported', { problem: problemText(error).slice(0, 500) });
    } else if (!error && this.#failing) this.#log.info('spans are exported again');
    this.#failing = error !== undefined;
  }
}
