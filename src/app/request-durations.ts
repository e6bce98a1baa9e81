// SPDX-License-Identifier: Apache-2.0
import { Histogram } from 'prom-client';
import type { MetricValues } from './otlp-metrics.ts';

const LATENCY_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5, 30];

interface Series {
  readonly labels: { readonly target: string; readonly outcome: string };
  /** How many fell between one bound and the next; the last is beyond all. */
  readonly counts: number[];
  sum: number;
}

/**
 * A histogram that is observed with every request: it counts in plain numbers, because looking
 * labels up in `prom-client` costs more than a decision, and becomes a metric when it is read.
 */
export class RequestDurations {
  readonly #histogram = new Histogram({
    name: 'postern_request_duration_seconds',
    help: 'From the decision to the last packet of the answer.',
    labelNames: ['target', 'outcome'],
    buckets: LATENCY_SECONDS,
    registers: [],
  });
  readonly #targets = new Map<string, Map<string, Series>>();

  observe(target: string, outcome: string, seconds: number): void {
    const series = this.#series(target, outcome);
    let bound = 0;
    while (bound < LATENCY_SECONDS.length && seconds > (LATENCY_SECONDS[bound] ?? 0)) bound += 1;
    series.counts[bound] = (series.counts[bound] ?? 0) + 1;
    series.sum += seconds;
  }

  /** As `Registry.getMetricsAsJSON` gives the others. */
  async values(): Promise<MetricValues> {
    const values: (MetricValues['values'][number] & { metricName: string })[] = [];
    const metric = await this.#histogram.get();
    const { name } = metric;
    for (const outcomes of this.#targets.values()) {
      for (const { labels, counts, sum } of outcomes.values()) {
        let count = 0;
        for (const [index, inBucket] of counts.entries()) {
          count += inBucket;
          const le = LATENCY_SECONDS[index] ?? '+Inf';
          values.push({ metricName: `${name}_bucket`, labels: { le, ...labels }, value: count });
        }
        values.push({ metricName: `${name}_sum`, labels, value: sum });
        values.push({ metricName: `${name}_count`, labels, value: count });
      }
    }
    return { ...metric, values };
  }

  #series(target: string, outcome: string): Series {
    let outcomes = this.#targets.get(target);
    if (!outcomes) {
      outcomes = new Map();
      this.#targets.set(target, outcomes);
    }
    let series = outcomes.get(outcome);
    if (!series) {
      const counts = Array.from({ length: LATENCY_SECONDS.length + 1 }, () => 0);
      series = { labels: { target, outcome }, counts, sum: 0 };
      outcomes.set(outcome, series);
    }
    return series;
  }
}
