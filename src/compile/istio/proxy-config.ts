// SPDX-License-Identifier: Apache-2.0
import { type Artifact, MANAGED_LABELS, Traced } from './artifact.ts';
import { callersOf } from './caller.ts';
import { databases } from './database.ts';
import type { MeshContext } from './mesh-context.ts';

/** How long certificates of sidecars live, in every namespace that has part in a connection. */
export function proxyConfigs(context: MeshContext): readonly Artifact[] {
  const { certificateTtlMs, rule } = context.mesh;
  if (certificateTtlMs === undefined) return [];
  const callers = context.targets.flatMap((target) => callersOf(context, target).workloads);
  const namespaces = new Set([
    context.gateway.namespace,
    ...databases(context).map(({ pods }) => pods.namespace),
    ...callers.flatMap(({ namespace }) => namespace ?? []),
  ]);
  return [...namespaces].sort().map((namespace) => ({
    apiVersion: 'networking.istio.io/v1beta1',
    kind: 'ProxyConfig',
    metadata: { name: 'postern-certificate-ttl', namespace, labels: MANAGED_LABELS },
    rules: [],
    content: {
      spec: {
        environmentVariables: {
          SECRET_TTL: new Traced(`${Math.round(certificateTtlMs / 1000)}s`, [rule]),
        },
      },
    },
  }));
}
