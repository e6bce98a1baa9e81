// SPDX-License-Identifier: Apache-2.0
import type { RuleReference } from '../../model/decision.ts';

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [name: string]: JsonValue;
}

/** What the API server notes about who set which field; `fieldsV1` is a tree of path elements. */
export interface ManagedField {
  readonly manager?: string;
  readonly operation?: string;
  readonly subresource?: string;
  readonly fieldsV1?: JsonObject;
}

export interface ObjectMetadata {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly managedFields?: readonly ManagedField[];
  readonly deletionTimestamp?: string;
}

/** An object of the Kubernetes API, of whatever kind. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMetadata;
  readonly [field: string]: unknown;
}

/**
 * An object that the declaration asks for. What the API server would fill in inside a list that it
 * takes as a whole (such as `protocol` of a NetworkPolicy's ports) is written out, or every plan
 * would find it changed.
 */
export interface DesiredObject {
  readonly object: KubeObject;
  /** The declaration lines it stands for; none for what is always there. */
  readonly rules: readonly RuleReference[];
}

export interface ObjectReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
}

/** Server-side apply: the name under which the API server notes our fields. */
export const FIELD_MANAGER = 'postern';
export const MANAGED_BY_LABEL = 'app.kubernetes.io/managed-by';
export const MANAGED_BY = 'postern';
/** Two installations in one cluster keep apart by it. */
export const INSTALLATION_ANNOTATION = 'postern.dev/installation';

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function referenceOf(object: KubeObject): ObjectReference {
  const { apiVersion, kind, metadata } = object;
  const { namespace, name } = metadata;
  return { apiVersion, kind, ...(namespace !== undefined && { namespace }), name };
}

/** One text per object, whatever version of its API it was read in. */
export function objectKey(reference: ObjectReference): string {
  const { apiVersion, kind, namespace = '', name } = reference;
  const group = apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
  return [group, kind, namespace, name].join('|');
}

/** `AuthorizationPolicy orders/only-postern`, for plans and messages. */
export function referenceText({ kind, namespace, name }: ObjectReference): string {
  return namespace === undefined ? `${kind} ${name}` : `${kind} ${namespace}/${name}`;
}

/** Whether an object is ours to change: both marks, and of this installation. */
export function isManaged(object: KubeObject, installation: string): boolean {
  const { labels, annotations } = object.metadata;
  return (
    labels?.[MANAGED_BY_LABEL] === MANAGED_BY &&
    annotations?.[INSTALLATION_ANNOTATION] === installation
  );
}

/** The object as it is applied: with the marks of the installation. */
export function managedObject({ object }: DesiredObject, installation: string): KubeObject {
  const { metadata } = object;
  return {
    ...object,
    metadata: {
      ...metadata,
      labels: { ...metadata.labels, [MANAGED_BY_LABEL]: MANAGED_BY },
      annotations: { ...metadata.annotations, [INSTALLATION_ANNOTATION]: installation },
    },
  };
}
