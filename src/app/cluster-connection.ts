// SPDX-License-Identifier: Apache-2.0
import { type KubeConnection, podConnection } from '../kube/connection.ts';
import { chooseConnection } from '../kube/kubeconfig.ts';
import { PosternError } from '../model/errors.ts';
import type { Cluster } from '../policy/policy.ts';

/** Which API server is which declared Cluster. */
export interface ClusterAccess {
  readonly environment: NodeJS.ProcessEnv;
  /** Cluster name -> context of the kubeconfig. */
  readonly contexts: ReadonlyMap<string, string>;
  /** The Cluster in a pod of which this runs. */
  readonly inCluster?: string;
}

/**
 * The context that was named for the Cluster, else the service account of the pod where the Cluster
 * is said to be this one, else the context of the Cluster's own name. Never the current context: it
 * says where somebody worked last. Throws `kubeconfig-unusable`.
 */
export function connectionTo({ name }: Cluster, access: ClusterAccess): KubeConnection {
  const { environment, contexts, inCluster } = access;
  if (inCluster === name) {
    const connection = podConnection(environment);
    if (connection) return connection;
    const problem = 'this does not run in a pod with a service account token';
    throw new PosternError('kubeconfig-unusable', { file: `--in-cluster ${name}`, problem });
  }
  const context = contexts.get(name) ?? name;
  try {
    return chooseConnection({ environment, context });
  } catch (thrown) {
    if (!(thrown instanceof PosternError) || contexts.has(name)) throw thrown;
    const hint = `Say which context is the Cluster ${name}: --context ${name}=CONTEXT; in a pod of it --in-cluster ${name}.`;
    throw new PosternError(thrown.code, { ...thrown.facts, hint }, thrown.cause);
  }
}
