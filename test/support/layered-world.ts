// SPDX-License-Identifier: Apache-2.0
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { KubeConfig, KubernetesObjectApi, PatchStrategy } from '@kubernetes/client-node';
import { LineCounter, parseAllDocuments } from 'yaml';
import { runCli } from '../../src/cli/cli.ts';
import type { JsonObject } from '../../src/compile/kube/object.ts';
import type { EditedDocument } from '../../src/policy/edit-declaration.ts';
import { EVERYTHING, KubeApi } from './kube-api.ts';
import { TOKEN, writeKubeconfig } from './kube-world.ts';
import { LeaseTarget } from './lease-target.ts';

const ROLES = `    - {tables: [shop.orders], actions: [select, insert]}
    - {tables: [shop.customers], actions: [select], columns: [id, name], as: shop.customers_public}`;
const SQL = `CREATE DATABASE shop; CREATE TABLE shop.orders (id INT); CREATE TABLE shop.reports (id INT);
CREATE TABLE shop.customers (id INT, name VARCHAR(20), email VARCHAR(20));
CREATE DATABASE other; CREATE TABLE other.t (id INT);
CREATE USER app@localhost; GRANT SELECT ON other.* TO app@localhost; CREATE ROLE theirs;`;
const MORE = `---
apiVersion: postern.dev/v1alpha1
kind: DataRole
metadata: {name: reports, namespace: data}
spec:
  privileges:
    - {tables: [shop.reports], actions: [select, insert]}
---
apiVersion: postern.dev/v1alpha1
kind: Grant
metadata: {name: reporting, namespace: data}
spec:
  subjects: [{workload: {clusters: {matchLabels: {env: prod}}, serviceAccounts: [reporting/job]}}]
  targetSelector: {matchLabels: {app: orders}}
  role: reports
`;
const MANAGER = 'kubectl-edit';

export interface PosternRun {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** One database and the cluster its pods are in, both brought to one declaration. */
export class LayeredWorld {
  readonly lease: LeaseTarget;
  readonly api: KubeApi;
  readonly kubeconfig: string;
  readonly kubectl: KubernetesObjectApi;

  private constructor(lease: LeaseTarget, api: KubeApi) {
    this.lease = lease;
    this.api = api;
    this.kubeconfig = writeKubeconfig(lease.directory, api, { token: TOKEN });
    const text = readFileSync(this.kubeconfig, 'utf8');
    writeFileSync(this.kubeconfig, text.replace(/(contexts:\n *- name: )test/, '$1prod'));
    const config = new KubeConfig();
    config.loadFromFile(this.kubeconfig);
    config.setCurrentContext('prod');
    this.kubectl = KubernetesObjectApi.makeApiClient(config);
  }

  static async start(): Promise<LayeredWorld> {
    const lease = await LeaseTarget.start(ROLES, SQL);
    const api = await KubeApi.start([{ name: 'admin', token: TOKEN, rules: EVERYTHING }]);
    const world = new LayeredWorld(lease, api);
    world.declare();
    lease.write('root-password', lease.mariadb.rootPassword);
    for (const name of ['data', 'postern-system', 'istio-system']) {
      await world.kubectl.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    }
    await lease.bootstrap();
    return world;
  }

  /** The declaration as it was in the beginning. */
  declare(): void {
    const { lease } = this;
    lease.declare(ROLES, MORE);
    const text = readFileSync(this.policyFile, 'utf8')
      .replace(
        'bundle: {file: ../ca.pem}}',
        `bundle: {file: ../ca.pem}, istio: {version: "1.29", dataPlane: Sidecar, gateway: {namespace: postern-system, serviceAccount: postern}}}`,
      )
      .replace(
        /^( {4}broker: .*)$/m,
        `$1
    reader: {user: postern_reader, password: {file: ../reader-password}}
    operators: [root@127.0.0.1]
    pods: {cluster: prod, namespace: data, labels: {app: mariadb}, operators: [backup/dump]}`,
      );
    writeFileSync(this.policyFile, text);
  }

  get policyFile(): string {
    return join(this.lease.directory, 'policy/orders.yaml');
  }

  /** As root on the database, as administrator of the cluster. */
  async postern(words: readonly string[], answer?: string): Promise<PosternRun> {
    const said = { out: '', err: '' };
    const asks = answer === undefined ? {} : { ask: async () => answer };
    const administrator = ['--socket', this.lease.mariadb.socketPath];
    const code = await runCli(
      [...words, ...administrator, '--admin-password-file', 'root-password'],
      {
        cwd: this.lease.directory,
        env: { KUBECONFIG: this.kubeconfig },
        interactive: false,
        ...asks,
        out: (text) => {
          said.out += `${text}\n`;
        },
        err: (text) => {
          said.err += `${text}\n`;
        },
      },
    );
    return { code, ...said };
  }

  root(sql: string) {
    return this.lease.mariadb.rootQuery(sql);
  }

  /** By hand, as with `kubectl patch --type merge`. */
  edit(kind: string, name: string, content: JsonObject, metadata: JsonObject = {}) {
    const namespace = kind === 'Service' ? 'postern-system' : 'data';
    const object = { ...apiOf(kind), metadata: { name, namespace, ...metadata }, ...content };
    return this.kubectl.patch(
      object as never,
      undefined,
      undefined,
      MANAGER,
      undefined,
      PatchStrategy.MergePatch,
    );
  }

  create(kind: string, content: JsonObject, metadata: JsonObject = {}) {
    const object = { ...apiOf(kind), metadata: { name: 'theirs', namespace: 'data', ...metadata } };
    return this.kubectl.create({ ...object, ...content } as never, undefined, undefined, MANAGER);
  }

  remove(kind: string, name: string, namespace = 'data') {
    return this.kubectl.delete({ ...apiOf(kind), metadata: { name, namespace } });
  }

  /** Does what `postern drift --adopt` printed: each document in the place of the one it names. */
  write(documents: readonly EditedDocument[]): void {
    for (const { file, line, text } of documents.toSorted((a, b) => b.line - a.line)) {
      const path = join(this.lease.directory, file);
      const before = readFileSync(path, 'utf8');
      const lines = new LineCounter();
      const all = parseAllDocuments(before, { lineCounter: lines });
      const [start, end] = boundaries(all, line, lines);
      writeFileSync(path, before.slice(0, start) + (text ?? '') + before.slice(end));
    }
  }

  async stop(): Promise<void> {
    await this.lease.stop();
    await this.api.stop();
  }
}

function boundaries(
  all: ReturnType<typeof parseAllDocuments>,
  line: number,
  lines: LineCounter,
): readonly [number, number] {
  for (const document of all) {
    const start = 'contents' in document ? document.contents?.range?.[0] : undefined;
    if (start === undefined || lines.linePos(start).line !== line) continue;
    return [start, 'range' in document ? (document.range?.[2] ?? start) : start];
  }
  throw new Error(`no document begins at line ${line}`);
}

function apiOf(kind: string) {
  const apiVersion =
    kind === 'Service'
      ? 'v1'
      : `${kind === 'NetworkPolicy' ? 'networking.k8s.io' : 'security.istio.io'}/v1`;
  return { apiVersion, kind };
}
