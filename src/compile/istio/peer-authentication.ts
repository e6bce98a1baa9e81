// SPDX-License-Identifier: Apache-2.0
import { type Artifact, MANAGED_LABELS } from './artifact.ts';
import { databases } from './database.ts';
import { GATEWAY_LABELS, GATEWAY_NAME, type MeshContext } from './mesh-context.ts';

/**
 * STRICT for the pods of Postern and the port of each database: a plaintext caller has no identity,
 * and under PERMISSIVE a server that speaks first deadlocks with it.
 */
export function peerAuthentications(context: MeshContext): readonly Artifact[] {
  const gateway: Artifact = {
    ...object(GATEWAY_NAME, context.gateway.namespace),
    rules: [context.mesh.rule],
    content: { spec: { selector: { matchLabels: GATEWAY_LABELS }, mtls: { mode: 'STRICT' } } },
  };
  const pods = databases(context).map(({ target, pods: { rule, namespace, labels, port } }) => ({
    ...object(`postern-${target.name}`, namespace),
    rules: [rule],
    content: {
      spec: {
        selector: { matchLabels: labels },
        // The port of the pod, not of the Service: another number would be ignored.
        portLevelMtls: { [String(port)]: { mode: 'STRICT' } },
      },
    },
  }));
  return [gateway, ...pods];
}

function object(name: string, namespace: string) {
  return {
    apiVersion: 'security.istio.io/v1',
    kind: 'PeerAuthentication',
    metadata: { name, namespace, labels: MANAGED_LABELS },
  };
}
