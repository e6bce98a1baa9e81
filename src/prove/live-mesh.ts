// SPDX-License-Identifier: Apache-2.0
import type { Artifact } from '../compile/istio/artifact.ts';
import type { MeshContext } from '../compile/istio/mesh-context.ts';
import { type KubeObject, objectKey, referenceOf } from '../compile/kube/object.ts';
import { declaredFacts, declaredPods } from './declared-mesh.ts';
import {
  liveMeshObject,
  type MeshFacts,
  meshObject,
  type WorkloadFacts,
} from './mesh/mesh-facts.ts';
import { runsOutside, workloadsOf } from './mesh/pod-facts.ts';
import type { MeshInput } from './mesh-input.ts';

/** What the API server of a cluster shows. */
export interface LiveCluster {
  readonly objects: readonly KubeObject[];
  /** The mesh's own configuration; absent: as declared. */
  readonly config?: {
    readonly trustDomain?: string | undefined;
    readonly trustDomainAliases?: readonly string[] | undefined;
    readonly rootNamespace?: string | undefined;
    readonly outboundTrafficPolicy?:
      | { readonly mode?: 'ALLOW_ANY' | 'REGISTRY_ONLY' | undefined }
      | undefined;
  };
}

/** A mesh as its API server shows it: whosever objects they are. */
export function liveMesh(
  context: MeshContext,
  artifacts: readonly Artifact[],
  { objects: live, config }: LiveCluster,
  trusts: ReadonlySet<string>,
): MeshInput {
  const declared = new Map(
    artifacts.map(meshObject).map((one) => [objectKey(referenceOf(one.object)), one] as const),
  );
  const isPart = ({ kind }: KubeObject) => kind === 'Pod' || kind === 'Namespace';
  const objects = live
    .filter((object) => !isPart(object))
    .map((object) => liveMeshObject(object, declared.get(objectKey(referenceOf(object)))));
  const namespaces = new Map(
    live
      .filter(({ kind }) => kind === 'Namespace')
      .map(({ metadata }) => [metadata.name, metadata.labels ?? {}] as const),
  );
  const { dataPlane } = context.mesh;
  const pods = live
    .filter(({ kind }) => kind === 'Pod')
    .flatMap((pod) => {
      const outside = runsOutside(pod, dataPlane);
      return workloadsOf([liveMeshObject(pod)]).map((one) => ({ ...one, outside }));
    });
  // What does not run yet is taken to be as declared once it does.
  const awaited = declaredPods(context).filter((one) => !pods.some((pod) => isOf(pod, one)));
  const workloads = [...pods, ...awaited];
  const facts = {
    ...declaredFacts(context),
    ...configured(config),
    workloads,
    ...(namespaces.size > 0 && { namespaces }),
  };
  return { source: 'live', context, objects, facts, trusts };
}

/** Where the mesh shows its configuration, what is not in it has Istio's default. */
function configured(config: LiveCluster['config']): Partial<MeshFacts> {
  if (!config) return {};
  const { trustDomain, trustDomainAliases, rootNamespace, outboundTrafficPolicy } = config;
  const mode = outboundTrafficPolicy?.mode;
  return {
    trustDomain: trustDomain ?? 'cluster.local',
    trustDomainAliases: trustDomainAliases ?? [],
    ...(rootNamespace !== undefined && { rootNamespace }),
    ...(mode && { outboundTrafficPolicy: mode }),
  };
}

function isOf(pod: WorkloadFacts, { namespace, labels }: WorkloadFacts): boolean {
  const isLabelled = Object.entries(labels).every(([name, value]) => pod.labels[name] === value);
  return pod.namespace === namespace && isLabelled;
}
