// SPDX-License-Identifier: Apache-2.0
import { isSql } from '../compile/istio/mesh-context.ts';
import type { Mesh, Target } from '../policy/policy.ts';
import { OTHER } from '../policy/principal-atom.ts';
import type { CallerAtom } from './mesh-callers.ts';

/** What callers a data plane can tell apart in front of a port of Postern. */
export type Grain =
  /** The certificate, at a proxy that Postern is behind. */
  | 'identity'
  /** The address alone: the sidecar is not in the path, or there is none. */
  | 'namespace';

/** Postern ends mutual TLS itself for databases: the sidecar would hide who calls. */
export function grainOf(dataPlane: Mesh['dataPlane'], targets: readonly Target[]): Grain {
  if (dataPlane === 'None') return 'namespace';
  return dataPlane === 'Sidecar' && targets.some(isSql) ? 'namespace' : 'identity';
}

/**
 * The least set of callers that a data plane of this grain can let through without keeping one out
 * whom the declaration lets in.
 */
export class CallerBound {
  readonly #grain: Grain;
  readonly #everybody: boolean;
  readonly #kinds = new Set<string>();

  /** `tokens`: somebody may come who shows a token, wherever he runs. */
  constructor(grain: Grain, tokens: boolean, entitled: readonly CallerAtom[]) {
    this.#grain = grain;
    const anywhere = entitled.some(({ caller }) => caller.namespace === OTHER);
    // No rule about addresses means "every namespace, and nobody outside".
    this.#everybody = grain === 'namespace' && (tokens || anywhere);
    for (const atom of entitled) this.#kinds.add(this.#kind(atom));
  }

  admits(atom: CallerAtom): boolean {
    return this.#everybody || this.#kinds.has(this.#kind(atom));
  }

  /** Where all of a namespace is one to the data plane, so is what has a certificate or none. */
  #kind({ caller }: CallerAtom): string {
    const { cluster, namespace, transport, spiffeId } = caller;
    if (this.#grain === 'namespace') return `${cluster}/${namespace}`;
    return `${cluster} ${transport} ${spiffeId}`;
  }
}
