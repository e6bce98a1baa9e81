// SPDX-License-Identifier: Apache-2.0
import { equal, match, ok, rejects } from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Connection } from 'mysql2/promise';
import { SeveralWorkers, tell } from '../support/several-workers.ts';
import { until } from '../support/world.ts';
import { workerOf } from '../support/write-load.ts';

const WORKERS = 3;
const CONNECTIONS = 7;
const RATE = 60;
const HAMMERED_MS = 6_000;

const POLICY = `---
apiVersion: postern.dev/v1alpha1
kind: ServiceClass
metadata: {name: few}
spec: {connections: ${CONNECTIONS}}
---
apiVersion: postern.dev/v1alpha1
kind: ServiceClass
metadata: {name: slow}
spec: {requestsPerSecond: ${RATE}}
${['few', 'slow']
  .map(
    (name) => `---
apiVersion: postern.dev/v1alpha1
kind: Grant
metadata: {name: ${name}, namespace: data}
spec:
  subjects: [{group: {provider: people, id: ${name}}}]
  targetSelector: {matchLabels: {app: orders}}
  role: orders-writer
  serviceClass: ${name}
`,
  )
  .join('')}`;

describe('limits over several workers', () => {
  let several: SeveralWorkers;
  before(async () => {
    several = await SeveralWorkers.start(WORKERS, { extraPolicy: POLICY });
  });
  after(() => several?.stop());

  async function many(
    name: string,
    count: number,
  ): Promise<{ open: Connection[]; refused: string[] }> {
    const all = await Promise.allSettled(
      Array.from({ length: count }, () => several.person(name, 'few')),
    );
    return {
      open: all.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : [])),
      refused: all.flatMap((one) => (one.status === 'rejected' ? [String(one.reason)] : [])),
    };
  }

  it('count connections exactly, wherever they are', async () => {
    const open: Connection[] = [];
    while (open.length < CONNECTIONS) open.push(await several.person('crowd', 'few'));
    equal(new Set(open.map(({ threadId }) => workerOf(threadId))).size, WORKERS);
    const more = await many('crowd', 2 * CONNECTIONS);
    equal(more.open.length, 0);
    for (const problem of more.refused) match(problem, /limit-connections/);
    const other = await several.person('somebody-else', 'few');
    const [first] = open;
    if (first) await several.close(first);
    let next: Connection | undefined;
    await until(
      async () => {
        next = await several.person('crowd', 'few').catch(() => undefined);
        return next !== undefined;
      },
      5_000,
      'the place that was given back',
    );
    await rejects(several.person('crowd', 'few'), /limit-connections/);
    await several.close(...open.slice(1), other, ...(next ? [next] : []));
  });

  it('let in no more when all come at once, and get back what a killed worker held', async () => {
    const { open, refused } = await many('mob', 3 * CONNECTIONS);
    equal(open.length, CONNECTIONS);
    for (const problem of refused) match(problem, /limit-connections/);
    const [pid = 0] = several.workers;
    tell(pid, 'SIGKILL');
    await several.replaced(pid);
    const left = await several.working(open);
    const more = await many('mob', 2 * CONNECTIONS);
    equal(left.length + more.open.length, CONNECTIONS);
    await several.close(...open, ...more.open);
  });

  it('deny no request while the budget is not spent', async () => {
    const connections = await several.onEachWorker('thrifty', 'slow');
    // A full bucket holds a second's worth; where its tokens are must not matter.
    for (let n = 0; n < RATE; n += 1) {
      await connections[n % connections.length]?.query('SELECT 1');
    }
    await several.close(...connections);
  });

  it('let through the rate within five per cent, whoever asks', async () => {
    const connections = (
      await Promise.all([1, 2].map(() => several.onEachWorker('greedy', 'slow')))
    ).flat();
    let allowed = 0;
    let denied = 0;
    const begun = performance.now();
    const hammer = async (connection: Connection) => {
      while (performance.now() - begun < HAMMERED_MS) {
        try {
          await connection.query('SELECT 1');
          allowed += 1;
        } catch (thrown) {
          match(String(thrown), /limit-rate/);
          denied += 1;
          await new Promise((resolve) => setTimeout(resolve, 2));
        }
      }
    };
    await Promise.all(connections.map(hammer));
    const seconds = (performance.now() - begun) / 1_000;
    const facts = `${allowed} allowed and ${denied} denied in ${seconds} s`;
    ok(denied > 0, facts);
    // A full bucket, then the rate.
    ok(allowed <= RATE * (seconds + 1) * 1.05, facts);
    ok(allowed >= RATE * seconds * 0.95, facts);
    await several.close(...connections);
  });
});
