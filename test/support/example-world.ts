// SPDX-License-Identifier: Apache-2.0
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCli } from '../../src/cli/cli.ts';
import { CliProcess } from './cli-process.ts';
import { EVERYTHING, KubeApi, type Rule } from './kube-api.ts';
import type { Json } from './kube-fields.ts';
import type { ServedKind } from './kube-shape.ts';
import { writeKubeconfig } from './kube-world.ts';
import { startMariadb, type TestMariadb } from './mariadb.ts';
import { repositoryFile } from './repository-file.ts';

/** The Targets of examples/shop, and the Cluster of it that has a mesh. */
const TARGETS = ['orders', 'orders-preview'] as const;
export type ExampleTarget = (typeof TARGETS)[number];
export const EXAMPLE_CLUSTER = 'prod-weu';

const SHOP_SQL = `CREATE DATABASE shop;
CREATE TABLE shop.orders (id INT PRIMARY KEY, amount INT);
CREATE TABLE shop.customers (id INT PRIMARY KEY, name VARCHAR(20), email VARCHAR(50));`;
const ADMIN_TOKEN = 'eyJ.administrator.token';

interface PosternRun {
  readonly env?: Readonly<Record<string, string>>;
  readonly answer?: string;
}

interface Printed {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** examples/shop as it is, on two MariaDBs and the stand-in of an API server. */
export class ExampleWorld {
  readonly directory = mkdtempSync(join(tmpdir(), 'postern-example-'));
  readonly #databases = new Map<ExampleTarget, TestMariadb>();
  api!: KubeApi;
  kubeconfig!: string;
  /** Further words about administrators. */
  overrides: readonly string[] = [];

  static async start(): Promise<ExampleWorld> {
    const world = new ExampleWorld();
    try {
      cpSync(repositoryFile('examples/shop'), join(world.directory, 'policy'), { recursive: true });
      world.api = await KubeApi.start([{ name: 'admin', token: ADMIN_TOKEN, rules: EVERYTHING }]);
      world.kubeconfig = world.kubeconfigOf(world.api, ADMIN_TOKEN);
      for (const name of ['postern-system', 'data']) world.makeNamespace(name);
      for (const target of TARGETS) {
        const database = await startMariadb();
        world.#databases.set(target, database);
        await database.rootQuery(SHOP_SQL);
        world.write(`${target}.password`, database.rootPassword);
      }
      return world;
    } catch (thrown) {
      await world.stop();
      throw thrown;
    }
  }

  database(target: ExampleTarget): TestMariadb {
    const database = this.#databases.get(target);
    if (!database) throw new Error(`${target} was not started`);
    return database;
  }

  /** A kubeconfig in which the context has the name of the Cluster. */
  kubeconfigOf(api: KubeApi, token: string, context = EXAMPLE_CLUSTER): string {
    const file = writeKubeconfig(this.directory, api, { token });
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, text.replace(/(contexts:\n *- name: )test/, `$1${context}`));
    return file;
  }

  /** Adds a user with these rights; its kubeconfig. */
  userWith(name: string, rules: readonly Rule[]): string {
    const token = `eyJ.${name}.token`;
    this.api.users.push({ name, token, rules });
    return this.kubeconfigOf(this.api, token);
  }

  kind(name: string): ServedKind {
    const kind = this.api.kinds.find((one) => one.kind === name);
    if (!kind) throw new Error(`the stand-in serves no ${name}`);
    return kind;
  }

  objects(kind: string): Json[] {
    return this.api.store.list(this.kind(kind));
  }

  /** As another client does it, with a manager of its own. */
  replace(kind: string, object: Json, manager = 'somebody'): void {
    const { name, namespace } = object['metadata'] as { name: string; namespace?: string };
    this.api.store.update(this.kind(kind), namespace, name, object, { manager });
  }

  /** Replaces the spec. */
  put(kind: string, object: Json, change: (spec: Json) => Json): void {
    const metadata = { ...(object['metadata'] as Json), managedFields: [] };
    this.replace(kind, { ...object, metadata, spec: change(object['spec'] as Json) });
  }

  makeNamespace(name: string): void {
    this.replace('Namespace', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } }, 'test');
  }

  write(name: string, text: string): void {
    writeFileSync(join(this.directory, name), text, { mode: 0o600 });
  }

  /** Changes a file of the declaration; what undoes it. */
  edit(name: string, from: string | RegExp, to: string): () => void {
    const before = this.read(`policy/${name}`);
    const after = before.replace(from, to);
    if (after === before) throw new Error(`${name} does not have ${from}`);
    this.write(`policy/${name}`, after);
    return () => this.write(`policy/${name}`, before);
  }

  read(name: string): string {
    return readFileSync(join(this.directory, name), 'utf8');
  }

  /** Words that say who administers the databases; `sockets` for other ways to them. */
  administrators(sockets: readonly string[] = []): readonly string[] {
    const words = TARGETS.flatMap((target, at) => [
      '--socket',
      `${target}=${sockets[at] ?? this.database(target).socketPath}`,
      '--admin-password-file',
      `${target}=${target}.password`,
    ]);
    return [...this.overrides, ...words];
  }

  /** As a process of its own. */
  start(words: readonly string[], sockets: readonly string[] = []): CliProcess {
    return new CliProcess([...words, ...this.administrators(sockets)], {
      cwd: this.directory,
      env: { KUBECONFIG: this.kubeconfig },
    });
  }

  /** `postern ...` with these words and administrators; `answer` is what a person would type. */
  async postern(words: readonly string[], { env, answer }: PosternRun = {}): Promise<Printed> {
    const printed = { out: '', err: '' };
    const code = await runCli([...words, ...this.administrators()], {
      cwd: this.directory,
      env: { KUBECONFIG: this.kubeconfig, ...env },
      interactive: false,
      ...(answer !== undefined && { ask: () => Promise.resolve(answer) }),
      out: (text) => {
        printed.out += `${text}\n`;
      },
      err: (text) => {
        printed.err += `${text}\n`;
      },
    });
    return { code, ...printed };
  }

  async bootstrap(): Promise<void> {
    for (const target of TARGETS) {
      const { code, out, err } = await this.postern(['bootstrap', target]);
      if (code !== 0) throw new Error(`bootstrap ${target}: ${code}\n${out}${err}`);
    }
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#databases.values()].map((database) => database.stop()));
    await this.api?.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }
}
