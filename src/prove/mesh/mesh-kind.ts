// SPDX-License-Identifier: Apache-2.0
import type { KubeObject } from '../../compile/kube/object.ts';

/** Groups of the API by kind: what the model counts. */
const COUNTED: Readonly<Record<string, string>> = {
  AuthorizationPolicy: 'security.istio.io',
  PeerAuthentication: 'security.istio.io',
  RequestAuthentication: 'security.istio.io',
  NetworkPolicy: 'networking.k8s.io',
  Sidecar: 'networking.istio.io',
  ServiceEntry: 'networking.istio.io',
};

/** Kinds that route, describe or observe, and refuse no caller at a pod. */
const NEUTRAL: ReadonlySet<string> = new Set([
  ...['Service', 'Endpoints', 'Namespace', 'Pod', 'ServiceAccount', 'ConfigMap', 'Secret'],
  ...['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet', 'Job', 'CronJob', 'EndpointSlice'],
  ...['PodDisruptionBudget', 'PersistentVolumeClaim', 'HorizontalPodAutoscaler'],
  ...['Role', 'RoleBinding', 'ClusterRole', 'ClusterRoleBinding', 'CustomResourceDefinition'],
  ...['DestinationRule', 'VirtualService', 'Telemetry', 'ProxyConfig', 'WorkloadEntry'],
  ...['Gateway', 'GatewayClass', 'WorkloadGroup'],
]);

/** Whether the model knows what objects of the kind do to a caller, be it nothing. */
export function isKnownKind({ apiVersion, kind }: KubeObject): boolean {
  if (NEUTRAL.has(kind)) return true;
  const group = COUNTED[kind];
  return group !== undefined && apiVersion.startsWith(`${group}/v1`);
}
