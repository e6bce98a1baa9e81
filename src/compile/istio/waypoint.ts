// SPDX-License-Identifier: Apache-2.0
import { type Artifact, MANAGED_LABELS } from './artifact.ts';
import { GATEWAY_NAME, type MeshContext, PROXY_PORT } from './mesh-context.ts';

/**
 * Postern as a waypoint: ztunnel ends HBONE and hands the connection over on loopback, with the
 * caller's SPIFFE id and the address that was dialled in a PROXY header.
 */
export function waypoint(context: MeshContext): Artifact {
  const { namespace } = context.gateway;
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'Gateway',
    metadata: {
      name: GATEWAY_NAME,
      namespace,
      labels: { ...MANAGED_LABELS, 'istio.io/waypoint-for': 'service' },
      annotations: { 'ambient.istio.io/waypoint-inbound-binding': `PROXY/${PROXY_PORT}` },
    },
    rules: [context.mesh.rule],
    content: {
      spec: {
        gatewayClassName: 'istio-waypoint',
        // A host name says that the pods are there already: Istio starts none of its own.
        addresses: [{ type: 'Hostname', value: `${GATEWAY_NAME}.${namespace}.svc.cluster.local` }],
        listeners: [
          {
            name: 'proxy',
            port: PROXY_PORT,
            protocol: 'istio.io/PROXY',
            allowedRoutes: { namespaces: { from: 'All' } },
          },
        ],
      },
    },
  };
}
