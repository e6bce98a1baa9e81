// SPDX-License-Identifier: Apache-2.0
import { type Artifact, MANAGED_LABELS } from './artifact.ts';
import { databases } from './database.ts';
import { GATEWAY_LABELS, GATEWAY_NAME, type MeshContext } from './mesh-context.ts';

/** Access logs of both sides of a connection, by the provider every mesh has (`envoy`: stdout). */
export function telemetries(context: MeshContext): readonly Artifact[] {
  const places = [
    { name: GATEWAY_NAME, namespace: context.gateway.namespace, labels: GATEWAY_LABELS },
    ...databases(context).map(({ target, pods }) => ({
      name: `postern-${target.name}`,
      namespace: pods.namespace,
      labels: pods.labels,
    })),
  ];
  return places.map(({ name, namespace, labels }) => ({
    apiVersion: 'telemetry.istio.io/v1',
    kind: 'Telemetry',
    metadata: { name, namespace, labels: MANAGED_LABELS },
    rules: [],
    content: {
      spec: {
        selector: { matchLabels: labels },
        accessLogging: [{ match: { mode: 'CLIENT_AND_SERVER' }, providers: [{ name: 'envoy' }] }],
      },
    },
  }));
}
