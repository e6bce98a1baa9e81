// SPDX-License-Identifier: Apache-2.0

import { type Artifact, plainObject, Traced, type Value } from '../../compile/istio/artifact.ts';
import type { KubeObject } from '../../compile/kube/object.ts';
import type { RuleReference } from '../../model/decision.ts';

export type Labels = Readonly<Record<string, string>>;

/** What the model must know of one cluster beside its objects. */
export interface MeshFacts {
  readonly cluster: string;
  readonly dataPlane: 'Sidecar' | 'Ambient' | 'None';
  /** The Istio minor, such as `1.29`. */
  readonly version: string;
  readonly trustDomain: string;
  readonly trustDomainAliases: readonly string[];
  /** Where policies without a selector are for the whole mesh; `istio-system` by default. */
  readonly rootNamespace?: string;
  /** The labels of each namespace, all of them; one that is absent here has unknown labels. */
  readonly namespaces?: ReadonlyMap<string, Labels>;
  /** Pods beside those that Deployments and the like among the objects describe. */
  readonly workloads?: readonly WorkloadFacts[];
  /** What sidecars without a Sidecar object do with unknown hosts; `ALLOW_ANY` by default. */
  readonly outboundTrafficPolicy?: 'ALLOW_ANY' | 'REGISTRY_ONLY';
}

/** Pods of one template. */
export interface WorkloadFacts {
  readonly namespace: string;
  readonly labels: Labels;
  readonly annotations?: Labels;
  /** Container ports by name, which NetworkPolicies may use. */
  readonly ports?: Readonly<Record<string, number>>;
  /** A pod that runs, and has no proxy of the mesh before its ports. */
  readonly outside?: boolean;
}

/** An object of the cluster, rendered or live, with the declaration lines it stands for. */
export interface MeshObject {
  readonly object: KubeObject;
  readonly rules: readonly RuleReference[];
  /** The lines of its parts, by path: `spec/rules/0`. */
  readonly parts: ReadonlyMap<string, readonly RuleReference[]>;
}

/** What the compiler emitted. */
export function meshObject(artifact: Artifact): MeshObject {
  const parts = new Map<string, readonly RuleReference[]>();
  for (const [key, value] of Object.entries(artifact.content)) note(value, key, parts);
  const object = plainObject(artifact) as unknown as KubeObject;
  return { object, rules: artifact.rules, parts };
}

/** What the API server holds; `declared` is the object of that name in the declaration, if any. */
export function liveMeshObject(object: KubeObject, declared?: MeshObject): MeshObject {
  return { object, rules: declared?.rules ?? [], parts: new Map() };
}

/** The lines of a part: its own, else those of what it is in, else the object's. */
export function rulesAt({ rules, parts }: MeshObject, path: string): readonly RuleReference[] {
  for (let at = path; at !== ''; at = at.slice(0, Math.max(0, at.lastIndexOf('/')))) {
    const own = parts.get(at);
    if (own) return own;
  }
  return rules;
}

function note(value: Value, path: string, parts: Map<string, readonly RuleReference[]>): void {
  if (value instanceof Traced) {
    parts.set(path, [...(parts.get(path) ?? []), ...value.rules]);
    note(value.value, path, parts);
  } else if (typeof value === 'object') {
    for (const [key, inner] of Object.entries(value)) note(inner, `${path}/${key}`, parts);
  }
}
