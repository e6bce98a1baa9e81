// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { type Artifact, MANAGED_LABELS } from './artifact.ts';
import { type ExternalHost, externalHosts, hostObjectName } from './external-host.ts';
import type { MeshContext } from './mesh-context.ts';

/** What Postern's pods reach outside the mesh; nobody else sees it (`exportTo: .`). */
export function serviceEntries(context: MeshContext): readonly Artifact[] {
  const taken = new Set<string>();
  return externalHosts(context).map((external) => {
    const { host, rules } = external;
    return {
      apiVersion: 'networking.istio.io/v1',
      kind: 'ServiceEntry',
      metadata: {
        name: hostObjectName(host),
        namespace: context.gateway.namespace,
        labels: MANAGED_LABELS,
      },
      rules,
      content: {
        spec: {
          hosts: [host],
          exportTo: ['.'],
          location: 'MESH_EXTERNAL',
          resolution: 'DNS',
          ...portsOf(external, taken),
        },
      },
    };
  });
}

function portsOf({ host, port, protocol }: ExternalHost, taken: Set<string>) {
  if (protocol === 'tls') {
    // Dialled as HTTP on 80: the sidecar opens TLS (DestinationRule), so it can see the request.
    return { ports: [{ number: 80, name: 'http', protocol: 'HTTP', targetPort: port }] };
  }
  // Without an address of its own a TCP port is one listener for all hosts, and they are crossed.
  const addresses = [ownAddress(host, taken)];
  return { addresses, ports: [{ number: port, name: 'tcp-tds', protocol: 'TCP' }] };
}

/** In 240.241.0.0/16: never routed, and beside the range Istio allocates from. */
function ownAddress(host: string, taken: Set<string>): string {
  const digest = createHash('sha256').update(host).digest();
  let number = digest.readUInt16BE(0);
  let address = '';
  do {
    address = `240.241.${number >> 8}.${number & 0xff}`;
    number = (number + 1) % 65_536;
  } while (taken.has(address));
  taken.add(address);
  return address;
}
