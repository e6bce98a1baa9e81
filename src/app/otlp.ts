// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import type { Resource } from '@opentelemetry/resources';
import type { OtlpSettings } from '../config/settings.ts';
import type { Tracing } from '../gateway/tracing.ts';
import type { Clock } from '../model/clock.ts';
import { PosternError } from '../model/errors.ts';
import type { Log } from '../model/log.ts';
import { VERSION } from '../model/version.ts';
import { readMaterial } from './material.ts';
import type { Metrics } from './metrics.ts';
import { type MetricValues, metricProducer } from './otlp-metrics.ts';
import { SpanFates } from './span-fates.ts';
import { tracingWith } from './spans.ts';

/** Finished spans that may wait for the collector. */
const MAX_WAITING_SPANS = 4_096;
/** Stopping waits no longer than this for the last export. */
const LAST_EXPORT_MS = 2_000;

export interface OtlpOptions {
  /** Absent: what the `OTEL_*` variables say. */
  readonly settings: OtlpSettings | undefined;
  readonly environment: NodeJS.ProcessEnv;
  readonly instance: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** What spans are counted with. */
interface SpanOptions extends OtlpOptions {
  readonly metrics: Pick<Metrics, 'spans'>;
}

interface MetricOptions extends OtlpOptions {
  /** What /metrics shows. */
  readonly values: () => Promise<readonly MetricValues[]>;
}

/** Something that exports until it is stopped. */
export interface Exporting {
  stop(): Promise<void>;
}

export interface ExportingSpans extends Exporting {
  readonly tracing: Tracing;
}

type Signal = 'traces' | 'metrics';

/**
 * Spans of this process, or undefined when nobody asked for them. The SDK is loaded only here.
 * Rejects with `requirement-missing`.
 */
export function exportSpans(options: SpanOptions): Promise<ExportingSpans | undefined> {
  return whenWanted(options, 'traces', startSpans);
}

/** What /metrics shows, pushed; undefined when nobody asked. Rejects with `requirement-missing`. */
export function exportMetrics(options: MetricOptions): Promise<Exporting | undefined> {
  return whenWanted(options, 'metrics', startMetrics);
}

async function startSpans(options: SpanOptions): Promise<ExportingSpans> {
  const { settings, metrics, log } = options;
  const [sdk, { OTLPTraceExporter }, resource] = await Promise.all([
    import('@opentelemetry/sdk-trace-base'),
    import('@opentelemetry/exporter-trace-otlp-proto'),
    resourceOf(options),
  ]);
  const fate = new SpanFates(MAX_WAITING_SPANS, metrics, log);
  const exporter = fate.watch(new OTLPTraceExporter(collectorOf(settings, 'traces')));
  const batches = new sdk.BatchSpanProcessor(exporter, {
    maxQueueSize: MAX_WAITING_SPANS,
    ...(settings && { exportTimeoutMillis: settings.timeout, scheduledDelayMillis: 1_000 }),
  });
  const provider = new sdk.BasicTracerProvider({
    resource,
    spanProcessors: [fate.bound(batches)],
    ...(settings && {
      sampler: new sdk.ParentBasedSampler({
        root: new sdk.TraceIdRatioBasedSampler(settings.sampleRatio),
      }),
    }),
  });
  return {
    tracing: tracingWith(provider.getTracer('postern', VERSION)),
    stop: () => withinLimit(provider.shutdown()),
  };
}

async function startMetrics(options: MetricOptions): Promise<Exporting> {
  const { settings, values, clock } = options;
  const [sdk, { OTLPMetricExporter }, resource] = await Promise.all([
    import('@opentelemetry/sdk-metrics'),
    import('@opentelemetry/exporter-metrics-otlp-proto'),
    resourceOf(options),
  ]);
  const reader = new sdk.PeriodicExportingMetricReader({
    exporter: new OTLPMetricExporter(collectorOf(settings, 'metrics')),
    metricProducers: [metricProducer(sdk, values, resource, clock)],
    exportIntervalMillis: settings?.interval ?? 60_000,
    // An export that is not over by then would meet the next one.
    exportTimeoutMillis: Math.min(settings?.timeout ?? 10_000, settings?.interval ?? 10_000),
  });
  const provider = new sdk.MeterProvider({ resource, readers: [reader] });
  return { stop: () => withinLimit(provider.shutdown()) };
}

/** Settings decide; without them the standard variables of OpenTelemetry do. */
function isWanted({ settings, environment }: OtlpOptions, signal: Signal): boolean {
  if (settings) return settings[signal];
  const name = signal.toUpperCase();
  const exporter = environment[`OTEL_${name}_EXPORTER`] ?? 'otlp';
  const endpoint =
    environment[`OTEL_EXPORTER_OTLP_${name}_ENDPOINT`] ??
    environment['OTEL_EXPORTER_OTLP_ENDPOINT'];
  return (
    environment['OTEL_SDK_DISABLED']?.toLowerCase() !== 'true' && exporter === 'otlp' && !!endpoint
  );
}

/**
 * Settings that cannot be met end the start. The variables may be set for every container of a
 * cluster, so without the packages they are only answered with a warning.
 */
async function whenWanted<O extends OtlpOptions, T extends Exporting>(
  options: O,
  signal: Signal,
  start: (options: O) => Promise<T>,
): Promise<T | undefined> {
  if (!isWanted(options, signal)) return undefined;
  try {
    return await start(options);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw cause;
    const requirement = 'The SDK of OpenTelemetry, which exporting over OTLP asks for,';
    const remedy = 'docs/observability.md names the packages to install.';
    const missing = new PosternError('requirement-missing', { requirement, remedy }, cause);
    if (options.settings) throw missing;
    options.log.warn('nothing is exported over OTLP', { signal, problem: missing.message });
    return undefined;
  }
}

async function resourceOf({ instance, environment }: OtlpOptions): Promise<Resource> {
  const { detectResources, envDetector, resourceFromAttributes } = await import(
    '@opentelemetry/resources'
  );
  const own = resourceFromAttributes({
    'service.name': environment['OTEL_SERVICE_NAME'] ?? 'postern',
    'service.version': VERSION,
    'service.instance.id': `${instance}/${hostname()}/${process.pid}`,
    'postern.instance': instance,
  });
  return own.merge(detectResources({ detectors: [envDetector] }));
}

/** Nothing where the variables speak: the exporter reads them itself. */
function collectorOf(settings: OtlpSettings | undefined, signal: Signal) {
  if (!settings) return {};
  const { endpoint, headers, ca, timeout } = settings;
  return {
    url: `${endpoint.replace(/\/$/, '')}/v1/${signal}`,
    timeoutMillis: timeout,
    headers: async () =>
      Object.fromEntries(
        Object.entries(headers).map(([name, from]) => [
          name,
          readMaterial(
            'file' in from ? { from: 'file', path: from.file } : { from: 'env', name: from.env },
          ).trim(),
        ]),
      ),
    ...(ca !== undefined && { httpAgentOptions: { ca: readFileSync(ca) } }),
  };
}

async function withinLimit(work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, LAST_EXPORT_MS);
  });
  // What could not be exported was counted and logged.
  await Promise.race([work.catch(() => undefined), limit]);
  clearTimeout(timer);
}
