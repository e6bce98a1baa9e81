// SPDX-License-Identifier: Apache-2.0
import type { MeshContext } from '../compile/istio/mesh-context.ts';
import type { MeshFacts, MeshObject } from './mesh/mesh-facts.ts';

/** One cluster's mesh as it is, or as it would be. */
export interface MeshInput {
  readonly source: 'live' | 'declared';
  /** What the declaration wants there. */
  readonly context: MeshContext;
  readonly objects: readonly MeshObject[];
  readonly facts: MeshFacts;
  /** Other clusters of the declaration of which a root certificate counts here too. */
  readonly trusts: ReadonlySet<string>;
}
