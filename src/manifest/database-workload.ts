// SPDX-License-Identifier: Apache-2.0
import type { Place } from '../policy/diagnostic.ts';
import type { Policy } from '../policy/policy.ts';
import type { AuthorizationPolicy } from './authorization-policy.ts';
import type { Mesh, ServicePort } from './mesh.ts';
import { hasLabels, type Labels } from './node.ts';

/** A port behind which a database answers. */
export interface DatabaseWorkload {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Labels;
  /** The one the pods listen on. */
  readonly port: number;
  /** The server speaks before its client does, as MySQL's protocol has it. */
  readonly serverFirst: boolean;
  readonly place: Place;
  /** The declared Target it is. */
  readonly target?: string;
}

const MYSQL_PORTS: ReadonlySet<number> = new Set([3306, 33060]);
const TDS_PORT = 1433;

export function isMysqlPort({ port, name, appProtocol }: Omit<ServicePort, 'node' | 'targetPort'>) {
  return MYSQL_PORTS.has(port) || /mysql|mariadb/i.test(`${name} ${appProtocol ?? ''}`);
}

export function isTdsPort({ port, name }: Pick<ServicePort, 'port' | 'name'>): boolean {
  return port === TDS_PORT || /(^|-)(tds|mssql|sqlserver)(-|$)/i.test(name);
}

/** The databases that Services, pods and the declaration's Targets show, each once. */
export function databaseWorkloads(
  mesh: Mesh,
  policy: Policy | undefined,
): readonly DatabaseWorkload[] {
  const found = new Map<string, DatabaseWorkload>();
  const add = (one: DatabaseWorkload) => {
    const same = [...found.values()].find(
      ({ namespace, port, labels }) =>
        namespace === one.namespace &&
        port === one.port &&
        (hasLabels(labels, one.labels) || hasLabels(one.labels, labels)),
    );
    if (!same) found.set(`${one.namespace}/${one.name}/${one.port}`, one);
  };
  for (const target of policy?.targets.values() ?? []) {
    const pods = 'pods' in target.system ? target.system.pods : undefined;
    if (!pods) continue;
    const labels = mesh.labelsOf(pods.namespace, new Map(Object.entries(pods.labels)));
    const { namespace, port, rule } = pods;
    const place = rule.position;
    add({
      name: target.name,
      namespace,
      labels,
      port,
      serverFirst: true,
      place,
      target: target.id,
    });
  }
  for (const { manifest, selector, ports } of mesh.services) {
    if (selector.size === 0) continue;
    const { name, namespace } = manifest;
    const labels = mesh.labelsOf(namespace, selector);
    for (const port of ports.filter((one) => isMysqlPort(one) || isTdsPort(one))) {
      const { targetPort, node } = port;
      const serverFirst = isMysqlPort(port);
      add({ name, namespace, labels, port: targetPort, serverFirst, place: node.place });
    }
  }
  for (const { manifest, labels, ports } of mesh.pods) {
    const { name, namespace, place } = manifest;
    for (const port of ports.filter((one) => MYSQL_PORTS.has(one) || one === TDS_PORT)) {
      add({ name, namespace, labels, port, serverFirst: port !== TDS_PORT, place });
    }
  }
  return [...found.values()];
}

/** Whether a policy is about the pods of a database; what it says about its port is another matter. */
export function selectsWorkload(
  { manifest, selector, targetRefs }: AuthorizationPolicy,
  { namespace, labels }: DatabaseWorkload,
): boolean {
  return manifest.namespace === namespace && targetRefs.length === 0 && hasLabels(labels, selector);
}
