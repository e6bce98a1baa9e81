// SPDX-License-Identifier: Apache-2.0
import { type Artifact, MANAGED_LABELS, type Value } from './artifact.ts';
import { databases } from './database.ts';
import { externalHosts } from './external-host.ts';
import { GATEWAY_LABELS, GATEWAY_NAME, type MeshContext, serviceHost } from './mesh-context.ts';

const CONTROL_PLANE = 'istio-system/*';

/** What sidecars are told about, and may let out. */
export function sidecars(context: MeshContext): readonly Artifact[] {
  const { gateway, mesh } = context;
  const own = sidecar(GATEWAY_NAME, gateway.namespace, {
    workloadSelector: { labels: GATEWAY_LABELS },
    egress: [{ hosts: [CONTROL_PLANE, './*', ...databaseNamespaces(context)] }],
    // Azure SQL sends its callers on to nodes whose names and ports nobody can list.
    outboundTrafficPolicy: { mode: 'ALLOW_ANY' },
  });
  const targets = context.targets.map(
    (target) => `${gateway.namespace}/${serviceHost(context, target)}`,
  );
  const confined = [...mesh.confinedNamespaces].sort().map((namespace) =>
    // One without a selector is the namespace's default; its name is free.
    sidecar(`${GATEWAY_NAME}-confined`, namespace, {
      egress: [{ hosts: [CONTROL_PLANE, './*', ...targets] }],
      outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' },
    }),
  );
  const needed = externalHosts(context).length > 0 || databases(context).length > 0;
  return [...(needed ? [own] : []), ...confined];

  function sidecar(name: string, namespace: string, spec: { readonly [key: string]: Value }) {
    return {
      apiVersion: 'networking.istio.io/v1',
      kind: 'Sidecar',
      metadata: { name, namespace, labels: MANAGED_LABELS },
      rules: [mesh.rule],
      content: { spec },
    };
  }
}

function databaseNamespaces(context: MeshContext): readonly string[] {
  const names = databases(context).map(({ pods }) => `${pods.namespace}/*`);
  return [...new Set(names)].sort();
}
