// SPDX-License-Identifier: Apache-2.0
import { type Database, databases } from '../compile/istio/database.ts';
import { gatewayPod } from '../compile/istio/gateway-pod.ts';
import { GATEWAY_LABELS, isSql, podPort, serviceHost } from '../compile/istio/mesh-context.ts';
import type { Target } from '../policy/policy.ts';
import type { MeshDestination } from './mesh/mesh-call.ts';
import type { Labels } from './mesh/mesh-facts.ts';
import { labelText } from './mesh-callers.ts';
import type { MeshInput } from './mesh-input.ts';

/** A port of pods that somebody can call. */
export interface MeshPlace {
  readonly destination: MeshDestination;
  /** For people: `postern-system port 3306 of Postern`. */
  readonly text: string;
}

/** A port of Postern: all databases that are exposed there, or one API, which its host tells. */
export interface GatewayPlace extends MeshPlace {
  readonly targets: readonly Target[];
  /** All that the port serves: whoever comes for one of them may ask for another. */
  readonly sharing: readonly Target[];
}

export interface DatabasePlace extends MeshPlace {
  readonly database: Database;
}

/** The ports of Postern in this cluster; each once for each kind of pod there. */
export function gatewayPlaces(input: MeshInput): readonly GatewayPlace[] {
  const { context } = input;
  const byPlace = new Map<string, Target[]>();
  for (const target of context.targets) {
    const port = podPort(target.expose.port);
    const place = isSql(target) ? `${port}` : `${port} ${target.id}`;
    byPlace.set(place, [...(byPlace.get(place) ?? []), target]);
  }
  const { namespace } = context.gateway;
  const pods = podLabels(input, namespace, GATEWAY_LABELS, gatewayPod(context).labels);
  return [...byPlace.values()].flatMap((targets) => {
    const [first] = targets;
    if (!first) return [];
    const port = podPort(first.expose.port);
    const sharing = context.targets.filter(({ expose }) => podPort(expose.port) === port);
    const protocol = isSql(first) ? ('tcp' as const) : ('http' as const);
    return pods.map((labels) => ({
      targets,
      sharing,
      text: `port ${port} of Postern in ${context.cluster.name}`,
      destination: { namespace, labels, port, protocol, host: serviceHost(context, first) },
    }));
  });
}

/** The ports of the databases whose pods are in this cluster. */
export function databasePlaces(input: MeshInput): readonly DatabasePlace[] {
  return databases(input.context).flatMap((database) => {
    const { namespace, labels: declared, port } = database.pods;
    return podLabels(input, namespace, declared, declared).map((labels) => ({
      database,
      text: `port ${port} of the pods ${labelText(declared)} in ${input.context.cluster.name}/${namespace}`,
      destination: { namespace, labels, port, protocol: 'tcp' as const },
    }));
  });
}

/** All sets of labels that pods with these labels have; as declared where no pod is known. */
function podLabels(
  { facts }: MeshInput,
  namespace: string,
  selector: Labels,
  declared: Labels,
): readonly Labels[] {
  const found = new Map<string, Labels>();
  for (const pods of facts.workloads ?? []) {
    if (pods.namespace !== namespace) continue;
    if (!Object.entries(selector).every(([name, value]) => pods.labels[name] === value)) continue;
    found.set(labelText(pods.labels), pods.labels);
  }
  return found.size > 0 ? [...found.values()] : [declared];
}
