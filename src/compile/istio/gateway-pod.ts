// SPDX-License-Identifier: Apache-2.0
import type { Value } from './artifact.ts';
import { externalHosts } from './external-host.ts';
import {
  GATEWAY_LABELS,
  GATEWAY_NAME,
  isSql,
  type MeshContext,
  podPort,
  sortedUnique,
} from './mesh-context.ts';

/** Where the sidecar leaves the certificates Postern terminates mutual TLS with. */
export const CERTIFICATE_DIRECTORY = '/etc/istio-output-certs';

export interface GatewayPod {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly volumes: readonly Value[];
  readonly volumeMounts: readonly Value[];
}

/** What the mesh of the cluster asks of Postern's own pods. */
export function gatewayPod(context: MeshContext): GatewayPod {
  switch (context.mesh.dataPlane) {
    case 'None':
      return { labels: GATEWAY_LABELS, annotations: {}, volumes: [], volumeMounts: [] };
    case 'Ambient':
      return {
        labels: {
          ...GATEWAY_LABELS,
          'gateway.networking.k8s.io/gateway-name': GATEWAY_NAME,
          'istio.io/dataplane-mode': 'ambient',
        },
        annotations: {},
        volumes: [],
        volumeMounts: [],
      };
    case 'Sidecar':
      return sidecarPod(context);
  }
}

function sidecarPod(context: MeshContext): GatewayPod {
  const sql = context.targets.filter(isSql);
  const ports = sortedUnique(sql.map(({ expose }) => podPort(expose.port)));
  const metadata: readonly (readonly [string, string])[] = [
    ['OUTPUT_CERTS', CERTIFICATE_DIRECTORY],
    // Addresses of external databases exist in the mesh's own names only.
    ...(externalHosts(context).some(({ protocol }) => protocol === 'tcp')
      ? ([['ISTIO_META_DNS_CAPTURE', '"true"']] as const)
      : []),
  ];
  const lines = metadata.map(([name, value]) => `  ${name}: ${value}\n`).join('');
  const mount = { name: 'istio-certs', mountPath: CERTIFICATE_DIRECTORY };
  return {
    labels: { ...GATEWAY_LABELS, 'sidecar.istio.io/inject': 'true' },
    annotations: {
      'proxy.istio.io/config': `proxyMetadata:\n${lines}`,
      'sidecar.istio.io/userVolumeMount': JSON.stringify([mount]),
      // Postern itself ends mutual TLS there: a sidecar in between would hide who calls.
      ...(ports.length > 0 && { 'traffic.sidecar.istio.io/excludeInboundPorts': ports.join(',') }),
    },
    volumes: [{ name: 'istio-certs', emptyDir: { medium: 'Memory' } }],
    volumeMounts: [{ ...mount, readOnly: true }],
  };
}
