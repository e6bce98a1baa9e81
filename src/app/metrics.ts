// SPDX-License-Identifier: Apache-2.0
import { Counter, Gauge, Registry } from 'prom-client';
import type { Meter } from '../gateway/parts.ts';
import type { MetricValues } from './otlp-metrics.ts';
import { RequestDurations } from './request-durations.ts';

/** What only the worker can tell at scrape time. */
export interface Gauges {
  sessionsByTarget(): ReadonlyMap<string, number>;
  bufferedBytes(): number;
  auditAccepting(): boolean;
}

/** What became of a finished span; `dropped`: too many waited for the collector. */
export type SpanFate = 'exported' | 'failed' | 'dropped';

/** What one worker counts; `coordinator-metrics.ts` puts those of all together. */
export interface Metrics {
  readonly meter: Meter;
  spans(result: SpanFate, count: number): void;
  values(): Promise<readonly MetricValues[]>;
}

/** Names and labels are documented in docs/reference/metrics.md, which a test compares. */
export function createMetrics(gauges: Gauges): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const allowed = new Tally();
  const rows = new Tally();
  const { failures, logins, opened, closed } = connectionCounters(registers);
  const upstreams = new Counter({
    name: 'postern_upstream_connections_total',
    help: 'Upstream connections of sessions: kept from an earlier session, or by a login.',
    labelNames: ['target', 'how'],
    registers,
  });
  const decisions = new Counter({
    name: 'postern_requests_total',
    help: 'Request decisions.',
    labelNames: ['target', 'effect', 'reason'],
    registers,
    collect() {
      const reason = '';
      allowed.drain((target, count) => this.inc({ target, effect: 'allow', reason }, count));
    },
  });
  const spans = new Counter({
    name: 'postern_spans_total',
    help: 'Spans for OTLP that were exported, refused by the collector, or dropped while it was slow.',
    labelNames: ['result'],
    registers,
  });
  new Counter({
    name: 'postern_rows_total',
    help: 'Rows that went to principals.',
    labelNames: ['target'],
    registers,
    collect() {
      rows.drain((target, count) => this.inc({ target }, count));
    },
  });
  const durations = new RequestDurations();
  addGauges(gauges, registers);
  return {
    spans: (result, count) => spans.inc({ result }, count),
    values: async () => [...(await registry.getMetricsAsJSON()), await durations.values()],
    meter: {
      connectionFailed: (listener, layer) => failures.inc({ listener, layer }),
      loginDenied: (reason, target) => logins.inc({ reason, target }),
      sessionOpened: (target) => opened.inc({ target }),
      sessionClosed: (target, reason) => closed.inc({ target, reason }),
      requestDecided: (target, effect, reason) => {
        if (effect === 'allow') allowed.add(target, 1);
        else decisions.inc({ target, effect, reason });
      },
      upstreamTaken: (target, how) => upstreams.inc({ target, how }),
      requestDone: (target, outcome, durationMs, count) => {
        durations.observe(target, outcome, durationMs / 1000);
        rows.add(target, count);
      },
    },
  };
}

/** What becomes of connections, from the handshake to the end of their session. */
function connectionCounters(registers: Registry[]) {
  const counter = <Label extends string>(name: string, help: string, labelNames: Label[]) =>
    new Counter({ name, help, labelNames, registers });
  return {
    failures: counter(
      'postern_connections_failed_total',
      'Connections that failed in TLS or a PROXY header, by listener.',
      ['listener', 'layer'],
    ),
    logins: counter('postern_logins_denied_total', 'Logins that did not become a session.', [
      'target',
      'reason',
    ]),
    opened: counter('postern_sessions_opened_total', 'Sessions that began.', ['target']),
    closed: counter('postern_sessions_closed_total', 'Sessions that ended, by why.', [
      'target',
      'reason',
    ]),
  };
}

/** Counts by target between two readings: a `Counter` would look its labels up each time. */
class Tally {
  readonly #counts = new Map<string, number>();

  add(target: string, count: number): void {
    this.#counts.set(target, (this.#counts.get(target) ?? 0) + count);
  }

  drain(into: (target: string, count: number) => void): void {
    for (const [target, count] of this.#counts) into(target, count);
    this.#counts.clear();
  }
}

function addGauges(gauges: Gauges, registers: Registry[]): void {
  new Gauge({
    name: 'postern_sessions',
    help: 'Live sessions.',
    labelNames: ['target'],
    registers,
    collect() {
      this.reset();
      for (const [target, count] of gauges.sessionsByTarget()) this.set({ target }, count);
    },
  });
  new Gauge({
    name: 'postern_request_buffer_bytes',
    help: 'Memory held by requests that are being collected.',
    registers,
    collect() {
      this.set(gauges.bufferedBytes());
    },
  });
  new Gauge({
    name: 'postern_audit_accepting',
    help: '1 while the audit of every worker can be written; 0 denies new requests.',
    aggregator: 'min',
    registers,
    collect() {
      this.set(gauges.auditAccepting() ? 1 : 0);
    },
  });
}
