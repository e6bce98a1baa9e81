// SPDX-License-Identifier: Apache-2.0
import { AggregatorRegistry, Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { DriftView } from '../api/contract.ts';
import type { MetricValues } from './otlp-metrics.ts';

/** What only the coordinator can tell at scrape time. */
export interface CoordinatorGauges {
  targetReady(): ReadonlyMap<string, boolean>;
  /** Numbers of the last head that is signed and of the last that the witness has, if any. */
  auditHeads(): { readonly signed: number; readonly witnessed: number | undefined };
  /** Worker processes that serve now; 0 where the coordinator serves itself. */
  workers(): number;
  drift(): readonly DriftView[];
  /** One list per worker. */
  ofWorkers(): Promise<readonly (readonly MetricValues[])[]>;
}

export interface CoordinatorMetrics {
  policyRead(result: 'accepted' | 'refused'): void;
  workerReplaced(): void;
  /** Everything, of all processes together, for OTLP. */
  values(): Promise<readonly MetricValues[]>;
  /** The same in Prometheus' text exposition format. */
  print(): Promise<string>;
}

/** Names and labels are documented in docs/reference/metrics.md, which a test compares. */
export function createCoordinatorMetrics(gauges: CoordinatorGauges): CoordinatorMetrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry, prefix: 'postern_' });
  const policies = new Counter({
    name: 'postern_policy_loads_total',
    help: 'Declarations that were read after a change, and what became of them.',
    labelNames: ['result'],
    registers,
  });
  const replaced = new Counter({
    name: 'postern_workers_replaced_total',
    help: 'Worker processes that ended by themselves or did not answer, and were replaced.',
    registers,
  });
  new Gauge({
    name: 'postern_target_ready',
    help: '1 while leases can be issued on the target.',
    labelNames: ['target'],
    registers,
    collect() {
      this.reset();
      for (const [target, ready] of gauges.targetReady()) this.set({ target }, ready ? 1 : 0);
    },
  });
  new Gauge({
    name: 'postern_audit_signed_head',
    help: 'Number of the last head of the audit that was signed in this run; 0 before the first.',
    registers,
    collect() {
      this.set(gauges.auditHeads().signed);
    },
  });
  new Gauge({
    name: 'postern_audit_witnessed_head',
    help: 'Number of the last head that the witness has; absent without a witness.',
    labelNames: ['witness'],
    registers,
    collect() {
      const { witnessed } = gauges.auditHeads();
      if (witnessed !== undefined) this.set({ witness: 'audit.witness' }, witnessed);
    },
  });
  new Gauge({
    name: 'postern_workers',
    help: 'Worker processes that serve; 0 where one process does everything.',
    registers,
    collect() {
      this.set(gauges.workers());
    },
  });
  driftGauges(gauges, registry);
  const together = async () => {
    const [own, workers] = await Promise.all([registry.getMetricsAsJSON(), gauges.ofWorkers()]);
    return AggregatorRegistry.aggregate([own, ...workers.map((one) => [...one])]);
  };
  return {
    policyRead: (result) => policies.inc({ result }),
    workerReplaced: () => replaced.inc(),
    values: async () => (await together()).getMetricsAsJSON(),
    print: async () => (await together()).metrics(),
  };
}

function driftGauges(gauges: CoordinatorGauges, registry: Registry): void {
  const registers = [registry];
  new Gauge({
    name: 'postern_drift_findings',
    help: 'What is not as declared, by Target or Cluster.',
    labelNames: ['layer', 'where', 'code'],
    registers,
    collect() {
      this.reset();
      for (const { layer, where, findings, omitted } of gauges.drift()) {
        for (const { code } of findings) this.inc({ layer, where, code });
        if (omitted > 0) this.inc({ layer, where, code: 'omitted' }, omitted);
      }
    },
  });
  new Gauge({
    name: 'postern_drift_examined_seconds',
    help: 'Unix time of the last look for drift that succeeded; absent before the first.',
    labelNames: ['layer', 'where'],
    registers,
    collect() {
      this.reset();
      for (const { layer, where, checkedAt } of gauges.drift()) {
        if (checkedAt !== undefined) this.set({ layer, where }, checkedAt / 1_000);
      }
    },
  });
}
