// SPDX-License-Identifier: Apache-2.0
import type { Value } from '../istio/artifact.ts';
import { CERTIFICATE_DIRECTORY } from '../istio/gateway-pod.ts';
import {
  type MeshContext,
  PROXY_PORT,
  podPort,
  protocolOf,
  sortedUnique,
} from '../istio/mesh-context.ts';

export const POLICY_DIRECTORY = '/etc/postern/policy';
export const SETTINGS_DIRECTORY = '/etc/postern/settings';
export const TLS_DIRECTORY = '/etc/postern/tls';
export const STATE_DIRECTORY = '/var/lib/postern';
export const RUN_DIRECTORY = '/run/postern';
export const HEALTH_PORT = 9464;

/** `postern.yaml` of the gateways of a cluster. */
export function gatewaySettings(context: MeshContext): { readonly [key: string]: Value } {
  return {
    policy: POLICY_DIRECTORY,
    ...listening(context),
    audit: {
      directory: `${STATE_DIRECTORY}/audit`,
      signingKey: `${STATE_DIRECTORY}/audit-signing-key.pem`,
      hashKey: `${STATE_DIRECTORY}/audit-hash-key`,
      // The second path of the signed heads: whoever collects the pods' output.
      witness: 'stdout',
    },
    administration: { socket: `${RUN_DIRECTORY}/postern.sock` },
    observability: { address: `0.0.0.0:${HEALTH_PORT}` },
  };
}

/** Ports that the gateway itself listens on for principals; only what it serves by now. */
export function gatewayPorts({ targets }: MeshContext): readonly number[] {
  const served = targets.filter((target) => protocolOf(target) === 'mysql');
  return sortedUnique(served.map(({ expose }) => podPort(expose.port)));
}

function listening(context: MeshContext): { readonly [key: string]: Value } {
  const ports = gatewayPorts(context);
  const each = (accept: string) =>
    ports.map((port) => ({
      name: `port-${port}`,
      address: `0.0.0.0:${port}`,
      protocol: 'mysql',
      accept,
    }));
  switch (context.mesh.dataPlane) {
    case 'Sidecar':
      return {
        listeners: each('MeshTls'),
        mesh: {
          certificate: `${CERTIFICATE_DIRECTORY}/cert-chain.pem`,
          key: `${CERTIFICATE_DIRECTORY}/key.pem`,
        },
      };
    case 'Ambient':
      return { listeners: [behindZtunnel(context)] };
    case 'None':
      return { listeners: each('ProtocolTls').map(withTarget), tls: tlsFiles() };
  }

  /** Protocol TLS names no target: a port stands for its only one. */
  function withTarget(listener: { readonly [key: string]: Value }, index: number) {
    const here = context.targets.filter(({ expose }) => podPort(expose.port) === ports[index]);
    const [only] = here;
    return { ...listener, ...(here.length === 1 && only && { target: only.id }) };
  }
}

function behindZtunnel({ cluster, targets }: MeshContext): Value {
  const [only, ...others] = targets.filter((target) => protocolOf(target) === 'mysql');
  return {
    name: 'ztunnel',
    address: `127.0.0.1:${PROXY_PORT}`,
    protocol: 'mysql',
    accept: 'ProxyV2',
    // A pod has a network namespace of its own, and this one runs nothing else.
    proxy: { cluster: cluster.name, ownNetworkNamespace: true },
    ...(only && others.length === 0 && { target: only.id }),
  };
}

function tlsFiles(): Value {
  return { certificate: `${TLS_DIRECTORY}/tls.crt`, key: `${TLS_DIRECTORY}/tls.key` };
}
