// SPDX-License-Identifier: Apache-2.0
// kill -9 before and after each write of an apply: whatever is left, applying again ends the same.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { DesiredObject } from '../../src/compile/kube/object.ts';
import { applyPlan, planForCluster } from '../../src/kube/apply.ts';
import type { Json } from '../support/kube-fields.ts';
import { SAMPLE_KINDS, sampleObjects } from '../support/kube-sample.ts';
import { type StandInWorld, standInWorld } from '../support/kube-world.ts';

const APPLIER = fileURLToPath(new URL('../support/kube-applier.js', import.meta.url));
const rules: DesiredObject['rules'] = [];
/** One update, six creations, three removals. */
const WRITES = 10;

function map(namespace: string, name: string, value: string): DesiredObject {
  const metadata = { name, namespace };
  return { object: { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { value } }, rules };
}

describe('kill -9 while objects are applied', () => {
  let world: StandInWorld;
  before(async () => {
    world = await standInWorld();
  });
  after(() => world.stop());

  /** What stands in a namespace, without what differs from one to the next. */
  function standing(namespace: string): unknown {
    const { api } = world;
    const text = JSON.stringify(
      api.kinds
        .filter(({ namespaced }) => namespaced)
        .flatMap((kind) => api.store.list(kind, namespace))
        .map(({ metadata, ...object }) => {
          const { uid: _, resourceVersion: __, creationTimestamp: ___, ...rest } = metadata as Json;
          const owners = (rest['managedFields'] as Json[]).map(({ time: ____, ...entry }) => entry);
          return { ...object, metadata: { ...rest, managedFields: owners } };
        }),
    );
    return JSON.parse(text.replaceAll(namespace, 'NAMESPACE'));
  }

  async function round(namespace: string, killAt?: { write: number; when: 'before' | 'after' }) {
    const { api, kubeconfig, directory } = world;
    const client = world.client();
    const names = (prefix: string, count: number, value: string) =>
      Array.from({ length: count }, (_, at) => map(namespace, `${prefix}-${at}`, value));
    const always = [...sampleObjects(namespace), map(namespace, 'kept', 'as it is')];
    const old = [...always, map(namespace, 'changed', 'old'), ...names('old', 3, 'x')];
    const desired = [...always, map(namespace, 'changed', 'new'), ...names('new', 6, 'x')];
    // Each round is an installation of its own.
    const plan = (wanted: readonly DesiredObject[]) =>
      planForCluster(client, { installation: namespace, desired: wanted, kinds: SAMPLE_KINDS });
    await applyPlan(client, namespace, await plan(old));

    const file = join(directory, `${namespace}.json`);
    writeFileSync(file, JSON.stringify(desired));
    let writes = 0;
    const child = spawn(process.execPath, [APPLIER, kubeconfig, namespace, file], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    api.fault = ({ write }) => {
      if (!write) return undefined;
      writes += 1;
      if (writes !== killAt?.write) return undefined;
      child.kill('SIGKILL');
      return { reset: killAt.when };
    };
    const [code, signal] = await once(child, 'exit');
    api.fault = () => undefined;
    if (!killAt) {
      assert.equal(code, 0);
      assert.equal(writes, WRITES);
    } else {
      assert.equal(signal, 'SIGKILL');
      const left = JSON.stringify(standing(namespace));
      // Nothing is taken away before everything new is there.
      if (!left.includes('"new-5"')) assert.ok(left.includes('"old-2"'));
      assert.ok(left.includes('"kept"'));
      await applyPlan(client, namespace, await plan(desired));
    }
    assert.deepEqual((await plan(desired)).steps, []);
    return standing(namespace);
  }

  it(`ends the same at ${2 * WRITES} points`, async () => {
    const expected = await round('undisturbed');
    for (let write = 1; write <= WRITES; write += 1) {
      for (const when of ['before', 'after'] as const) {
        const point = `${when}-${write}`;
        assert.deepEqual(await round(point, { write, when }), expected, point);
      }
    }
  });
});
