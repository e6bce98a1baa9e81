// SPDX-License-Identifier: Apache-2.0

export type Labels = Readonly<Record<string, string>>;

/** How an identity was verified; the values of the `identity.method` key of `when`. */
export type IdentityMethod =
  | 'mesh-mtls'
  | 'client-certificate'
  | 'token'
  | 'ticket'
  | 'proxy-v2'
  | 'internal';

/** A claim value as rules see it: text, or a list of text. Everything else never matches. */
export type ClaimValue = string | readonly string[];

/**
 * What a proof rested on in the declaration, plain data. The identity is worth nothing any more
 * when the declaration no longer has it.
 */
export type TrustAnchor =
  | {
      readonly kind: 'certificate';
      /** As the certificate names it, which may be an alias. */
      readonly trustDomain: string;
      /** The Cluster's own name for itself then. */
      readonly clusterDomain: string;
      /** SHA-256 of the root that the chain ended in. */
      readonly root: string;
    }
  | {
      readonly kind: 'token';
      readonly issuer: string;
      /** Those of the token that were accepted; one must still be. */
      readonly audiences: readonly string[];
      /** Everything else of the provider that decides whom a token stands for. */
      readonly meaning: string;
    };

interface PrincipalFacts {
  /** Canonical id: `workload/<cluster>/<ns>/<sa>`, `user/<idp>/<oid>`, `ci/<idp>/<repo>@<env>`. */
  readonly id: string;
  readonly method: IdentityMethod;
  /** What vouched for it: an IdentityProvider or Cluster name. */
  readonly verifiedBy: string;
  /** Verified claims by name (token identities); empty for certificates. */
  readonly claims: Readonly<Record<string, ClaimValue>>;
  /** When the proof ends, ms since the epoch: a token's `exp`, a certificate's notAfter. */
  readonly expiresAt: number;
  /** Absent for principals that are only spoken of. */
  readonly anchor?: TrustAnchor;
  /** Rights are the intersection with this principal's. */
  readonly onBehalfOf?: Principal;
}

export interface WorkloadPrincipal extends PrincipalFacts {
  readonly kind: 'workload';
  readonly cluster: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly spiffeId?: string;
}

/**
 * Group membership as the provider stated it. `incomplete`: the provider cut the list off (Entra
 * overage, Okta's limit of 100); then a group that is not listed is *unknown*, not absent.
 */
export interface GroupMembership {
  readonly ids: ReadonlySet<string>;
  readonly incomplete: boolean;
}

export interface UserPrincipal extends PrincipalFacts {
  readonly kind: 'user';
  readonly provider: string;
  readonly subject: string;
  readonly displayName?: string;
  readonly groups: GroupMembership;
  readonly appRoles: ReadonlySet<string>;
}

export interface CiPrincipal extends PrincipalFacts {
  readonly kind: 'ci';
  readonly provider: string;
  readonly repository: string;
  readonly ownerId?: string;
  readonly repositoryId?: string;
  readonly environment?: string;
  /** Branch or tag reference as the provider states it, e.g. `refs/heads/main`. */
  readonly ref?: string;
}

/** An application or agent with an identity of its own at an identity provider (client credentials). */
export interface AgentPrincipal extends PrincipalFacts {
  readonly kind: 'agent';
  readonly provider: string;
  readonly client: string;
  readonly appRoles: ReadonlySet<string>;
}

export type Principal = WorkloadPrincipal | UserPrincipal | CiPrincipal | AgentPrincipal;
export type PrincipalKind = Principal['kind'];
