// SPDX-License-Identifier: Apache-2.0
import type { ObjectReference } from '../../compile/kube/object.ts';
import type { RuleReference } from '../../model/decision.ts';

export const MESH_ALLOWS = [
  /** A rule of an ALLOW policy matches, and nothing takes it away. */
  'allow-rule',
  /** No ALLOW policy concerns the pod, so everybody may who is not denied. */
  'no-allow-policy',
  /** No proxy is in the path (no mesh, or an excluded port): only NetworkPolicy bounds it. */
  'outside-mesh',
] as const;

export const MESH_DENIES = [
  'deny-rule',
  /** ALLOW policies concern the pod, and no rule of theirs matches. */
  'no-allow-rule',
  /** The port is STRICT and the caller has no certificate. */
  'plaintext-refused',
  /** The certificate's trust domain is none of the mesh's. */
  'trust-domain-refused',
  /** A RequestAuthentication found the token wrong. */
  'token-refused',
  'network-policy-ingress',
  'network-policy-egress',
  /**
   * The caller's own sidecar would not know the host. It is no bound for a hostile caller, who can
   * go around its sidecar: everything else would have let it through.
   */
  'egress-registry',
] as const;

export const MESH_UNKNOWNS = [
  /** A field that the model does not know and that might decide. */
  'field-unknown',
  /** A kind that the model does not count and that might decide. */
  'kind-unknown',
  /** A CUSTOM policy asks somebody else. */
  'external-authorizer',
  /** Versions of Istio or of its data plane differ in it. */
  'version-unknown',
  /** It depends on something of the caller that was not given. */
  'caller-unknown',
  /** It depends on something of the destination or request that was not given. */
  'destination-unknown',
] as const;

export type MeshAllow = (typeof MESH_ALLOWS)[number];
export type MeshDeny = (typeof MESH_DENIES)[number];
export type MeshUnknown = (typeof MESH_UNKNOWNS)[number];
export type MeshReason = MeshAllow | MeshDeny | MeshUnknown;

/** `unknown` is for the reader to treat as "not proved", never as either of the others. */
export interface MeshVerdict {
  readonly effect: 'allow' | 'deny' | 'unknown';
  readonly why: MeshReason;
  /** What decided; absent when it is the absence of objects. */
  readonly object?: ObjectReference;
  /** The declaration lines of what decided, where known. */
  readonly rules: readonly RuleReference[];
  /** For `unknown`: the field, kind or attribute. */
  readonly detail?: string;
}
