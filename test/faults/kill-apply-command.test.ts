// SPDX-License-Identifier: Apache-2.0
// kill -9 of `postern apply` before and after a statement or a request, spread over both layers:
// whatever is left, applying again ends the same.
import { deepEqual, equal, ok } from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ExampleWorld } from '../support/example-world.ts';
import type { Json } from '../support/kube-fields.ts';
import { StatementTap } from '../support/statement-tap.ts';

/** `FAULT_ROUNDS=20` for as many as the gate asks for. */
const POINTS = Number(process.env['FAULT_ROUNDS'] ?? 4);
const TARGETS = ['orders', 'orders-preview'] as const;

interface Point {
  readonly layer: 'database' | 'cluster';
  readonly at: number;
  readonly when: 'before' | 'after';
}

describe(`kill -9 of postern apply at ${POINTS} points`, () => {
  let world: ExampleWorld;
  let orders: string;
  const taps: StatementTap[] = [];

  before(async () => {
    world = await ExampleWorld.start();
    orders = world.read('policy/orders.yaml');
    await world.bootstrap();
    for (const target of TARGETS) {
      const { socketPath } = world.database(target);
      taps.push(await StatementTap.start(world.directory, target, socketPath));
    }
  });
  after(async () => {
    await Promise.all(taps.map((tap) => tap.stop()));
    await world.stop();
  });

  /** Two states between which both layers gain, change and lose something. */
  function declare(state: 'first' | 'second'): void {
    const pods = orders.match(/^ {4}pods:.*\n/gm) ?? [];
    const [own = '', preview = ''] = pods;
    const text =
      state === 'first'
        ? orders.replace(own, '').replace('select, insert, update', 'select, insert')
        : orders
            .replace(preview, '')
            .replace('columns: [id, name]', 'columns: [id]')
            .replace('connections: 20', 'connections: 10');
    world.write('policy/orders.yaml', text);
  }

  async function apply(): Promise<void> {
    const { code, out, err } = await world.postern(['apply', '--yes']);
    equal(code, 0, out + err);
  }

  /** Both layers, without what differs from one time to the next. */
  async function everything(): Promise<unknown> {
    const objects = world.api.kinds
      .flatMap((kind) => world.api.store.list(kind))
      .map(({ metadata, ...object }) => {
        const { uid: _, resourceVersion: __, creationTimestamp: ___, ...rest } = metadata as Json;
        const owners = (rest['managedFields'] as Json[]).map(({ time: ____, ...entry }) => entry);
        return { ...object, metadata: { ...rest, managedFields: owners } };
      });
    const rows = await Promise.all(
      TARGETS.map(async (target) => {
        const found = await world.database(target).rootQuery('CALL postern.observe()');
        return found
          .map(({ part, fact }) => `${part} ${fact}`)
          .filter((row) => !row.startsWith('applied '))
          .sort();
      }),
    );
    return { objects, rows };
  }

  /** Counts statements and writes, and kills the process at the point. */
  async function applyAsProcess(point?: Point) {
    const seen = { database: 0, cluster: 0 };
    const child = world.start(
      ['apply', '--yes'],
      taps.map(({ socketPath }) => socketPath),
    );
    const isPoint = (layer: Point['layer']) => {
      seen[layer] += 1;
      if (layer !== point?.layer || seen[layer] !== point.at) return false;
      child.child.kill('SIGKILL');
      return true;
    };
    for (const tap of taps) {
      tap.onStatement = () => {
        if (!isPoint('database')) return 'pass';
        return point?.when === 'after' ? 'after' : 'drop';
      };
    }
    world.api.fault = ({ write }) => {
      return write && point && isPoint('cluster') ? { reset: point.when } : undefined;
    };
    if (!point) world.api.fault = ({ write }) => void (write && isPoint('cluster'));
    const { code, out, err } = await child.result();
    world.api.fault = () => undefined;
    for (const tap of taps) tap.onStatement = () => 'pass';
    return { code, text: out + err, seen };
  }

  /** What must hold wherever it was killed. */
  async function judgeHalfway(when: string): Promise<void> {
    const rows = await world
      .database('orders')
      .rootQuery("SELECT name, ready FROM postern.role WHERE data_role LIKE '%/orders-writer'");
    const names = world.api.kinds
      .flatMap((kind) => world.api.store.list(kind))
      .map(({ metadata }) => (metadata as Json)['name']);
    const opened = names.includes('postern-orders-allow');
    const lost = rows.length < 2 || rows.some(({ ready }) => !ready);
    const ready = rows.filter((row) => row.ready);
    ok(ready.length > 0, `${when}: there is always a role to lend`);
    if (opened) ok(rows.length > 0 && ready.length > 0, `${when}: opened to a role that is there`);
    if (lost && rows.length === 2 && opened) {
      ok(!names.includes('postern-orders-preview-allow'), `${when}: roles are lost last`);
    }
  }

  it('ends the same, wherever it was', async () => {
    declare('first');
    await apply();
    declare('second');
    const undisturbed = await applyAsProcess();
    equal(undisturbed.code, 0, undisturbed.text);
    const expected = await everything();
    const { database, cluster } = undisturbed.seen;
    ok(database > 20 && cluster > 10, JSON.stringify(undisturbed.seen));
    for (let point = 0; point < POINTS; point += 1) {
      const layer = point % 2 === 0 ? 'database' : 'cluster';
      const share = (point + 1) / (POINTS + 1);
      const at = Math.max(1, Math.ceil(undisturbed.seen[layer] * share));
      const when = point % 4 < 2 ? 'before' : 'after';
      const text = `killed ${when} ${layer} ${at} of ${undisturbed.seen[layer]}`;
      declare('first');
      await apply();
      declare('second');
      const killed = await applyAsProcess({ layer, at, when });
      equal(killed.code, null, `${text}: it ended by itself\n${killed.text}`);
      await judgeHalfway(text);
      await apply();
      deepEqual(await everything(), expected, text);
      equal((await world.postern(['plan'])).code, 0, text);
    }
  });
});
