// SPDX-License-Identifier: Apache-2.0
import type { RuleReference } from '../../model/decision.ts';

/** A part of an object together with the declaration lines it stands for. */
export class Traced {
  readonly value: Value;
  readonly rules: readonly RuleReference[];

  constructor(value: Value, rules: readonly RuleReference[]) {
    this.value = value;
    this.rules = rules;
  }
}

export type Value =
  | string
  | number
  | boolean
  | Traced
  | readonly Value[]
  | { readonly [key: string]: Value };

export type Plain =
  | string
  | number
  | boolean
  | readonly Plain[]
  | { readonly [key: string]: Plain };

/** One object of the Kubernetes API that the declaration asks for. */
export interface Artifact {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    /** Absent for what belongs to the whole cluster. */
    readonly namespace?: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  /** The declaration lines the object as a whole stands for; none for what is always there. */
  readonly rules: readonly RuleReference[];
  /** Everything beside metadata: `spec`, or what the kind has instead. */
  readonly content: { readonly [key: string]: Value };
}

export const MANAGED_LABELS = { 'app.kubernetes.io/managed-by': 'postern' } as const;

/** As it is sent to an API server. */
export function plainObject(artifact: Artifact): { readonly [key: string]: Plain } {
  const { apiVersion, kind, metadata, content } = artifact;
  const parts = Object.entries(content).map(([key, value]) => [key, plain(value)]);
  return { apiVersion, kind, metadata, ...Object.fromEntries(parts) };
}

/** By kind, namespace and name: what tells two objects apart. */
export function artifactId({ kind, metadata }: Artifact): string {
  return [kind, ...(metadata.namespace ? [metadata.namespace] : []), metadata.name].join('/');
}

function plain(value: Value): Plain {
  if (value instanceof Traced) return plain(value.value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}
