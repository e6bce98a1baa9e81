// SPDX-License-Identifier: Apache-2.0
import type { KubeObject } from '../../compile/kube/object.ts';

/** Kinds that route, describe or observe, and never refuse a caller at the destination. */
const NEUTRAL: ReadonlySet<string> = new Set([
  ...['Service', 'Endpoints', 'Namespace', 'Pod', 'ServiceAccount', 'ConfigMap', 'Secret'],
  ...['Deployment', 'StatefulSet', 'DaemonSet', 'PodDisruptionBudget', 'PersistentVolumeClaim'],
  ...['Role', 'RoleBinding', 'ClusterRole', 'ClusterRoleBinding', 'EndpointSlice'],
  ...['ServiceEntry', 'DestinationRule', 'VirtualService', 'Sidecar', 'Telemetry', 'ProxyConfig'],
  ...['Gateway', 'GatewayClass', 'WorkloadEntry'],
]);

/** Whether objects of the kind say nothing about who may reach whom. */
export function isNeutral({ kind }: KubeObject): boolean {
  return NEUTRAL.has(kind);
}
