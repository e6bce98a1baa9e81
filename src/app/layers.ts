// SPDX-License-Identifier: Apache-2.0
import { type CompiledCluster, compileCluster } from '../compile/istio/compile-cluster.ts';
import { desiredObjects, MESH_KINDS } from '../compile/istio/desired-objects.ts';
import { isSql } from '../compile/istio/mesh-context.ts';
import type { ClusterDriftInput } from '../kube/drift.ts';
import type { Diagnostic } from '../policy/diagnostic.ts';
import type { Cluster, Policy, Target } from '../policy/policy.ts';

/** One API server's share of a declaration. */
export interface ClusterLayer {
  readonly cluster: Cluster;
  readonly compiled: CompiledCluster;
  readonly input: ClusterDriftInput;
}

/** Where a declaration is enforced outside of the gateway. */
export interface Layers {
  /** With a mesh and a gateway in it, by name. */
  readonly clusters: readonly ClusterLayer[];
  /** On MariaDB, by id. */
  readonly databases: readonly Target[];
}

export interface LayerChoice {
  /** Empty: all. */
  readonly clusters: readonly string[];
  /** Target ids; empty: all. */
  readonly targets: readonly string[];
  readonly only?: 'mesh' | 'database';
}

const MESH_ROOT = 'istio-system';

/**
 * The layers of a declaration. Errors among the diagnostics: nothing may be concluded from a cluster
 * of which nothing was compiled.
 */
export function layersOf(
  policy: Policy,
  choice: LayerChoice,
  { instance, nowMs }: { readonly instance: string; readonly nowMs: number },
): {
  readonly layers: Layers;
  /**
   * What was meant too and of which no grants are planned or compared: databases of other systems,
   * and Targets that are no databases where they were named.
   */
  readonly leftOut: readonly Target[];
  readonly diagnostics: readonly Diagnostic[];
} {
  const diagnostics: Diagnostic[] = [];
  const named = choice.clusters.length + choice.targets.length > 0;
  const clusters = [...policy.clusters.values()]
    .filter(({ name, istio }) => istio && (!named || choice.clusters.includes(name)))
    .filter(() => choice.only !== 'database')
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((cluster): ClusterLayer[] => {
      const compiled = compileCluster(policy, cluster, nowMs);
      diagnostics.push(...compiled.diagnostics);
      if (!compiled.context) return [];
      const input = {
        installation: installationOf(instance, cluster),
        desired: desiredObjects(compiled.artifacts),
        kinds: MESH_KINDS,
        meshRootNamespace: MESH_ROOT,
      };
      return [{ cluster, compiled, input }];
    });
  const meant = [...policy.targets.values()]
    .filter(({ id }) => !named || choice.targets.includes(id))
    .filter(() => choice.only !== 'mesh')
    .sort((a, b) => (a.id < b.id ? -1 : 1));
  const databases = meant.filter(({ system }) => system.type === 'mariadb');
  const leftOut = meant.filter((one) => !databases.includes(one) && (named || isSql(one)));
  return { layers: { clusters, databases }, leftOut, diagnostics };
}

/**
 * The mark of what is applied. It names the Cluster too: whoever takes one cluster for another finds
 * everything belonging to somebody else, and changes nothing.
 */
function installationOf(instance: string, { name }: Cluster): string {
  return `${instance}/${name}`;
}
