// SPDX-License-Identifier: Apache-2.0
import type { Target } from '../../policy/policy.ts';
import { type Artifact, MANAGED_LABELS } from './artifact.ts';
import {
  GATEWAY_LABELS,
  GATEWAY_NAME,
  isSql,
  type MeshContext,
  podPort,
  protocolOf,
  report,
  serviceName,
} from './mesh-context.ts';

/** One Service per Target, all of them the pods of Postern: the name that is dialled is the target. */
export function services(context: MeshContext): readonly Artifact[] {
  const taken = new Map<string, string>();
  const httpPorts = new Map<number, boolean>();
  return context.targets.flatMap((target) => {
    const name = serviceName(target);
    const first = taken.get(name) ?? (name === GATEWAY_NAME ? 'Postern itself' : undefined);
    if (first !== undefined) {
      report(context, target.rule, 'mesh-name-clash', { first, second: target.id, name });
      return [];
    }
    taken.set(name, target.id);
    const port = podPort(target.expose.port);
    if ((httpPorts.get(port) ?? isSql(target)) !== isSql(target)) {
      const what = `The port ${port} of Postern's pods is used for a database and for HTTP`;
      report(context, target.rule, 'mesh-unenforceable', {
        what,
        suggestion: 'Expose another port.',
      });
      return [];
    }
    httpPorts.set(port, isSql(target));
    return [service(context, target)];
  });
}

function service(context: MeshContext, target: Target): Artifact {
  const protocol = protocolOf(target);
  const { port } = target.expose;
  const isAmbient = context.mesh.dataPlane === 'Ambient';
  const address = isAmbient ? clusterAddress(target) : undefined;
  const waypoint = isAmbient && { 'istio.io/use-waypoint': GATEWAY_NAME };
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: serviceName(target),
      namespace: context.gateway.namespace,
      labels: { ...MANAGED_LABELS, ...waypoint },
    },
    rules: [target.rule],
    content: {
      spec: {
        ...(address !== undefined && { clusterIP: address }),
        selector: GATEWAY_LABELS,
        ports: [
          {
            // The prefix and appProtocol both: a port without them is sniffed, and a server that
            // speaks first then waits for ever.
            name: protocol === 'http' ? 'http' : `tcp-${protocol}`,
            port,
            targetPort: podPort(port),
            appProtocol: protocol === 'http' ? 'http' : 'tcp',
          },
        ],
      },
    },
  };
}

/** ztunnel tells what was dialled by address alone, so the address must be in the declaration. */
export function clusterAddress({ expose }: Target): string | undefined {
  return expose.hostnames.find((hostname) => /^\d{1,3}(\.\d{1,3}){3}$/.test(hostname));
}
