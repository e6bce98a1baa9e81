// SPDX-License-Identifier: Apache-2.0
import {
  GATEWAY_LABELS,
  GATEWAY_NAME,
  podPort,
  serviceName,
} from '../compile/istio/mesh-context.ts';
import { isJsonObject, type JsonObject } from '../compile/kube/object.ts';
import type { RuleReference } from '../model/decision.ts';
import type { Target } from '../policy/policy.ts';
import type { MeshInput } from './mesh-input.ts';

/** Why nobody who dials the name of a target comes to Postern. */
export interface UnreachableName {
  readonly by: string;
  readonly why: 'service-missing' | 'service-elsewhere' | 'waypoint-missing';
  readonly rules: readonly RuleReference[];
}

/** Undefined: the name leads to the pods of Postern, in an ambient mesh as to a waypoint. */
export function unreachableName(input: MeshInput, target: Target): UnreachableName | undefined {
  const { namespace } = input.context.gateway;
  const find = (kind: string, name: string) =>
    input.objects.find(
      ({ object: { kind: own, metadata } }) =>
        own === kind && metadata.namespace === namespace && metadata.name === name,
    );
  const by = `Service/${namespace}/${serviceName(target)}`;
  const service = find('Service', serviceName(target));
  if (!service) return { by, why: 'service-missing', rules: [target.rule] };
  const spec = isJsonObject(service.object['spec']) ? service.object['spec'] : {};
  if (!leadsHere(spec, target)) return { by, why: 'service-elsewhere', rules: service.rules };
  if (input.context.mesh.dataPlane !== 'Ambient') return undefined;
  if (service.object.metadata.labels?.['istio.io/use-waypoint'] !== GATEWAY_NAME) {
    return { by, why: 'waypoint-missing', rules: service.rules };
  }
  if (find('Gateway', GATEWAY_NAME)) return undefined;
  const waypoint = `Gateway/${namespace}/${GATEWAY_NAME}`;
  return { by: waypoint, why: 'waypoint-missing', rules: [input.context.mesh.rule] };
}

function leadsHere({ selector, ports }: JsonObject, { expose }: Target): boolean {
  if (!isJsonObject(selector) || !Array.isArray(ports)) return false;
  const labels: Readonly<Record<string, string>> = GATEWAY_LABELS;
  return (
    Object.entries(selector).every(([name, value]) => labels[name] === value) &&
    ports.some(
      (port) =>
        isJsonObject(port) &&
        port['port'] === expose.port &&
        (port['targetPort'] ?? port['port']) === podPort(expose.port),
    )
  );
}
