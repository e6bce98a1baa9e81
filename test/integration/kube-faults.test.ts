// SPDX-License-Identifier: Apache-2.0
// What an API server and the way to it do wrong, and what is said of it.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { inspect } from 'node:util';
import type { KubeObject } from '../../src/compile/kube/object.ts';
import { KubeClient } from '../../src/kube/client.ts';
import { fromKubeconfig } from '../../src/kube/kubeconfig.ts';
import { watchObjects } from '../../src/kube/watch.ts';
import type { PosternError } from '../../src/model/errors.ts';
import { createAuthority } from '../support/certs.ts';
import { KubeApi } from '../support/kube-api.ts';
import { type StandInWorld, standInWorld, TOKEN, writeKubeconfig } from '../support/kube-world.ts';

describe('an API server that does not play along', () => {
  let world: StandInWorld;
  let api: KubeApi;
  let client: KubeClient;
  const maps = { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'shop' };
  const settings = (value: string, name = 'settings'): KubeObject => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'shop' },
    data: { value },
  });

  before(async () => {
    world = await standInWorld();
    api = world.api;
    client = world.client({ pageSize: 2 });
    await client.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } });
  });
  beforeEach(() => {
    api.fault = () => undefined;
    api.seen.length = 0;
  });
  after(() => world.stop());

  /** The error of a failing call, after a look at what it prints. */
  async function failure(call: Promise<unknown>): Promise<PosternError> {
    try {
      await call;
    } catch (thrown) {
      assert.ok(!inspect(thrown, { depth: 10 }).includes(TOKEN), 'the token is printed');
      return thrown as PosternError;
    }
    assert.fail('it did not fail');
  }
  const faults = (...list: NonNullable<ReturnType<KubeApi['fault']>>[]) => {
    api.fault = () => list.shift();
  };
  const as = (user: object) =>
    new KubeClient(fromKubeconfig([writeKubeconfig(world.directory, api, user as never)]));

  it('is asked again when it is busy or broken, and after the time it names', async () => {
    faults({ status: 429, retryAfterSeconds: 0 }, { status: 503 }, { status: 500 });
    await client.apply(settings('a'));
    assert.equal(api.seen.length, 4);
    assert.deepEqual((await client.get({ ...maps, name: 'settings' }))?.['data'], { value: 'a' });
  });

  it('is asked again when the connection breaks, before the work and after it', async () => {
    faults({ reset: 'before' }, { reset: 'after' });
    await client.apply(settings('b'));
    assert.equal(api.seen.length, 3);
  });

  it('is not waited for longer than there is time', async () => {
    faults({ status: 429, retryAfterSeconds: 3600 });
    const error = await failure(client.apply(settings('c')));
    assert.equal(error.code, 'cluster-refused');
    assert.match(error.message, /refused to apply ConfigMap shop\/settings: injected fault 429/);
  });

  it('gets no second try where trying again changes nothing', async () => {
    api.fault = () => ({ status: 422 });
    await failure(client.apply(settings('d')));
    assert.equal(api.seen.length, 1);
  });

  it('begins a list again whose pages have expired, and gives up in the end', async () => {
    for (const name of ['one', 'two', 'three']) await client.apply(settings('x', name));
    let left = 1;
    api.fault = ({ path }) => {
      if (path.includes('continue=') && left > 0) {
        left -= 1;
        api.expire();
      }
      return undefined;
    };
    assert.equal((await client.list(maps)).items.length, 4);
    left = 99;
    const error = await failure(client.list(maps));
    assert.match(error.message, /refused to list ConfigMap objects: .*too old/);
  });

  it('refuses credentials and rights, and we say whose and which', async () => {
    const stranger = as({ token: 'nobody' });
    const unknown = await failure(stranger.get({ ...maps, name: 'settings' }));
    assert.match(unknown.message, /does not accept these credentials/);
    stranger.close();
    api.users.push({
      name: 'reader',
      token: 'reading',
      rules: [{ verbs: ['get', 'list'], resources: ['*'] }],
    });
    const reader = as({ token: 'reading' });
    assert.ok(await reader.get({ ...maps, name: 'settings' }));
    const forbidden = await failure(reader.apply(settings('e')));
    assert.match(forbidden.message, /User "reader" cannot patch resource "configmaps"/);
    assert.match(String(forbidden.facts['hint']), /Role or ClusterRole/);
    reader.close();
  });

  it('takes a client certificate, and a token file that is replaced while we run', async () => {
    api.users.push({ name: 'deployer', rules: [{ verbs: ['*'], resources: ['*'] }] });
    const { certPem, keyPem } = await api.clientCertificate('deployer');
    const data = (pem: string) => Buffer.from(pem).toString('base64');
    const byCertificate = as({
      'client-certificate-data': data(certPem),
      'client-key-data': data(keyPem),
    });
    await byCertificate.apply(settings('f'));
    byCertificate.close();
    const file = join(world.directory, 'rotating');
    writeFileSync(file, 'old');
    const rotating = as({ tokenFile: file });
    await failure(rotating.apply(settings('g')));
    writeFileSync(file, TOKEN);
    await rotating.apply(settings('g'));
    rotating.close();
  });

  it('is not believed with a certificate of somebody else', async () => {
    const other = await createAuthority({ commonName: 'other' });
    const connection = fromKubeconfig([world.kubeconfig]);
    const wary = new KubeClient({ ...connection, tls: { ca: other.certPem } });
    const error = await failure(wary.get({ ...maps, name: 'settings' }));
    assert.equal(error.code, 'cluster-unreachable');
    assert.match(error.message, /TLS: .*config-/);
    assert.equal(api.seen.length, 0);
    wary.close();
  });

  it('is missed when it is gone', async () => {
    const gone = await KubeApi.start([]);
    const { server, ...rest } = fromKubeconfig([
      writeKubeconfig(world.directory, gone, { token: 'x' }),
    ]);
    await gone.stop();
    const lost = new KubeClient({ server, ...rest }, { limitMs: 300 });
    const error = await failure(lost.get({ ...maps, name: 'settings' }));
    assert.match(error.message, /Cannot reach the Kubernetes API at https:.*ECONNREFUSED/);
    lost.close();
  });

  it('is told what is too old or of another object', async () => {
    const object = await client.apply(settings('h'));
    const { uid = '', resourceVersion = '' } = object.metadata;
    await client.apply(settings('i'));
    const reference = { ...maps, name: 'settings' };
    const stale = await failure(client.delete(reference, { uid, resourceVersion }));
    assert.equal(stale.code, 'cluster-conflict');
    const other = await failure(client.apply(settings('j'), { uid: 'another' }));
    assert.equal(other.code, 'cluster-conflict');
    assert.equal(await client.delete(reference, { uid }), true);
    assert.equal(await client.delete(reference, { uid }), false);
  });

  it('closes the gaps of a watch: cut, ended, forgotten', async () => {
    const stop = new AbortController();
    const troubles: string[] = [];
    const events = watchObjects(client, maps, stop.signal, {
      seconds: 1,
      onTrouble: (error) => troubles.push(error.code),
    });
    const next = async () => {
      const { value } = await events.next();
      if (!value || value.type === 'listed') return value?.type;
      return `${value.type} ${value.object.metadata.name}`;
    };
    assert.equal(await next(), 'listed');
    // The watch opens with the next step of the generator.
    const first = next();
    await client.apply(settings('k', 'first'));
    assert.equal(await first, 'changed first');

    const second = next();
    api.cutConnections();
    await client.apply(settings('k', 'second'));
    assert.equal(await second, 'changed second');

    const third = next();
    const uid = (await client.get({ ...maps, name: 'second' }))?.metadata.uid ?? '';
    await client.delete({ ...maps, name: 'second' }, { uid });
    assert.equal(await third, 'deleted second');

    const fourth = next();
    let cut = false;
    api.fault = ({ path }) => {
      if (!cut && path.includes('watch=1')) {
        cut = true;
        // Something happened that the server no longer remembers.
        api.store.apply(api.kinds[1] as never, 'shop', 'third', settings('k', 'third') as never, {
          manager: 'other',
        });
        api.expire();
      }
      return undefined;
    };
    api.cutConnections();
    assert.equal(await fourth, 'listed');
    stop.abort();
    await events.return();
    assert.ok(troubles.every((code) => code === 'cluster-unreachable'));
  });
});
