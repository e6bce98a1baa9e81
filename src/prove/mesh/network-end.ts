// SPDX-License-Identifier: Apache-2.0
import { type Unknown, unknown } from './answer.ts';
import type { KnownLabels } from './label-selector.ts';
import type { MeshCaller, MeshDestination } from './mesh-call.ts';
import type { MeshFacts } from './mesh-facts.ts';

/** One end of a connection as NetworkPolicies see it. */
export interface NetworkEnd {
  readonly namespace: string | Unknown;
  readonly pod: KnownLabels;
  readonly namespaceLabels: KnownLabels;
  readonly address: string | Unknown;
}

export function callerEnd(caller: MeshCaller, facts: MeshFacts): NetworkEnd {
  const address = caller.address ?? unknown('caller-unknown', "the caller's address");
  if (caller.cluster !== facts.cluster) {
    const missing = unknown('caller-unknown', 'what a caller of another cluster is seen as');
    const elsewhere = { labels: {}, missing };
    return { namespace: missing, pod: elsewhere, namespaceLabels: elsewhere, address };
  }
  return {
    namespace: caller.namespace,
    pod: podOf(caller),
    namespaceLabels: namespaceLabels(caller, facts, 'caller-unknown', caller.namespaceLabels),
    address,
  };
}

export function destinationEnd(destination: MeshDestination, facts: MeshFacts): NetworkEnd {
  return {
    namespace: destination.namespace,
    pod: { labels: destination.labels },
    namespaceLabels: namespaceLabels(destination, facts, 'destination-unknown'),
    address: destination.address ?? unknown('destination-unknown', 'its address'),
  };
}

export function podOf({ labels }: MeshCaller): KnownLabels {
  if (labels) return { labels };
  return { labels: {}, missing: unknown('caller-unknown', "the labels of the caller's pod") };
}

function namespaceLabels(
  { namespace }: { readonly namespace: string },
  { namespaces }: MeshFacts,
  why: 'caller-unknown' | 'destination-unknown',
  told?: MeshCaller['namespaceLabels'],
): KnownLabels {
  const known = told ?? namespaces?.get(namespace);
  // The API server itself puts this one on.
  const labels = { ...known, 'kubernetes.io/metadata.name': namespace };
  if (known) return { labels };
  return { labels, missing: unknown(why, `the labels of namespace ${namespace}`) };
}
