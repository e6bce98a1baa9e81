// SPDX-License-Identifier: Apache-2.0
import type { RuleReference } from '../../model/decision.ts';
import type { DesiredObject, KubeObject } from '../kube/object.ts';
import { type Artifact, plainObject, Traced, type Value } from './artifact.ts';

/** Every kind that a compiled cluster may hold, so that what is no longer declared is found too. */
export const MESH_KINDS: readonly { readonly apiVersion: string; readonly kind: string }[] = [
  { apiVersion: 'v1', kind: 'Service' },
  { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy' },
  { apiVersion: 'security.istio.io/v1', kind: 'PeerAuthentication' },
  { apiVersion: 'security.istio.io/v1', kind: 'AuthorizationPolicy' },
  { apiVersion: 'security.istio.io/v1', kind: 'RequestAuthentication' },
  { apiVersion: 'networking.istio.io/v1', kind: 'ServiceEntry' },
  { apiVersion: 'networking.istio.io/v1', kind: 'DestinationRule' },
  { apiVersion: 'networking.istio.io/v1', kind: 'VirtualService' },
  { apiVersion: 'networking.istio.io/v1', kind: 'Sidecar' },
  { apiVersion: 'networking.istio.io/v1beta1', kind: 'ProxyConfig' },
  { apiVersion: 'telemetry.istio.io/v1', kind: 'Telemetry' },
  { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'Gateway' },
];

/** What is compiled, in the form in which it is compared with a cluster. */
export function desiredObjects(artifacts: readonly Artifact[]): readonly DesiredObject[] {
  return artifacts.map((artifact) => {
    const rules = new Map<string, RuleReference>();
    for (const rule of [...artifact.rules, ...rulesIn(artifact.content)]) {
      const { file, line, column } = rule.position;
      rules.set(`${rule.name} ${file}:${line}:${column}`, rule);
    }
    const object = plainObject(artifact) as unknown as KubeObject;
    return { object, rules: [...rules.values()] };
  });
}

function rulesIn(value: Value | Artifact['content']): readonly RuleReference[] {
  if (value instanceof Traced) return [...value.rules, ...rulesIn(value.value)];
  if (Array.isArray(value)) return value.flatMap(rulesIn);
  if (typeof value !== 'object') return [];
  return Object.values(value).flatMap(rulesIn);
}
