// SPDX-License-Identifier: Apache-2.0
import { isJsonObject, type JsonValue, type KubeObject } from '../../compile/kube/object.ts';
import { selectsLabels } from './label-selector.ts';
import type { MeshDestination } from './mesh-call.ts';
import type { Labels, MeshFacts, MeshObject, WorkloadFacts } from './mesh-facts.ts';

const TEMPLATED = new Set(['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet', 'Job']);

/** Ports of the sidecar itself, which its traffic rules leave alone. */
const SIDECAR_PORTS = [15_020, 15_021, 15_090];

/** Pods that the objects themselves describe. */
export function workloadsOf(objects: readonly MeshObject[]): readonly WorkloadFacts[] {
  return objects.flatMap(({ object }) => {
    const { kind, metadata, spec } = object as typeof object & { readonly spec?: JsonValue };
    const namespace = metadata.namespace ?? '';
    const own = isJsonObject(spec) ? spec : {};
    if (kind === 'Pod') {
      const { labels = {}, annotations = {} } = metadata;
      return [{ namespace, labels, annotations, ports: portNames(own['containers']) }];
    }
    const template = TEMPLATED.has(kind) ? own['template'] : undefined;
    if (!isJsonObject(template)) return [];
    const head = isJsonObject(template['metadata']) ? template['metadata'] : {};
    const pod = isJsonObject(template['spec']) ? template['spec'] : {};
    const labels = texts(head['labels']);
    const annotations = texts(head['annotations']);
    return [{ namespace, labels, annotations, ports: portNames(pod['containers']) }];
  });
}

function texts(value: JsonValue | undefined): Labels {
  if (!isJsonObject(value)) return {};
  const pairs = Object.entries(value).map(([key, text]) => [key, String(text)] as const);
  return Object.fromEntries(pairs);
}

function portNames(containers: JsonValue | undefined): Readonly<Record<string, number>> {
  const all = Array.isArray(containers) ? containers.filter(isJsonObject) : [];
  const ports = all.flatMap(({ ports }) =>
    Array.isArray(ports) ? ports.filter(isJsonObject) : [],
  );
  const named = ports.flatMap(({ name, containerPort }) =>
    typeof name === 'string' && typeof containerPort === 'number' ? [[name, containerPort]] : [],
  );
  return Object.fromEntries(named);
}

/** The templates that a pod with these labels may come from. */
export function templatesOf(
  namespace: string,
  labels: Labels,
  workloads: readonly WorkloadFacts[],
): readonly WorkloadFacts[] {
  return workloads.filter(
    (one) => one.namespace === namespace && selectsLabels(one.labels, labels),
  );
}

/**
 * Whether a running pod has no proxy of the mesh before its ports: no sidecar in it (as a container
 * or as an init container that stays), no mark of ztunnel on it, or the network of its node.
 */
export function runsOutside(pod: KubeObject, dataPlane: MeshFacts['dataPlane']): boolean {
  const spec = isJsonObject(pod['spec']) ? pod['spec'] : {};
  if (spec['hostNetwork'] === true) return true;
  if (dataPlane === 'Ambient') {
    return pod.metadata.annotations?.['ambient.istio.io/redirection'] !== 'enabled';
  }
  const proxies = [spec['containers'], spec['initContainers']]
    .flatMap((list) => (Array.isArray(list) ? list.filter(isJsonObject) : []))
    .filter(({ name }) => name === 'istio-proxy');
  return dataPlane === 'Sidecar' && proxies.length === 0;
}

/**
 * Whether a connection to the port passes no proxy that judges it. Only what is said counts: a pod
 * of which nothing is said is taken to be in the mesh, as the cluster's data plane says.
 */
export function isOutsideMesh(
  destination: MeshDestination,
  templates: readonly WorkloadFacts[],
  facts: MeshFacts,
): boolean {
  if (facts.dataPlane === 'None' || templates.some(({ outside }) => outside)) return true;
  const { namespace, labels, port } = destination;
  const around = facts.namespaces?.get(namespace) ?? {};
  const own = templates.map((one) => ({ ...one.labels, ...one.annotations, ...labels }));
  const marks = own.length > 0 ? own : [labels];
  if (facts.dataPlane === 'Ambient') {
    return marks.some(
      (each) =>
        each['istio.io/dataplane-mode'] === 'none' ||
        each['ambient.istio.io/bypass-inbound-capture'] === 'true',
    );
  }
  if (SIDECAR_PORTS.includes(port)) return true;
  return marks.some((each) => {
    const inject = each['sidecar.istio.io/inject'];
    if (inject === 'false') return true;
    if (inject !== 'true' && around['istio-injection'] === 'disabled') return true;
    if (ports(each['traffic.sidecar.istio.io/excludeInboundPorts']).includes(String(port))) {
      return true;
    }
    const included = each['traffic.sidecar.istio.io/includeInboundPorts'];
    return included !== undefined && included !== '*' && !ports(included).includes(String(port));
  });
}

function ports(list: string | undefined): readonly string[] {
  return (list ?? '').split(',').map((port) => port.trim());
}
