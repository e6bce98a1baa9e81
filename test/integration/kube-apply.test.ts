// SPDX-License-Identifier: Apache-2.0
// Applying, planning and watching against an API server: the stand-in, and with KUBECONFIG the same
// on a cluster. The other party is a client that is not ours.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  CoreV1Api,
  KubeConfig,
  KubernetesObjectApi,
  PatchStrategy,
  Watch,
} from '@kubernetes/client-node';
import { type DesiredObject, referenceOf } from '../../src/compile/kube/object.ts';
import { applyPlan, planForCluster } from '../../src/kube/apply.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { watchObjects } from '../../src/kube/watch.ts';
import type { PosternError } from '../../src/model/errors.ts';
import { SAMPLE_KINDS, sampleObjects } from '../support/kube-sample.ts';
import { clusters, type KubeWorld } from '../support/kube-world.ts';

for (const [where, start] of clusters()) {
  describe(`apply on ${where}`, () => {
    let world: KubeWorld;
    let client: KubeClient;
    let desired: DesiredObject[];
    let other: KubeConfig;

    before(async () => {
      world = await start();
      client = world.client({ pageSize: 2 });
      desired = sampleObjects(world.namespace);
      other = new KubeConfig();
      other.loadFromFile(world.kubeconfig);
    });
    after(() => world.stop());

    const plan = (wanted: readonly DesiredObject[] = desired) => {
      const { installation } = world;
      return planForCluster(client, { installation, desired: wanted, kinds: SAMPLE_KINDS });
    };
    const apply = async (wanted = desired, forceConflicts = false) => {
      await applyPlan(client, world.installation, await plan(wanted), { forceConflicts });
    };
    const found = async (wanted: readonly DesiredObject[] = desired) =>
      (await plan(wanted)).steps.map(
        ({ action, reference }) => `${action} ${reference.kind} ${reference.name}`,
      );
    const service = (port: number) => ({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'orders', namespace: world.namespace },
      spec: { ports: [{ name: 'mysql', port: 3306, protocol: 'TCP', targetPort: port }] },
    });
    const otherApply = (spec: object, force = false, manager = 'somebody') =>
      KubernetesObjectApi.makeApiClient(other).patch(
        spec as never,
        undefined,
        undefined,
        manager,
        force,
        PatchStrategy.ServerSideApply,
      );

    it('creates everything in order, and then has nothing to do', async () => {
      assert.deepEqual(
        (await plan()).steps.map(({ action, reference }) => `${action} ${reference.kind}`),
        ['Namespace', 'ServiceAccount', 'ConfigMap', 'NetworkPolicy', 'Service'].map(
          (kind) => `create ${kind}`,
        ),
      );
      const told: string[] = [];
      await applyPlan(client, world.installation, await plan(), {
        onStep: ({ reference }, done, of) => told.push(`${reference.kind} ${done}/${of}`),
      });
      assert.deepEqual([told[0], told.at(-1)], ['Namespace 1/5', 'Service 5/5']);
      assert.deepEqual(await found(), []);
    });

    it('is read by a client that is not ours, with our name on the fields', async () => {
      const api = other.makeApiClient(CoreV1Api);
      const { namespace } = world;
      const read = await api.readNamespacedService({ name: 'orders', namespace });
      assert.equal(read.spec?.ports?.length, 2);
      assert.deepEqual(
        read.metadata?.managedFields?.map(({ manager, operation }) => `${manager} ${operation}`),
        ['postern Apply'],
      );
      const all = await api.listNamespacedService({ namespace, limit: 1 });
      assert.deepEqual(
        all.items.map(({ metadata }) => metadata?.name),
        ['orders'],
      );
    });

    it('stops another manager that would change a field of ours', async () => {
      await assert.rejects(otherApply(service(1)), (error: { code?: number }) => {
        assert.equal(error.code, 409);
        return true;
      });
      // What is said alike is held by both.
      await otherApply(service(3306));
      assert.deepEqual(await found(), []);
    });

    it('names the manager that took a field, and takes it back when told to', async () => {
      await otherApply(service(13306), true);
      assert.deepEqual(await found(), ['update Service orders']);
      const [step] = (await plan()).steps;
      assert.ok(step?.action === 'update');
      assert.deepEqual(
        step.changes.map(({ field, desired, observed, holders }) => [
          field,
          desired,
          observed,
          holders,
        ]),
        [['spec.ports[port=3306,protocol=TCP].targetPort', 3306, 13306, ['somebody']]],
      );
      await assert.rejects(apply(), (error: PosternError) => {
        assert.equal(error.code, 'cluster-conflict');
        assert.match(error.message, /apply Service .*\/orders: somebody holds spec\.ports/);
        return true;
      });
      await apply(desired, true);
      assert.deepEqual(await found(), []);
    });

    it('puts back what was edited or deleted', async () => {
      const api = other.makeApiClient(CoreV1Api);
      const { namespace } = world;
      await api.deleteNamespacedServiceAccount({ name: 'postern', namespace });
      const read = await api.readNamespacedConfigMap({ name: 'settings', namespace });
      await api.replaceNamespacedConfigMap({
        name: 'settings',
        namespace,
        body: { ...read, data: { ...read.data, mode: 'lax' } },
      });
      assert.deepEqual(await found(), [
        'create ServiceAccount postern',
        'update ConfigMap settings',
      ]);
      await apply(desired, true);
      assert.deepEqual(await found(), []);
    });

    it('takes a field that somebody added where every field counts', async () => {
      const policy = {
        apiVersion: 'networking.k8s.io/v1',
        kind: 'NetworkPolicy',
        metadata: { name: 'only-postern', namespace: world.namespace },
        spec: { egress: [{}] },
      };
      await otherApply(policy);
      assert.deepEqual(await found(), ['update NetworkPolicy only-postern']);
      await assert.rejects(apply(), /somebody holds spec\.egress/);
      await apply(desired, true);
      assert.deepEqual(await found(), []);
    });

    it('drops what is no longer declared, but no namespace and nothing of others', async () => {
      const api = other.makeApiClient(CoreV1Api);
      const { namespace } = world;
      const body = { metadata: { name: 'theirs' }, data: { a: 'b' } };
      await api.createNamespacedConfigMap({ namespace, body });
      const kept = desired.filter(({ object }) => object.kind === 'ServiceAccount');
      const steps = ['Service orders', 'NetworkPolicy only-postern', 'ConfigMap settings'];
      assert.deepEqual(
        await found(kept),
        steps.map((step) => `delete ${step}`),
      );
      await apply(kept);
      const left = await plan(kept);
      assert.deepEqual(left.steps, []);
      assert.deepEqual(
        left.obstacles.map(({ severity, reference }) => [severity, reference.kind]),
        [['remains', 'Namespace']],
      );
      const theirs = await api.readNamespacedConfigMap({ name: 'theirs', namespace });
      assert.equal(theirs.data?.['a'], 'b');
    });

    it('applies nothing at all when an object of others is in the way', async () => {
      const [, , settings] = desired;
      assert.ok(settings);
      const { metadata } = settings.object;
      const object = { ...settings.object, metadata: { ...metadata, name: 'theirs' } };
      const wanted = [...desired, { ...settings, object }];
      await assert.rejects(apply(wanted), (error: PosternError) => {
        assert.equal(error.code, 'plan-blocked');
        assert.match(error.message, /ConfigMap .*\/theirs exists and is not managed by Postern/);
        return true;
      });
      assert.ok((await found(wanted)).includes('create Service orders'));
    });

    it('says what the cluster does not serve before it changes anything', async () => {
      const [account] = desired;
      assert.ok(account);
      const object = { ...account.object, apiVersion: 'nobody.example/v1', kind: 'Nothing' };
      const wanted = [{ ...account, object }];
      await assert.rejects(plan(wanted), /does not serve Nothing \(nobody\.example\/v1\)/);
    });

    it('follows a dry run without changing anything', async () => {
      const [, , settings] = desired;
      assert.ok(settings);
      const step = (await plan()).steps.find(({ reference }) => reference.kind === 'ConfigMap');
      assert.ok(step?.action === 'create');
      const would = await client.apply(step.object, { dryRun: true });
      assert.equal(would.metadata.name, 'settings');
      assert.equal(await client.get(referenceOf(settings.object)), undefined);
    });

    it('refuses a field that does not exist', async () => {
      const [, , settings] = desired;
      assert.ok(settings);
      const wrong = { ...settings, object: { ...settings.object, dta: {} } };
      await assert.rejects(apply([wrong]), (error: PosternError) => {
        assert.equal(error.code, 'cluster-refused');
        assert.match(error.message, /dta/);
        return true;
      });
    });

    it('sees in a watch what another client does, and the other way round', async () => {
      const stop = new AbortController();
      const { namespace } = world;
      const selection = { apiVersion: 'v1', kind: 'ConfigMap', namespace };
      const events = watchObjects(client, selection, stop.signal);
      assert.equal((await events.next()).value?.type, 'listed');
      const seen: string[] = [];
      let notice = () => {};
      const noticed = new Promise<void>((resolve) => {
        notice = resolve;
      });
      const abort = await new Watch(other).watch(
        `/api/v1/namespaces/${namespace}/configmaps`,
        {},
        (type: string, object: { metadata: { name: string } }) => {
          seen.push(`${type} ${object.metadata.name}`);
          if (object.metadata.name === 'settings') notice();
        },
        () => {},
      );
      await apply();
      await noticed;
      abort.abort();
      // A cluster puts a ConfigMap of its own into every namespace.
      for await (const event of events) {
        if (event.type === 'changed' && event.object.metadata.name === 'settings') break;
      }
      stop.abort();
      assert.ok(seen.includes('ADDED settings'));
    });
  });
}
