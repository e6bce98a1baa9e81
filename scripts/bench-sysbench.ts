// SPDX-License-Identifier: Apache-2.0
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Route } from './bench-place.ts';
import { cpuMs } from './process-tree.ts';

const TABLE_ROWS = 10_000;

/** What sysbench is to do; `prepared`: statements prepared once per connection. */
export interface Load {
  readonly script: 'oltp_point_select' | 'oltp_read_only';
  readonly connections: number;
  readonly prepared?: boolean;
}

export interface LoadFigure {
  readonly perSecond: number;
  /** Latency of a statement (of a transaction in the mix). */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** User and system time of the process in the middle. */
  readonly cpuPerQueryUs?: number;
}

export async function prepareTable(route: Route): Promise<void> {
  await sysbench(route, 'oltp_point_select', ['--threads=1', 'prepare']);
}

export async function run(route: Route, load: Load, seconds: number): Promise<LoadFigure> {
  const before = route.proxy === undefined ? 0 : cpuMs(route.proxy);
  const output = await sysbench(route, load.script, [
    `--threads=${load.connections}`,
    `--time=${seconds}`,
    `--db-ps-mode=${load.prepared ? 'auto' : 'disable'}`,
    '--histogram=on',
    'run',
  ]);
  const after = route.proxy === undefined ? 0 : cpuMs(route.proxy);
  const [, total, rate] = /queries:\s+(\d+)\s+\(([\d.]+) per sec/.exec(output) ?? [];
  const perSecond = Number(rate);
  if (!(perSecond > 0)) throw new Error(`sysbench printed no rate:\n${output}`);
  const cpu = ((after - before) * 1_000) / Number(total);
  return {
    perSecond,
    ...percentiles(output),
    ...(route.proxy !== undefined && { cpuPerQueryUs: cpu }),
  };
}

/** From the histogram, because sysbench itself prints one percentile of its choice. */
function percentiles(output: string): { p50Ms: number; p99Ms: number } {
  const buckets = [...output.matchAll(/^\s+([\d.]+) \|[* ]*\s(\d+)$/gm)].map(([, ms, count]) => ({
    ms: Number(ms),
    count: Number(count),
  }));
  const total = buckets.reduce((sum, { count }) => sum + count, 0);
  const at = (share: number) => {
    let seen = 0;
    for (const { ms, count } of buckets) {
      seen += count;
      if (seen >= total * share) return ms;
    }
    return Number.NaN;
  };
  return { p50Ms: at(0.5), p99Ms: at(0.99) };
}

/** Asynchronous: this process also serves the identity provider that the gateway asks. */
async function sysbench(one: Route, script: string, args: readonly string[]): Promise<string> {
  const connection = [
    '--mysql-host=127.0.0.1',
    `--mysql-port=${one.port}`,
    `--mysql-user=${one.user}`,
    `--mysql-password=${one.password}`,
    '--mysql-db=bench',
    ...(one.caPem === undefined ? [] : ['--mysql-ssl=on']),
    '--tables=1',
    `--table-size=${TABLE_ROWS}`,
  ];
  const command = [script, ...connection, ...args];
  const { stdout } = await promisify(execFile)('sysbench', command, { cwd: one.directory });
  return stdout;
}
