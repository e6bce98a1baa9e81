// SPDX-License-Identifier: Apache-2.0
import type { Artifact } from '../compile/istio/artifact.ts';
import { databases } from '../compile/istio/database.ts';
import { gatewayPod } from '../compile/istio/gateway-pod.ts';
import type { MeshContext } from '../compile/istio/mesh-context.ts';
import { type MeshFacts, meshObject, type WorkloadFacts } from './mesh/mesh-facts.ts';
import type { MeshInput } from './mesh-input.ts';

/** A mesh as it would be if all that is rendered were applied, and nothing else. */
export function declaredMesh(
  context: MeshContext,
  artifacts: readonly Artifact[],
  trusts: ReadonlySet<string>,
): MeshInput {
  const objects = artifacts.map(meshObject);
  const facts = { ...declaredFacts(context), workloads: declaredPods(context) };
  return { source: 'declared', context, objects, facts, trusts };
}

/** What the declaration says of the mesh itself. */
export function declaredFacts({ cluster, mesh }: MeshContext): MeshFacts {
  return {
    cluster: cluster.name,
    dataPlane: mesh.dataPlane,
    version: mesh.version,
    trustDomain: cluster.trustDomain,
    trustDomainAliases: cluster.trustDomainAliases,
    namespaces: cluster.namespaces,
  };
}

/** The pods of Postern and of the databases. */
export function declaredPods(context: MeshContext): readonly WorkloadFacts[] {
  const { labels, annotations } = gatewayPod(context);
  return [
    { namespace: context.gateway.namespace, labels, annotations },
    ...databases(context).map(({ pods }) => ({ namespace: pods.namespace, labels: pods.labels })),
  ];
}
