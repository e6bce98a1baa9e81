// SPDX-License-Identifier: Apache-2.0
import { databaseScope } from '../broker/installation.ts';
import { observe } from '../broker/observe.ts';
import type { KubeObject } from '../compile/kube/object.ts';
import type { Scope } from '../compile/sql/managed.ts';
import type { ObservedState } from '../compile/sql/observed.ts';
import { observeObjects } from '../kube/apply.ts';
import { KubeClient } from '../kube/client.ts';
import { type PosternError, toPosternError } from '../model/errors.ts';
import { inParallel } from '../model/in-parallel.ts';
import type { Policy, Target } from '../policy/policy.ts';
import type { AdminConnection } from '../target/mysql/connection.ts';
import { type ClusterAccess, connectionTo } from './cluster-connection.ts';
import type { ClusterLayer, Layers } from './layers.ts';
import {
  type Administrator,
  connectAsAdministrator,
  connectAsReader,
} from './target-connection.ts';

/** What came of one layer; one that could not be reached keeps nobody else from it. */
export type Reached<Of, Found> =
  | { readonly of: Of; readonly found: Found }
  | { readonly of: Of; readonly problem: PosternError };

export interface LayerAccess {
  readonly clusters: ClusterAccess;
  /** Undefined: the declared reader account, which only looks. */
  administrator(target: Target): Administrator | undefined;
}

/** API servers and databases asked at one time. */
const PARALLEL = 8;

/** Runs `look` with a client of each cluster; never rejects. */
export function eachCluster<Found>(
  layers: readonly ClusterLayer[],
  access: ClusterAccess,
  look: (client: KubeClient, layer: ClusterLayer) => Promise<Found>,
): Promise<readonly Reached<ClusterLayer, Found>[]> {
  return inParallel(layers, PARALLEL, (layer) =>
    reached(layer, async () => {
      const client = new KubeClient(connectionTo(layer.cluster, access));
      try {
        return await look(client, layer);
      } finally {
        client.close();
      }
    }),
  );
}

/** Runs `look` with a connection to each database; never rejects. */
export function eachDatabase<Found>(
  targets: readonly Target[],
  administrator: LayerAccess['administrator'],
  look: (connection: AdminConnection, target: Target) => Promise<Found>,
): Promise<readonly Reached<Target, Found>[]> {
  return inParallel(targets, PARALLEL, (target) =>
    reached(target, async () => {
      const admin = administrator(target);
      const connection = admin
        ? await connectAsAdministrator(target, admin)
        : await connectAsReader(target);
      try {
        return await look(connection, target);
      } finally {
        await connection.close();
      }
    }),
  );
}

export interface ObservedDatabase {
  readonly scope: Scope;
  readonly observed: ObservedState;
}

/** What is declared for each layer, and what is there. */
export interface Survey {
  readonly clusters: readonly Reached<ClusterLayer, readonly KubeObject[]>[];
  readonly databases: readonly Reached<Target, ObservedDatabase>[];
}

/** Looks at every layer at once and changes nothing; never rejects. */
export async function survey(
  policy: Policy,
  { clusters, databases }: Layers,
  access: LayerAccess,
): Promise<Survey> {
  const [seenClusters, seenDatabases] = await Promise.all([
    eachCluster(clusters, access.clusters, (client, { input }) => observeObjects(client, input)),
    eachDatabase(
      databases,
      (target) => access.administrator(target),
      async (connection, target) => ({
        scope: databaseScope(policy, target),
        observed: await observe(connection, target.id),
      }),
    ),
  ]);
  return { clusters: seenClusters, databases: seenDatabases };
}

async function reached<Of, Found>(of: Of, look: () => Promise<Found>): Promise<Reached<Of, Found>> {
  try {
    return { of, found: await look() };
  } catch (thrown) {
    return { of, problem: toPosternError(thrown) };
  }
}
