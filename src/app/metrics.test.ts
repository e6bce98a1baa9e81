// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createCoordinatorMetrics } from './coordinator-metrics.ts';
import { createMetrics } from './metrics.ts';

const gauges = {
  sessionsByTarget: () => new Map(),
  bufferedBytes: () => 0,
  auditAccepting: () => true,
};

describe('metrics', () => {
  it('prints requests as counters and a cumulative histogram, the same each time', async () => {
    const { meter, values } = createMetrics(gauges);
    const { print } = createCoordinatorMetrics({
      targetReady: () => new Map(),
      drift: () => [],
      workers: () => 0,
      auditHeads: () => ({ signed: 7, witnessed: 7 }),
      ofWorkers: async () => [await values()],
    });
    for (const ms of [0.4, 0.5, 7, 90_000]) meter.requestDone('data/orders', 'ok', ms, 2);
    meter.requestDone('data/orders', 'error', 1, 0);
    meter.requestDecided('data/orders', 'allow', '');
    meter.requestDecided('data/orders', 'allow', '');
    meter.requestDecided('data/orders', 'deny', 'not-permitted');
    const name = 'postern_request_duration_seconds';
    const labels = 'target="data/orders",outcome="ok"';
    const expected = [
      `# TYPE ${name} histogram`,
      `${name}_bucket{le="0.0005",${labels}} 2`,
      `${name}_bucket{le="0.005",${labels}} 2`,
      `${name}_bucket{le="0.01",${labels}} 3`,
      `${name}_bucket{le="30",${labels}} 3`,
      `${name}_bucket{le="+Inf",${labels}} 4`,
      `${name}_count{${labels}} 4`,
      `${name}_bucket{le="0.001",target="data/orders",outcome="error"} 1`,
      'postern_rows_total{target="data/orders"} 8',
      'postern_requests_total{target="data/orders",effect="allow",reason=""} 2',
      'postern_requests_total{target="data/orders",effect="deny",reason="not-permitted"} 1',
    ];
    for (let reading = 0; reading < 2; reading += 1) {
      const lines = (await print()).split('\n');
      for (const line of expected) assert.ok(lines.includes(line), line);
      const sum = lines.find((line) => line.startsWith(`${name}_sum{${labels}}`));
      assert.ok(Math.abs(Number(sum?.split(' ')[1]) - 90.0079) < 1e-6, sum);
    }
  });
});
