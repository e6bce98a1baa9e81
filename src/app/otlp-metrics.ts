// SPDX-License-Identifier: Apache-2.0
import { type Attributes, type HrTime, ValueType } from '@opentelemetry/api';
import type { Resource } from '@opentelemetry/resources';
import type { DataPoint, Histogram, MetricData, MetricProducer } from '@opentelemetry/sdk-metrics';
import type { MetricObjectWithValues, MetricValue } from 'prom-client';
import type { Clock } from '../model/clock.ts';
import { VERSION } from '../model/version.ts';

/** A metric with its values as `prom-client` gives them. */
export type MetricValues = MetricObjectWithValues<MetricValue<string>>;
type Sdk = Pick<
  typeof import('@opentelemetry/sdk-metrics'),
  'AggregationTemporality' | 'DataPointType'
>;

/**
 * The metrics of `metrics.ts` under the same names and labels: one set of instruments, two ways
 * out. All are cumulative since then.
 */
export function metricProducer(
  sdk: Sdk,
  read: () => Promise<readonly MetricValues[]>,
  resource: Resource,
  clock: Clock,
): MetricProducer {
  const startTime = hrTime(clock.now());
  return {
    collect: async () => {
      const span = { startTime, endTime: hrTime(clock.now()) };
      const metrics = (await read()).flatMap((metric) => metricData(sdk, metric, span));
      const scope = { name: 'postern', version: VERSION };
      return { resourceMetrics: { resource, scopeMetrics: [{ scope, metrics }] }, errors: [] };
    },
  };
}

interface TimeSpan {
  readonly startTime: HrTime;
  readonly endTime: HrTime;
}

/** Nothing for a summary, which OTLP keeps for old sources only; there is none. */
function metricData(sdk: Sdk, metric: MetricValues, span: TimeSpan): MetricData[] {
  const { DataPointType, AggregationTemporality } = sdk;
  const { name, help: description } = metric;
  const common = {
    descriptor: { name, description, unit: '', valueType: ValueType.DOUBLE },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
  };
  const points = () =>
    metric.values.map(({ value, labels }) => ({
      ...span,
      value,
      attributes: attributesOf(labels),
    }));
  // The type is an enum that the package does not export as a value.
  switch (String(metric.type)) {
    case 'counter':
      return [
        { ...common, dataPointType: DataPointType.SUM, isMonotonic: true, dataPoints: points() },
      ];
    case 'gauge':
      return [{ ...common, dataPointType: DataPointType.GAUGE, dataPoints: points() }];
    case 'histogram':
      return [
        { ...common, dataPointType: DataPointType.HISTOGRAM, dataPoints: histograms(metric, span) },
      ];
    default:
      return [];
  }
}

interface Collected {
  readonly attributes: Attributes;
  /** Upper bound and how many observations are at most as large, as Prometheus counts. */
  readonly upTo: [number, number][];
  sum: number;
  count: number;
}

function histograms(metric: MetricValues, span: TimeSpan): DataPoint<Histogram>[] {
  const byLabels = new Map<string, Collected>();
  for (const found of metric.values) {
    const { value, labels, metricName } = found as MetricValue<string> & { metricName?: string };
    const { le, ...own } = labels;
    const attributes = attributesOf(own);
    const key = JSON.stringify(Object.entries(attributes).sort());
    const one = byLabels.get(key) ?? { attributes, upTo: [], sum: 0, count: 0 };
    byLabels.set(key, one);
    if (metricName === `${metric.name}_sum`) one.sum = value;
    else if (metricName === `${metric.name}_count`) one.count = value;
    else if (le !== '+Inf') one.upTo.push([Number(le), value]);
  }
  return [...byLabels.values()].map((one) => ({
    ...span,
    attributes: one.attributes,
    value: { buckets: bucketsOf(one), sum: one.sum, count: one.count },
  }));
}

/** OTLP counts each bucket alone, the last one without an upper bound. */
function bucketsOf({ upTo, count }: Collected): Histogram['buckets'] {
  const sorted = [...upTo].sort(([a], [b]) => a - b);
  const totals = [...sorted.map(([, total]) => total), count];
  return {
    boundaries: sorted.map(([bound]) => bound),
    counts: totals.map((total, i) => total - (totals[i - 1] ?? 0)),
  };
}

function attributesOf(labels: MetricValue<string>['labels']): Attributes {
  return Object.fromEntries(Object.entries(labels).map(([name, value]) => [name, value ?? '']));
}

function hrTime(ms: number): HrTime {
  return [Math.floor(ms / 1000), Math.round((ms % 1000) * 1e6)];
}
