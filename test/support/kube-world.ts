// SPDX-License-Identifier: Apache-2.0
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { JsonObject } from '../../src/compile/kube/object.ts';
import { KubeClient, type KubeClientOptions } from '../../src/kube/client.ts';
import { fromKubeconfig } from '../../src/kube/kubeconfig.ts';
import { EVERYTHING, KubeApi } from './kube-api.ts';

/** A cluster to test with and a namespace of our own in it. */
export interface KubeWorld {
  readonly kubeconfig: string;
  readonly namespace: string;
  /** A name that no other run has. */
  readonly installation: string;
  client(options?: KubeClientOptions): KubeClient;
  stop(): Promise<void>;
}

export interface StandInWorld extends KubeWorld {
  readonly api: KubeApi;
  readonly directory: string;
}

export const TOKEN = 'eyJ.administrator.token';

export async function standInWorld(): Promise<StandInWorld> {
  const api = await KubeApi.start([{ name: 'admin', token: TOKEN, rules: EVERYTHING }]);
  const directory = mkdtempSync(join(tmpdir(), 'postern-kube-'));
  const kubeconfig = writeKubeconfig(directory, api, { token: TOKEN });
  const world = worldOn(kubeconfig, async () => {
    await api.stop();
    rmSync(directory, { recursive: true });
  });
  return { ...world, api, directory };
}

/** The stand-in, and the cluster of `KUBECONFIG` where there is one. */
export function clusters(): [string, () => Promise<KubeWorld>][] {
  const real = process.env['KUBECONFIG'];
  return [
    ['the stand-in', standInWorld],
    ...(real
      ? ([['the cluster of KUBECONFIG', async () => worldOn(real, async () => {})]] as [
          string,
          () => Promise<KubeWorld>,
        ][])
      : []),
  ];
}

function worldOn(kubeconfig: string, stop: () => Promise<void>): KubeWorld {
  const installation = `test-${randomBytes(4).toString('hex')}`;
  const namespace = `postern-${installation}`;
  const clients: KubeClient[] = [];
  return {
    kubeconfig,
    namespace,
    installation,
    client(options) {
      const client = new KubeClient(fromKubeconfig(kubeconfig.split(':')), options);
      clients.push(client);
      return client;
    },
    async stop() {
      const client = this.client();
      const reference = { apiVersion: 'v1', kind: 'Namespace', name: namespace };
      const uid = (await client.get(reference))?.metadata.uid;
      if (uid !== undefined) await client.delete(reference, { uid });
      for (const open of clients) open.close();
      await stop();
    },
  };
}

export function writeKubeconfig(directory: string, api: KubeApi, user: JsonObject): string {
  const file = join(directory, `config-${randomBytes(4).toString('hex')}`);
  const ca = Buffer.from(api.caPem).toString('base64');
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'test',
    clusters: [{ name: 'test', cluster: { server: api.url, 'certificate-authority-data': ca } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
    users: [{ name: 'test', user }],
  };
  writeFileSync(file, stringify(config));
  return file;
}
