// SPDX-License-Identifier: Apache-2.0
import type { AuthorizationPolicy } from '../../manifest/authorization-policy.ts';
import {
  type DatabaseWorkload,
  isMysqlPort,
  selectsWorkload,
} from '../../manifest/database-workload.ts';
import type { Manifest } from '../../manifest/manifest.ts';
import {
  childOf,
  hasLabels,
  itemsOf,
  labelsOf,
  membersOf,
  textAt,
  textsOf,
} from '../../manifest/node.ts';
import type { TreeNode } from '../../policy/source-tree.ts';
import { freeName, type ImportedDocument } from '../document.ts';
import type { Leaves } from './leaves.ts';

/** A database that was found, on its way to a Target. */
export class ImportedTarget {
  readonly name: string;
  readonly namespace: string;
  readonly host: string;
  readonly port: number;
  readonly workload: DatabaseWorkload | undefined;
  readonly #restrictions: { readonly accounts: ReadonlySet<string>; readonly by: string }[] = [];

  constructor(
    name: string,
    namespace: string,
    host: string,
    port: number,
    workload?: DatabaseWorkload,
  ) {
    this.name = name;
    this.namespace = namespace;
    this.host = host;
    this.port = port;
    this.workload = workload;
  }

  get id(): string {
    return `Target/${this.namespace}/${this.name}`;
  }

  /** Names of imported Targets differ over all namespaces, so the label selects one. */
  get labels(): Readonly<Record<string, string>> {
    return { app: this.name };
  }

  restrictTo(accounts: ReadonlySet<string>, by: string): void {
    this.#restrictions.push({ accounts, by });
  }

  /** The DENY that keeps an account out, or a subject that is no single account. */
  barring(account: string | undefined): string | undefined {
    return this.#restrictions.find(
      ({ accounts }) => account === undefined || !accounts.has(account),
    )?.by;
  }
}

export class Targets {
  readonly #cluster: string;
  readonly #schemas: readonly string[];
  readonly #taken: Set<string>;
  readonly #all: ImportedTarget[] = [];

  constructor(
    workloads: readonly DatabaseWorkload[],
    { cluster, schemas }: { readonly cluster: string; readonly schemas: readonly string[] },
    taken: Iterable<string>,
  ) {
    this.#cluster = cluster;
    this.#schemas = schemas;
    this.#taken = new Set(taken);
    for (const workload of workloads.filter(({ serverFirst }) => serverFirst)) {
      const { name, namespace, port } = workload;
      const host = `${name}.${namespace}.svc`;
      this.#all.push(
        new ImportedTarget(freeName(name, this.#taken), namespace, host, port, workload),
      );
    }
  }

  of(policy: AuthorizationPolicy): readonly ImportedTarget[] {
    return this.#all.filter(({ workload }) => workload && selectsWorkload(policy, workload));
  }

  /** Those whose pods a selector means; without one all of the namespace. */
  selected(namespace: string, matchLabels: TreeNode | undefined): readonly ImportedTarget[] {
    const selector = labelsOf(matchLabels);
    return this.#all.filter(
      ({ workload }) => workload?.namespace === namespace && hasLabels(workload.labels, selector),
    );
  }

  /** A database outside the mesh: one Target for its one host. */
  external({ spec, namespace }: Manifest, leaves: Leaves): void {
    const [host, ...others] = textsOf(childOf(spec, 'hosts'));
    const port = itemsOf(childOf(spec, 'ports')).find((one) =>
      isMysqlPort({
        port: Number(textAt(one, 'number')),
        name: textAt(one, 'name') ?? '',
        appProtocol: textAt(one, 'protocol'),
      }),
    );
    if (!host || !port || others.length > 0 || host.value.includes('*')) {
      const why = port
        ? 'a Target has one host, with its full name: declare one for each'
        : 'no port of a MySQL or MariaDB: other Targets are declared by hand';
      leaves.leave(spec, why);
      return;
    }
    const name = freeName(host.value.split('.')[0] ?? '', this.#taken);
    const target = new ImportedTarget(name, namespace, host.value, Number(textAt(port, 'number')));
    this.#all.push(target);
    for (const { key, node } of membersOf(spec)) {
      if (key === 'hosts') leaves.carry(node, target.id);
      else if (key !== 'ports')
        leaves.leave(node, 'postern render writes a ServiceEntry of its own');
    }
    leaves.carry(port, target.id);
    leaves.leave(childOf(spec, 'ports'), 'the port of something else than a database');
  }

  documents(): readonly ImportedDocument[] {
    return this.#all.map((target) => {
      const { name, namespace, labels, host, port, workload } = target;
      // The mesh does not know schemas: one of the Target's name is a guess that gives nothing else.
      const schemas = this.#schemas.length > 0 ? this.#schemas : [name];
      const pods = workload && {
        cluster: this.#cluster,
        namespace,
        labels: Object.fromEntries(workload.labels),
        port,
      };
      return {
        kind: 'Target',
        name,
        namespace,
        labels,
        spec: {
          expose: { port: 3306 },
          enforcement: 'Observe',
          mariadb: {
            endpoints: [{ host, port }],
            tls: { ca: { file: 'db-ca.pem' } },
            broker: { user: 'postern_broker', password: { file: 'broker-password' } },
            schemas,
            ...(pods && { pods }),
          },
        },
      };
    });
  }
}
